"""A DTU behind an MQTT broker: requests come on one topic, replies go out on another."""

import asyncio
import contextlib

from .access import Access, Link

QOS = 1
KEEPALIVE = 30


class MqttLink(Link):
    """The topics of one DTU."""

    __slots__ = ("_publish", "open")

    def __init__(self, access, publish):
        super().__init__(access)
        self._publish, self.open = publish, True
        access.links.append(self)

    def write(self, data):
        if self.open:
            self._publish(data)

    def cut(self):
        if self.open:
            self.open = False
            self.access.links.remove(self)


class MqttAccess(Access):
    """
    :param site: :class:`~.site_parts.LinkSite`.
    """

    def __init__(self, name, route, world, site):
        super().__init__(name, route, world)
        self.site, self._client, self._loop = site, None, None
        self._blocked_until, self._stopped = 0.0, False
        self.listen = f"mqtt://{site.broker}/{site.down}"

    async def start(self):
        self._loop = asyncio.get_running_loop()
        self._connect(None)

    def _connect(self, _argument):
        # Only sites with such a link need the library.
        import paho.mqtt.client as mqtt

        if self._stopped or not self.powered or self._client is not None:
            return
        if self.world.clockwork.now() < self._blocked_until:
            return
        site = self.site
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if site.username:
            client.username_pw_set(site.username, site.password)
        if site.ca_file:
            client.tls_set(site.ca_file)
        client.reconnect_delay_set(1, 5)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        host, _colon, number = site.broker.rpartition(":")
        client.connect_async(host.strip("[]"), int(number), KEEPALIVE)
        client.loop_start()
        self._client = client

    # -- in the client's thread ----------------------------------------------------------------

    def _connected(self, client, _data, _flags, reason, _properties):
        if not reason.is_failure:
            client.subscribe(self.site.down, QOS)

    def _subscribed(self, client, _data, _mid, _reasons, _properties):
        # Before that it hears nothing.
        self._call(self._up, client)

    def _disconnected(self, client, _data, _flags, _reason, _properties):
        self._call(self._down, client)

    def _message(self, client, _data, message):
        self._call(self._arrived, client, message.payload)

    def _call(self, *arguments):
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(*arguments)

    # -- in the loop ---------------------------------------------------------------------------

    def _up(self, client):
        if client is self._client and not self.links:
            MqttLink(self, lambda data: client.publish(self.site.up, data, QOS))

    def _down(self, client):
        if client is self._client:
            for link in list(self.links):
                link.cut()

    def _arrived(self, client, data):
        if client is self._client:
            self._up(client)
            self.received(self.links[-1], data)

    def _close(self):
        client, self._client = self._client, None
        for link in list(self.links):
            link.cut()
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def cut(self, seconds):
        self._close()
        clockwork = self.world.clockwork
        self._blocked_until = clockwork.now() + seconds
        clockwork.at(self._blocked_until, self._connect, None)

    def power(self, on):
        self.powered = on
        if on:
            self._connect(None)
        else:
            self._close()

    async def stop(self):
        self._stopped = True
        self._close()
