"""Meter simulator: a program of its own, with its own frame and cipher code.

It imports nothing of the rest of the package, and models never import it: only the command line
(``python -m meterwire.sim``, ``odoo metersim``) and tests do. See docs/simulator.md.
"""

from .cli import main
from .simulator import Simulator, serve

__all__ = ["Simulator", "main", "serve"]
