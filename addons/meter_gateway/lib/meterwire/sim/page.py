"""The trainer's page: a web server on loopback that shows the site and breaks it with buttons.

One page, without anything from outside. What changes something needs the page's token, which
another site's script cannot read; a request under any other name than the loopback address (a
name that somebody made point here) gets nothing.
"""

import asyncio
import contextlib
import hmac
import json
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .page_state import box_state, overview

HTML = Path(__file__).with_name("page.html")
HEAD_MAX, BODY_MAX = 16 * 1024, 16 * 1024
SECONDS = 10
#: what the page may ask of the simulator
OPERATIONS = frozenset(
    (
        *("fault", "revive", "deliver", "power", "close_link", "storm", "card", "spend", "suspend"),
        *("clock", "load", "battery", "stick", "press", "advance"),
    )
)
WORDS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
}


class Problem(Exception):
    """A request is answered with this status and these words."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status, self.words = status, words


class Page:
    """
    :param simulator: :class:`~.simulator.Simulator`; ``simulator.control`` carries things out.
    """

    def __init__(self, simulator):
        self._simulator = simulator
        self._token = secrets.token_urlsafe(24)

    async def serve(self, reader, writer):
        """Answer the requests of one connection: one, and it is closed."""
        try:
            writer.write(await asyncio.wait_for(self._answer(reader), SECONDS))
            await asyncio.wait_for(writer.drain(), SECONDS)
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader):
        try:
            method, target, headers, body = await _request(reader)
            self._check_host(headers)
            return self._route(method, target, headers, body)
        except Problem as problem:
            return _reply(problem.status, {"ok": False, "error": problem.words})

    def _names(self):
        """The names under which the page may be asked for."""
        port = self._simulator.page_address.rpartition(":")[2]
        return {f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")}

    def _check_host(self, headers):
        names = self._names()
        if headers.get("host", "").lower() not in names:
            raise Problem(403, "ask for this page by its loopback address")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in names:
            raise Problem(403, "another site may not ask")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Problem(403, "another site may not ask")

    def _route(self, method, target, headers, body):
        url = urlsplit(target)
        if url.path == "/":
            if method != "GET":
                raise Problem(405, "GET only")
            return self._html()
        if url.path not in ("/state", "/do"):
            raise Problem(404, "no such page")
        # Texts of other alphabets are compared as bytes.
        if not hmac.compare_digest(headers.get("x-token", "").encode(), self._token.encode()):
            raise Problem(403, "load the page again")
        if url.path == "/state":
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            state = overview(self._simulator)
            if asked.get("box") in self._simulator.boxes:
                state["box"] = box_state(self._simulator, asked["box"], asked.get("port"))
            return _reply(200, state)
        if method != "POST":
            raise Problem(405, "POST only")
        return self._do(body)

    def _do(self, body):
        try:
            values = json.loads(body)
            operation = values.pop("op")
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Problem(400, "not an operation") from None
        if operation not in OPERATIONS:
            raise Problem(400, f"unknown op {operation!r}")
        return _reply(200, self._simulator.control.call(operation, values))

    def _html(self):
        nonce = secrets.token_urlsafe(16)
        text = HTML.read_text(encoding="utf-8")
        text = text.replace("{{token}}", self._token).replace("{{nonce}}", nonce)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}';"
            " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return _bytes(200, "text/html; charset=utf-8", text.encode(), policy)


async def _request(reader):
    """Return (method, target, headers, body) of one request."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise EOFError from error
    if len(head) > HEAD_MAX:
        raise Problem(413, "too long")
    try:
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _version = first.split(" ")
        pairs = [line.split(":", 1) for line in lines]
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", "0"))
    except ValueError:
        raise Problem(400, "not HTTP") from None
    if not 0 <= length <= BODY_MAX:
        raise Problem(413, "too long")
    return method, target, headers, await reader.readexactly(length)


def _reply(status, content):
    return _bytes(status, "application/json", json.dumps(content).encode(), "default-src 'none'")


def _bytes(status, kind, body, policy):
    head = (
        f"HTTP/1.1 {status} {WORDS[status]}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Security-Policy: {policy}\r\n"
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
