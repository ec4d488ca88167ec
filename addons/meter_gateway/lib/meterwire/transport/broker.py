"""One connection to an MQTT broker, shared by all lines of an event loop that use it. MQTT 5.

paho keeps what was not confirmed and sends it again after it has connected anew; a frame that
switches or charges must not come hours later. So a connection is used once: when it is lost, all
its lines are told, what was not confirmed is thrown away with it, and the next one starts clean.
paho's own thread does the network; it reaches the loop by ``call_soon_threadsafe`` only.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
import uuid
import weakref
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ..errors import LinkDown
from . import tcp

KEEPALIVE = 20
#: no frame of a meter is as long by far; a broker does not deliver more
MAX_PACKET = 16 * 1024

_shared = weakref.WeakKeyDictionary()  # loop -> {settings: Broker}


class Settings(NamedTuple):
    """Which broker, and as whom; equal settings share a connection."""

    host: str
    port: int
    tls: bool
    username: str = ""
    password: str = ""
    ca_file: str = ""
    client: str = ""

    def __repr__(self):
        return f"<{self.place}>"  # without the password

    @property
    def place(self):
        return f"broker {self.host}:{self.port}"


async def shared(settings, timeout):
    """The connected ``Broker`` of these settings; many callers wait for one connection.

    :raises LinkDown: it cannot be reached, or does not let us in
    """
    brokers = _shared.setdefault(asyncio.get_running_loop(), {})
    broker = brokers.get(settings)
    if broker is None or broker.down:
        broker = brokers[settings] = Broker(settings)
        broker.opening = asyncio.ensure_future(broker.open(timeout))
        broker.opening.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.shield(broker.opening)
    return broker


class Broker:
    """See the module. Used in the loop's thread only."""

    def __init__(self, settings):
        self.settings = settings
        self.opening = None
        self.down = ""  # why it is of no more use
        self._loop = asyncio.get_running_loop()
        self._links = {}  # up topic -> link
        self._answered = self._loop.create_future()  # CONNACK: words why not, or ""
        self._subscribing = {}  # message id -> future
        self._unconfirmed = {}  # message id -> until when
        self._watch = None
        self._client = None

    # --- connection -----------------------------------------------------------------------------

    async def open(self, timeout):
        try:
            client = self._client = self._new_client(timeout)
            connect = functools.partial(
                client.connect,
                self.settings.host,
                self.settings.port,
                keepalive=KEEPALIVE,
                clean_start=True,
                properties=_connect_properties(),
            )
            # It waits for the name, the connection and TLS.
            await self._loop.run_in_executor(None, connect)
            client.loop_start()
            refusal = await asyncio.wait_for(self._answered, timeout)
        except (asyncio.TimeoutError, TimeoutError):
            refusal = f"does not answer within {timeout:g} s"
        except ssl.SSLCertVerificationError as error:
            refusal = f"its certificate is not accepted: {error.verify_message}"
        except ssl.SSLError as error:
            refusal = f"no TLS connection: {error.reason or error}"
        except OSError as error:
            refusal = f"cannot be reached: {tcp.reason(error)}"
        except ValueError as error:
            refusal = str(error)
        if refusal:
            self._lose(refusal)
            raise LinkDown(f"{self.settings.place}: {refusal}")

    def _new_client(self, timeout):
        settings = self.settings
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            settings.client or f"meterwire-{uuid.uuid4().hex[:16]}",
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = timeout
        if settings.username:
            client.username_pw_set(settings.username, settings.password)
        if settings.tls:
            client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file or None))
        client.on_connect = lambda c, u, flags, code, p: self._call(self._connected, code)
        client.on_disconnect = lambda c, u, flags, code, p: self._call(self._disconnected, code)
        client.on_subscribe = lambda c, u, mid, codes, p: self._call(self._subscribed, mid, codes)
        client.on_publish = lambda c, u, mid, code, p: self._call(self._confirmed, mid)
        client.on_message = lambda c, u, message: self._call(
            self._deliver, message.topic, message.payload, message.retain
        )
        return client

    def _call(self, function, *args):
        # In paho's thread. The loop may be gone already: then nobody waits.
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            self._cut()

    def _connected(self, code):
        if not self._answered.done():
            self._answered.set_result(f"refuses the connection: {code}" if code.is_failure else "")

    def _disconnected(self, code):
        self._lose(f"the connection was lost: {code}")

    def _lose(self, words):
        if self.down:
            return
        self.down = words
        self._cut()
        self._forget()
        if not self._answered.done():
            self._answered.set_result(words)
        for waiting in self._subscribing.values():
            if not waiting.done():
                waiting.set_result(words)
        links, self._links = self._links, {}
        for link in links.values():
            link.lose(f"{self.settings.place}: {words}")

    def _forget(self):
        if self._watch is not None:
            self._watch.cancel()
        brokers = _shared.get(self._loop, {})
        if brokers.get(self.settings) is self:
            del brokers[self.settings]

    def _cut(self):
        """End the connection at once; paho's thread ends with it."""
        sock = self._client.socket() if self._client is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):  # gone already
                sock.shutdown(socket.SHUT_RDWR)

    # --- lines ----------------------------------------------------------------------------------

    async def attach(self, topic, link, timeout):
        """Deliver what comes under ``topic`` to ``link``.

        :raises LinkDown: the broker does not let us listen there
        """
        if topic in self._links:
            raise LinkDown(f"another line listens to {topic!r} already")
        self._links[topic] = link
        try:
            code, mid = self._client.subscribe(topic, qos=1)
            if code != paho.MQTT_ERR_SUCCESS:
                raise LinkDown(f"{self.settings.place}: {paho.error_string(code)}")
            waiting = self._subscribing[mid] = self._loop.create_future()
            try:
                refusal = await asyncio.wait_for(waiting, timeout)
            except asyncio.TimeoutError:
                refusal = f"does not answer within {timeout:g} s"
            finally:
                self._subscribing.pop(mid, None)
            if refusal:
                raise LinkDown(f"{self.settings.place}: {refusal}")
        except BaseException:
            self.detach(topic, link)
            raise

    def detach(self, topic, link):
        """Deliver nothing more to ``link``; the last one ends the connection."""
        if self._links.get(topic) is not link:
            return
        del self._links[topic]
        if self.down:
            return
        if self._links:
            self._client.unsubscribe(topic)
            return
        self.down = "no line uses it any more"
        self._forget()
        if self._unconfirmed:
            self._cut()
        else:
            self._client.disconnect()

    def publish(self, topic, data, qos, expiry):
        """Hand ``data`` to paho.

        :param int expiry: seconds after which the broker throws the message away undelivered; the
            broker itself must take it within that time too, or the connection is given up
        :raises LinkDown: it cannot be sent
        """
        if self.down:
            raise LinkDown(f"{self.settings.place}: {self.down}")
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = expiry
        info = self._client.publish(topic, data, qos, properties=properties)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise LinkDown(f"{self.settings.place}: {paho.error_string(info.rc)}")
        if qos:
            self._unconfirmed[info.mid] = self._loop.time() + expiry
            if self._watch is None:
                self._watch = self._loop.call_later(1, self._look)

    def _confirmed(self, mid):
        self._unconfirmed.pop(mid, None)

    def _look(self):
        self._watch = None
        if not self._unconfirmed:
            return
        if min(self._unconfirmed.values()) < self._loop.time():
            self._lose("it does not confirm what it was sent")
        else:
            self._watch = self._loop.call_later(1, self._look)

    def _subscribed(self, mid, codes):
        waiting = self._subscribing.get(mid)
        if waiting is not None and not waiting.done():
            bad = [code for code in codes if code.is_failure]
            waiting.set_result(f"does not let us listen: {bad[0]}" if bad else "")

    def _deliver(self, topic, payload, retained):
        link = self._links.get(topic)
        # A retained message was an answer to somebody's question of long ago.
        if link is not None and not retained:
            link.deliver(payload)


def _connect_properties():
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 0
    properties.MaximumPacketSize = MAX_PACKET
    return properties
