"""Command line of the simulator."""

import argparse
import sys

from .cipher import KeyProblem, load_chips, load_keys
from .simulator import serve
from .site import SiteError, load_site
from .store import StoreError


def main(argv=None):
    """Run the simulator.

    :param argv: arguments without the program's name.
    :return: 0 after a clean end, 2 when site, state or keys cannot be used (one line says why).
    """
    parser = argparse.ArgumentParser(
        prog="python -m meterwire.sim", description="Meters behind concentrators and DTUs."
    )
    parser.add_argument("--site", required=True, metavar="FILE", help="the site, JSON")
    parser.add_argument("--state", required=True, metavar="DIR", help="where the books are kept")
    add_options(parser)
    options = parser.parse_args(argv)
    return guarded(lambda: serve(load_site(options.site), options.state, **serve_options(options)))


def add_options(parser):
    """Add what every way to start the simulator has."""
    parser.add_argument("--control", metavar="HOST:PORT", help="control port, loopback only")
    parser.add_argument("--page", metavar="HOST:PORT", help="the trainer's page, loopback only")
    parser.add_argument(
        "--only",
        metavar="C1,C2",
        help="play these concentrators only: a site may be shared out between processes",
    )
    parser.add_argument(
        "--keys",
        metavar="FILE",
        help="master keys, readable by the owner only (default: METERWIRE_KEYS, METERWIRE_KEY_n)",
    )
    parser.add_argument(
        "--chips",
        metavar="FILE",
        help="keys of the reference encryptor, for meters with a chip (default: METERWIRE_CHIPS)",
    )


def serve_options(options):
    """Return the keyword arguments of ``serve`` for parsed options; raise KeyProblem."""
    only = options.only
    return {
        "control": options.control,
        "page": options.page,
        "only": None if only is None else [name for name in only.split(",") if name],
        "keys": load_keys(options.keys),
        "chips": load_chips(options.chips),
    }


def guarded(call):
    """Return what ``call`` returns, or 2 after one line on stderr when it cannot start."""
    try:
        return call()
    except (SiteError, StoreError, KeyProblem) as error:
        sys.stderr.write(f"metersim: {error}\n")
        return 2
