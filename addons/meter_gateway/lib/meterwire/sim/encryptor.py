"""The reference encryptor: ``docs/encryptor.md`` over HTTP, with the codes of the emulated chip.

``python -m meterwire.sim.encryptor --listen 127.0.0.1:8443 --keys FILE``
"""

import argparse
import hmac
import json
import os
import re
import secrets
import signal
import ssl
import stat
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .esam_codes import identity_cipher, meter_key, order_mac

_MAX_BODY = 16 * 1024
_SECRETS = ("token", "identity", "purchase")


class Problem(Exception):
    """The program cannot start; the text says why and never holds a secret."""


class Refused(Exception):
    """A call is answered with this status and these words."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status
        self.words = words


class Codes:
    """The codes that are made with two master keys.

    :param identity: 16 bytes.
    :param purchase: 16 bytes.
    """

    def __init__(self, identity, purchase):
        self._identity = identity
        self._purchase = purchase

    def answer(self, path, asked):
        """Return the answer to one call.

        :raise Refused: it makes no sense.
        """
        calls = {"/v1/identity": self.identity, "/v1/order": self.order}
        if path not in calls:
            raise Refused(404, f"there are {' and '.join(calls)}")
        if not isinstance(asked, dict):
            raise Refused(400, "a call is a JSON object")
        if not re.fullmatch(r"[0-9]{12}", str(asked.get("meter"))):
            raise Refused(400, "meter must be 12 digits")
        return calls[path](asked)

    def identity(self, asked):
        """Return a pair of random number and cipher."""
        key = meter_key(self._identity, _hexadecimal(asked, "diversifier", 8))
        random1 = secrets.token_bytes(8)
        return {"random1": _text(random1), "cipher": _text(identity_cipher(key, random1))}

    def order(self, asked):
        """Return both MACs of an order."""
        key = meter_key(self._purchase, _hexadecimal(asked, "diversifier", 8))
        random2 = _hexadecimal(asked, "random2", 4)
        function = _hexadecimal(asked, "function", 4)
        macs = {}
        for name, covered in (("mac1", "data1"), ("mac2", "data2")):
            macs[name] = _text(order_mac(key, random2, function, _hexadecimal(asked, covered)))
        return macs


def _hexadecimal(asked, name, size=None):
    text = asked.get(name)
    if not isinstance(text, str) or not re.fullmatch(r"([0-9A-Fa-f]{2})+", text):
        raise Refused(400, f"{name} must be hexadecimal")
    data = bytes.fromhex(text)
    if size is not None and len(data) != size:
        raise Refused(400, f"{name} must be {2 * size} hexadecimal digits")
    return data


def _text(data):
    return data.hex().upper()


class Handler(BaseHTTPRequestHandler):
    """One connection. ``server.codes`` and ``server.token`` belong to the program."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self):
        try:
            status, answer = 200, self.server.codes.answer(self.path, self._asked())
        except Refused as refused:
            status, answer = refused.status, {"error": refused.words}
            # What was not read of the call must not be taken for the next one.
            self.close_connection = True
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _asked(self):
        wanted = f"Bearer {self.server.token}".encode()
        if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), wanted):
            raise Refused(401, "unknown token")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            raise Refused(400, "a call has a Content-Length, and not a long one")
        try:
            return json.loads(self.rfile.read(int(length)))
        except ValueError:
            raise Refused(400, "a call is JSON") from None


class Server(ThreadingHTTPServer):
    """The program's socket.

    :param address: host and port; port 0 takes a free one.
    :param codes: ``Codes``.
    :param token: what a caller must know.
    """

    daemon_threads = True

    def __init__(self, address, codes, token):
        super().__init__(address, Handler)
        self.codes = codes
        self.token = token


def load(path):
    """Return codes and token of the key file.

    :raise Problem: it is unreadable, readable by others, or not what it should be.
    """
    try:
        with open(path, encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Problem(f"{path}: others may read it; chmod 600 it first")
            content = json.load(file)
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from error
    except ValueError:
        raise Problem(f"{path}: not JSON") from None
    if not isinstance(content, dict) or set(content) != set(_SECRETS):
        raise Problem(f"{path}: must have {', '.join(_SECRETS)}")
    if not isinstance(content["token"], str) or not content["token"]:
        raise Problem(f"{path}: token must be text")
    keys = []
    for name in _SECRETS[1:]:
        if not re.fullmatch(r"[0-9A-Fa-f]{32}", str(content[name])):
            raise Problem(f"{path}: {name} must be 32 hexadecimal digits")
        keys.append(bytes.fromhex(content[name]))
    return Codes(*keys), content["token"]


def main(arguments=None):
    """Run until a signal comes; return the exit status."""
    parser = argparse.ArgumentParser(prog="meterwire.sim.encryptor", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8443", help="HOST:PORT, port 0: a free one")
    parser.add_argument("--keys", required=True, help="file with token, identity and purchase")
    parser.add_argument("--tls-cert", help="PEM file; with --tls-key: speak https")
    parser.add_argument("--tls-key", help="PEM file")
    options = parser.parse_args(arguments)
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdecimal() or bool(options.tls_cert) != bool(options.tls_key):
        parser.error("--listen is HOST:PORT; --tls-cert and --tls-key go together")
    try:
        server = Server((host, int(port)), *load(options.keys))
        if options.tls_cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(options.tls_cert, options.tls_key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
    except (OSError, OverflowError, Problem) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    scheme = "https" if options.tls_cert else "http"
    sys.stdout.write(f"listening on {scheme}://{host}:{server.server_port}\n")
    sys.stdout.flush()
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
