"""A line behind a DTU that dials in: the hub holds its connection, this asks the hub for it."""

import asyncio

from ..errors import LinkDown, WireError
from ..hub import attach
from . import tcp

_OPTIONS = {"generation", "worker"}


class HubLink(tcp.TcpLink):
    """See the package's docstring for what a link is.

    :param Request request: which DTU, and for whom
    """

    # The DTU's connection stays as it is; late bytes come through a new attachment just as well.
    reopen = False

    def __init__(self, request, secret, on_data, on_lost):
        super().__init__(self._received, self._gone)
        self._request = request
        self._secret = secret
        self._deliver = on_data
        self._tell = on_lost
        self._lines = attach.Lines()
        self._parts = attach.Parts()
        self._nonce = self._greeting = None
        self.opened = asyncio.get_running_loop().create_future()  # words why not, or ""

    def write(self, data):
        super().write(attach.pack(attach.DATA, data))

    def _received(self, data):
        try:
            if not self.opened.done():
                for line in self._lines.feed(data):
                    self._negotiate(line)
                    if self.opened.done():
                        data = self._lines.rest()
                        break
                else:
                    return
            for kind, payload in self._parts.feed(data):
                self._take(kind, payload)
        except attach.ProtocolError as error:
            self._fail(str(error))

    def _negotiate(self, line):
        if self._greeting is None:
            self._greeting = attach.read_greeting(line)
            self._nonce = attach.nonce()
            self._transport.write(self._request.line(self._secret, self._greeting, self._nonce))
            return
        self.opened.set_result(attach.read_answer(line, self._secret, self._greeting, self._nonce))

    def _take(self, kind, payload):
        if self._on_lost is None:
            return  # given up meanwhile
        if kind == attach.DATA:
            self._deliver(payload)
        else:
            self._fail(payload.decode(errors="replace"))

    def _fail(self, words):
        on_lost = self._on_lost
        self.abort()
        if on_lost:
            on_lost(words)

    def _gone(self, words):
        if self.opened.done():
            self._tell(words)
        else:
            self.opened.set_result(words)


async def open_link(host, port, dtu, options, on_data, on_lost, timeout, secrets):
    if not host or not port or not dtu or set(options) - _OPTIONS:
        raise LinkDown("a hub endpoint is hub://127.0.0.1:7101/DTU?generation=1&worker=1")
    try:
        request = attach.Request(dtu, int(options.get("generation", 0)), options.get("worker", ""))
        secret = secrets.secret("hub") if secrets is not None else ""
    except ValueError:
        raise LinkDown("the generation of a hub endpoint is a whole number") from None
    except WireError as error:
        raise LinkDown(error.words) from None
    if not secret:
        raise LinkDown("the hub's secret is not in the secrets file")
    loop = asyncio.get_running_loop()
    started = loop.time()
    link = await tcp.connect(
        lambda: HubLink(request, secret, on_data, on_lost), host, port, timeout
    )
    try:
        rest = max(timeout - (loop.time() - started), 0.01)
        refusal = await asyncio.wait_for(link.opened, rest)
    except asyncio.TimeoutError:
        refusal = f"it does not answer within {timeout:g} s"
    except asyncio.CancelledError:
        link.abort()
        raise
    if refusal:
        link.abort()
        raise LinkDown(f"hub {host}:{port}: {refusal}")
    return link
