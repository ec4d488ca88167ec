"""A user at the counter: real HTTP sessions, and patience while the server is away."""

import itertools
import time
import uuid

import requests
from processes import SLOWER

# The server's own no: the cashier reads it and does something else.
WORDS = {
    "odoo.exceptions.UserError",
    "odoo.exceptions.ValidationError",
    "odoo.exceptions.AccessError",
    "odoo.exceptions.MissingError",
}
PATIENCE = 150 * SLOWER  # seconds; a killed server and a killed PostgreSQL are back long before


class Refused(Exception):
    """The server said no, in words."""


class Away(Exception):
    """No answer, or none that says what happened: the same request may be made again."""


class Till:
    """The session of one user.

    :param desk: `Desk`; each request goes to one of its running servers
    :param login: the user's login and password
    """

    def __init__(self, desk, login):
        self.desk, self.login = desk, login
        self._session, self._url = None, None
        self._turn = itertools.count()
        self.repeats = 0

    def _server(self):
        running = self.desk.running()
        if not running:
            raise Away("no server runs")
        return running[next(self._turn) % len(running)].url

    def _post(self, url, path, params):
        try:
            reply = self._session.post(
                f"{url}{path}",
                json={"jsonrpc": "2.0", "method": "call", "params": params},
                timeout=60 * SLOWER,
            )
            reply.raise_for_status()
            answer = reply.json()
        except (requests.RequestException, ValueError) as error:
            raise Away(str(error)) from error
        if "error" in answer:
            data = answer["error"].get("data", {})
            if data.get("name") in WORDS:
                raise Refused(data.get("message"))
            if data.get("name") == "odoo.http.SessionExpiredException":
                self._session = None
            raise Away(f"{data.get('name')}: {data.get('message')}\n{data.get('debug')}")
        return answer["result"]

    def call(self, model, method, *args, **kwargs):
        """One request.

        :raises Refused: the server's words
        :raises Away: nobody knows whether it was carried out
        """
        url = self._server()
        if self._session is None:
            self._session = requests.Session()
            login = {"db": self.desk.database, "login": self.login, "password": self.login}
            try:
                self._post(url, "/web/session/authenticate", login)
            except Exception:
                self._session = None
                raise
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        return self._post(url, f"/web/dataset/call_kw/{model}/{method}", params)

    def insist(self, model, method, *args, **kwargs):
        """The same request again and again until a server answers."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.call(model, method, *args, **kwargs)
            except Away as error:
                if time.monotonic() > end:
                    raise AssertionError(f"{error}\n{self.desk.report()}") from error
                self.repeats += 1
                time.sleep(0.1)

    def session_cookie(self):
        """The session of this user, for a browser."""
        return self._session.cookies["session_id"]

    # ------------------------------------------------------------ the counter

    def counter(self, method, *args):
        return self.insist("utility.counter", method, *args)

    def sell(self, meter, amount, method="cash", mark=None):
        """Sell; a sale repeated after no answer keeps its id."""
        return self.counter(
            "sell", mark or str(uuid.uuid4()), meter["id"], str(amount), self.desk.journals[method]
        )

    def status(self, *ids):
        return self.counter("status", list(ids))
