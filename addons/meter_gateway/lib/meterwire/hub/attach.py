"""What a worker and the hub say to each other. Pure functions and parsers, no sockets.

The hub greets with a challenge, the worker names DTU, generation and itself and proves that it
knows the shared secret; the hub proves the same, or refuses in words. From then on each side sends
parts: a kind, two bytes of length, and that many bytes.

    hub      METERHUB 1 <challenge>
    worker   ATTACH <dtu> <generation> <worker> <challenge> <proof>
    hub      OK <proof>            or  NO <words>

The proofs are HMAC-SHA256 over all that was said. Bytes after them are not protected: the worker
side of a hub belongs on the loopback interface or into a private network.
"""

import hashlib
import hmac
import secrets
from typing import NamedTuple
from urllib.parse import quote, unquote

DATA, BYE = b"D", b"B"
MAX_LINE = 1024
MAX_PART = 0xFFFF
_GREETING = "METERHUB 1 "


class ProtocolError(Exception):
    """The other end does not speak this protocol."""


class Request(NamedTuple):
    """What a worker asks for.

    :param str dtu: id, as configured
    :param int generation: of the worker's run, counted over all workers; an older one is refused
    :param str worker: who asks
    """

    dtu: str
    generation: int
    worker: str

    def proof(self, secret, hub_nonce, nonce):
        return _proof(secret, "attach", hub_nonce, nonce, *map(str, self))

    def line(self, secret, hub_nonce, nonce):
        """The line that asks, to be sent after the greeting."""
        proof = self.proof(secret, hub_nonce, nonce)
        words = (quote(self.dtu, safe=""), self.generation, quote(self.worker, safe=""))
        return f"ATTACH {words[0]} {words[1]} {words[2] or '-'} {nonce} {proof}\n".encode()


def nonce():
    return secrets.token_hex(16)


def greeting(hub_nonce):
    return f"{_GREETING}{hub_nonce}\n".encode()


def read_greeting(line):
    """The hub's challenge.

    :raises ProtocolError: not a hub, or another version
    """
    text = line.decode("ascii", "replace")
    if not text.startswith(_GREETING) or len(text) < len(_GREETING) + 16:
        raise ProtocolError("it is not a meter hub of this version")
    return text[len(_GREETING) :]


def read_request(line, secret, hub_nonce):
    """``(request, nonce)`` of a worker that knows the secret.

    :raises ProtocolError: it does not, or the line makes no sense
    """
    try:
        verb, dtu, generation, worker, other, proof = line.decode("ascii").split(" ")
        worker = "" if worker == "-" else unquote(worker)
        request = Request(unquote(dtu), int(generation), worker)
    except ValueError:
        raise ProtocolError("not understood") from None
    if verb != "ATTACH" or len(other) < 16:
        raise ProtocolError("not understood")
    if not hmac.compare_digest(request.proof(secret, hub_nonce, other), proof):
        raise ProtocolError("the secret does not fit")
    return request, other


def accept(secret, hub_nonce, other):
    """The line that says yes and proves that the hub knows the secret too."""
    return f"OK {_proof(secret, 'hub', hub_nonce, other)}\n".encode()


def refuse(words):
    return f"NO {words}\n".encode()


def read_answer(line, secret, hub_nonce, own):
    """Words of a refusal, or "" when the hub agrees.

    :raises ProtocolError: it does not know the secret
    """
    verb, _, rest = line.decode(errors="replace").partition(" ")
    if verb == "NO":
        return rest or "it refuses"
    proof = _proof(secret, "hub", hub_nonce, own)
    if verb != "OK" or not hmac.compare_digest(proof.encode(), rest.encode()):
        raise ProtocolError("it does not prove that it knows the secret")
    return ""


def pack(kind, payload):
    """``payload`` as parts."""
    return b"".join(
        kind + len(part).to_bytes(2, "big") + part
        for part in (payload[i : i + MAX_PART] for i in range(0, len(payload), MAX_PART))
    )


class Lines:
    """Cuts lines off the beginning of a stream; ``rest`` is what follows them."""

    def __init__(self):
        self._data = b""

    def feed(self, data):
        """Yield whole lines, without their end.

        :raises ProtocolError: a line is too long
        """
        self._data += data
        while b"\n" in self._data:
            line, _, self._data = self._data.partition(b"\n")
            yield line
        if len(self._data) > MAX_LINE:
            raise ProtocolError("a line is too long")

    def rest(self):
        rest, self._data = self._data, b""
        return rest


class Parts:
    """Puts parts together again."""

    def __init__(self):
        self._data = bytearray()

    def feed(self, data):
        """List of ``(kind, payload)`` that are complete.

        :raises ProtocolError: a kind that does not exist
        """
        self._data += data
        parts = []
        while len(self._data) >= 3:
            kind = bytes(self._data[:1])
            if kind not in (DATA, BYE):
                raise ProtocolError("an unknown kind of message")
            end = 3 + int.from_bytes(self._data[1:3], "big")
            if len(self._data) < end:
                break
            parts.append((kind, bytes(self._data[3:end])))
            del self._data[:end]
        return parts


def _proof(secret, *words):
    # No word contains a zero byte in UTF-8 but for one that holds the character itself: quoted.
    text = "\0".join(quote(word, safe="") for word in words)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
