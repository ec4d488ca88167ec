"""Talk to utility meters: frames, recharge, and many half-duplex lines side by side.

This package knows neither Odoo nor a database. Use it through ``engine.Engine`` (a thread with
its own event loop), or take the codec alone: ``dlt645_2007``, ``recharge`` and ``decode`` do no
input or output at all. ``python -m meterwire`` is the field tool.
"""
