"""Command line of the simulator."""

import argparse
import sys

from .cipher import KeyProblem, load_keys
from .simulator import serve
from .site import SiteError, load_site
from .store import StoreError


def main(argv=None):
    """Run the simulator.

    :param argv: arguments without the program's name.
    :return: 0 after a clean end, 2 when site, state or keys cannot be used (one line says why).
    """
    parser = argparse.ArgumentParser(
        prog="python -m meterwire.sim", description="Prepaid meters behind serial-server ports."
    )
    parser.add_argument("--site", required=True, metavar="FILE", help="the site, JSON")
    parser.add_argument("--state", required=True, metavar="DIR", help="where the books are kept")
    parser.add_argument("--control", metavar="HOST:PORT", help="control port, loopback only")
    parser.add_argument(
        "--keys",
        metavar="FILE",
        help="master keys, readable by the owner only (default: METERWIRE_KEYS, METERWIRE_KEY_n)",
    )
    options = parser.parse_args(argv)
    return guarded(
        lambda: serve(
            load_site(options.site), options.state, options.control, load_keys(options.keys)
        )
    )


def guarded(call):
    """Return what ``call`` returns, or 2 after one line on stderr when it cannot start."""
    try:
        return call()
    except (SiteError, StoreError, KeyProblem) as error:
        sys.stderr.write(f"metersim: {error}\n")
        return 2
