"""A line behind a box that speaks MQTT: one topic up, one down, meter bytes as they are.

``mqtts://192.0.2.9:8883/?up=dtu/7/up&down=dtu/7/down&credentials=default``. More options: ``qos``
(1; 0 where a box knows nothing else), ``expiry`` (3: after so many seconds the broker throws an
undelivered frame away), ``client`` (an MQTT client id: the newest connection of that id ends older
ones).
"""

from ..errors import LinkDown, WireError
from . import broker

_OPTIONS = {"up", "down", "qos", "expiry", "credentials", "client"}
_PORTS = {False: 1883, True: 8883}


class MqttLink:
    """See the package's docstring for what a link is."""

    # The connection is shared with other lines; late bytes come through a new one just as well.
    reopen = False

    def __init__(self, up, down, qos, expiry, on_data, on_lost):
        self.up = up
        self._down = down
        self._qos = qos
        self._expiry = expiry
        self._on_data = on_data
        self._on_lost = on_lost
        self._broker = None

    async def open(self, settings, timeout):
        shared = await broker.shared(settings, timeout)
        await shared.attach(self.up, self, timeout)
        self._broker = shared

    def write(self, data):
        if self._broker is None:
            raise LinkDown("the connection to the broker is closed")
        self._broker.publish(self._down, data, self._qos, self._expiry)

    def abort(self):
        shared, self._broker = self._broker, None
        if shared is not None:
            shared.detach(self.up, self)

    def deliver(self, data):
        if self._broker is not None:
            self._on_data(data)

    def lose(self, words):
        shared, self._broker = self._broker, None
        if shared is not None:
            self._on_lost(words)


async def open_link(host, port, tls, options, on_data, on_lost, timeout, secrets):
    up, down = options.get("up", ""), options.get("down", "")
    unknown = set(options) - _OPTIONS
    if unknown:
        raise LinkDown(f"unknown MQTT option {min(unknown)!r}")
    if not host or not up or not down:
        raise LinkDown("an MQTT endpoint needs host and topics: mqtt://host:1883/?up=..&down=..")
    if any(mark in up + down for mark in "+#\0"):
        raise LinkDown("a line has topics of its own: no + or # in them")
    try:
        qos, expiry = int(options.get("qos", 1)), int(options.get("expiry", 3))
    except ValueError:
        qos = expiry = -1
    if qos not in (0, 1) or not 1 <= expiry <= 3600:
        raise LinkDown("qos is 0 or 1, expiry is whole seconds from 1 to 3600")
    settings = broker.Settings(host, port or _PORTS[tls], tls, client=options.get("client", ""))
    if "credentials" in options:
        settings = _with_credentials(settings, options["credentials"], secrets)
    link = MqttLink(up, down, qos, expiry, on_data, on_lost)
    await link.open(settings, timeout)
    return link


def _with_credentials(settings, name, secrets):
    try:
        given = secrets.secret("mqtt", name) if secrets is not None else None
    except WireError as error:
        raise LinkDown(error.words) from None
    if not isinstance(given, dict):
        raise LinkDown(f"there are no MQTT credentials {name!r} in the secrets file")
    return settings._replace(
        username=given.get("username", ""),
        password=given.get("password", ""),
        ca_file=given.get("ca_file", ""),
    )
