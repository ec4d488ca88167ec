"""Client of an encryptor: the program that holds an operator's keys and makes a meter's codes.

``docs/encryptor.md`` is the contract. The client blocks, so it runs in a ``question.Call``. Neither
token nor codes reach the text of an error.
"""

import http.client
import json
import ssl
import time
from urllib.parse import urlsplit

from ..errors import KeyMissing, NoEncryptor

_MAX_ANSWER = 64 * 1024
_PIECE = 4096
_DEFAULT_TIMEOUT = 5
#: HTTP status -> words; nothing of the body is repeated but a short ``error`` of 400 and 422
_REFUSALS = {
    401: "the encryptor does not know this token",
    403: "the encryptor does not allow this",
    404: "the encryptor does not know this function, or not this meter",
    429: "the encryptor has too much to do",
}


class Encryptor:
    """One encryptor of the key file.

    :param str name: under which the key file has it
    :param dict entry: url, token, and perhaps timeout (seconds for a whole answer) and ca_file
    :raises KeyMissing: the entry makes no sense
    """

    __slots__ = ("_host", "_path", "_port", "_token", "ca_file", "name", "secure", "timeout")

    def __init__(self, name, entry):
        try:
            url = urlsplit(entry["url"])
            self._port = url.port
        except ValueError:
            url = None
        if url is None or url.scheme not in ("http", "https") or not url.hostname or url.query:
            raise KeyMissing(f"encryptor {name!r}: its url is not http://host:port/path")
        if not entry["token"].isascii() or not entry["token"].isprintable():
            raise KeyMissing(f"encryptor {name!r}: its token does not fit a header")
        self.name = name
        self.secure = url.scheme == "https"
        self.timeout = entry.get("timeout", _DEFAULT_TIMEOUT)
        self.ca_file = entry.get("ca_file")
        self._host = url.hostname
        self._path = url.path.rstrip("/")
        self._token = entry["token"]

    def __repr__(self):
        return f"<Encryptor {self.name}>"

    def __reduce__(self):
        raise TypeError("keys are not to be written anywhere")

    def ask(self, path, question, answers):
        """One call.

        :param str path: ``/v1/identity`` or ``/v1/order``
        :param dict question: sent as JSON
        :param dict answers: name -> how many bytes of hexadecimal digits must come back under it
        :return: name -> bytes
        :raises NoEncryptor: not reached in time, refused, or an answer that makes no sense
        """
        status, body = self._post(path, json.dumps(question).encode())
        if status != 200:
            raise NoEncryptor(self._refusal(status, body))
        try:
            answer = json.loads(body)
            found = {name: bytes.fromhex(answer[name]) for name in answers}
        except (KeyError, TypeError, ValueError):
            found = {}
        if {name: len(value) for name, value in found.items()} != answers:
            raise NoEncryptor("the encryptor answered something else than what it was asked for")
        return found

    def _post(self, path, body):
        until = time.monotonic() + self.timeout
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Connection": "close",
        }
        connection = None
        try:
            connection = self._connect()
            connection.request("POST", self._path + path, body, headers)
            with connection.getresponse() as response:
                return response.status, self._read(response, until)
        except TimeoutError:
            raise NoEncryptor(f"the encryptor did not answer in {self.timeout:g} s") from None
        except ssl.SSLError as error:
            raise NoEncryptor(f"no safe connection to the encryptor: {error.reason}") from None
        except OSError as error:
            raise NoEncryptor(
                f"the encryptor is not reached: {error.strerror or type(error).__name__}"
            ) from None
        except http.client.HTTPException as error:
            raise NoEncryptor(
                f"the encryptor does not speak HTTP properly: {type(error).__name__}"
            ) from None
        finally:
            if connection is not None:
                connection.close()

    def _connect(self):
        if not self.secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        context = ssl.create_default_context(cafile=self.ca_file)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self.timeout, context=context
        )

    @staticmethod
    def _read(response, until):
        body = b""
        while piece := response.read1(_PIECE):
            body += piece
            if len(body) > _MAX_ANSWER:
                raise NoEncryptor("the encryptor's answer is too long")
            if time.monotonic() > until:
                # A socket's time limit is for each piece; an answer that drips has none.
                raise TimeoutError
        return body

    def _refusal(self, status, body):
        words = _REFUSALS.get(status)
        if words is None and status in (400, 422):
            words = f"the encryptor refused: {self._said(body)}"
        return words or f"the encryptor failed with HTTP status {status}"

    def _said(self, body):
        try:
            said = json.loads(body)["error"]
        except (KeyError, TypeError, ValueError):
            said = None
        if not isinstance(said, str) or not said.isprintable() or self._token in said:
            return "no reason given"
        return said[:200]
