"""The hub: DTUs dial in to it, workers ask it for their connections. asyncio, no Odoo, no database.

``python -m meterwire.hub`` runs it alone, ``odoo meter_hub`` with the boxes of a database.
A module each: ``dtu`` (what is known of one DTU), ``registration`` (who is calling), ``heartbeat``,
``ddp`` and ``stream`` (what of the stream is the meters'), ``attach`` (what workers say),
``downstream`` and ``upstream`` (the connections), ``limits``, ``server``.
"""
