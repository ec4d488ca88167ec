"""A hub alone: ``python -m meterwire.hub FILE``.

    {"listen": ["0.0.0.0:7100"], "workers": "127.0.0.1:7101", "limits": {"register_seconds": 60},
     "dtus": [{"id": "860000000000017", "registration": "imei", "heartbeat": "70696E67",
               "heartbeat_reply": "706F6E67", "idle_seconds": 120}]}

The secret stands as ``"hub"`` in the file that METERWIRE_KEYS names. When it listens it prints one
line, ``ready 0.0.0.0:7100 workers=127.0.0.1:7101``. SIGHUP reads the file again, SIGUSR1 prints
what is known as one line of JSON, SIGTERM ends.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from ..errors import WireError
from ..recharge.keys import KeyRing
from .dtu import Dtu
from .limits import Limits
from .program import AddressError, address, serve

_logger = logging.getLogger(__name__)


class ConfigurationError(WireError):
    """The file cannot be used."""


def main(argv=None):
    """Run the program; 0 after a clean end, 2 when the file, the secret or an address is bad."""
    parser = argparse.ArgumentParser(
        prog="python -m meterwire.hub", description="The listener that DTUs dial in to."
    )
    parser.add_argument("file", help="listeners, limits and DTUs, JSON")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        content = read(options.file)
        listen = [address(text) for text in content.get("listen", ["0.0.0.0:7100"])]
        workers = address(content.get("workers", "127.0.0.1:7101"))
        limits = Limits(**content.get("limits", {}))
        dtus = dtus_of(content)
        secret = KeyRing.from_env().secret("hub")
        asyncio.run(serve(secret, limits, listen, workers, _tend(options.file, dtus)))
    except (WireError, AddressError, TypeError, OSError) as error:
        print(f"hub: {error}", file=sys.stderr)
        return 2
    return 0


def read(path):
    """The file's content."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: an object is needed")
    return content


def dtus_of(content):
    """The DTUs of the file's content; one wrong entry spoils them all."""
    return [Dtu.from_json(values) for values in content.get("dtus", [])]


def _tend(path, dtus):
    async def tend(hub, addresses, ending):
        def read_again():
            try:
                hub.configure(dtus_of(read(path)))
            except WireError as error:
                _logger.info("%s", error)
            else:
                print(f"read {len(hub.directory.dtus)}", flush=True)

        hub.configure(dtus)
        hub.loop.add_signal_handler(signal.SIGHUP, read_again)
        hub.loop.add_signal_handler(signal.SIGUSR1, _tell, hub)
        print(f"ready {' '.join(addresses[:-1])} workers={addresses[-1]}", flush=True)
        await ending.wait()

    return tend


def _tell(hub):
    dtus = {dtu_id: status._asdict() for dtu_id, status in hub.statuses().items()}
    print(json.dumps({**hub.summary(), "dtus": dtus}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
