"""Lines through a real broker. The box at the other end is of this file, or the simulator's."""

import asyncio
import queue
import signal
import threading
from urllib.parse import quote

import mosquitto
import pytest
from meterwire.errors import LinkDown
from meterwire.recharge.keys import KeyRing
from meterwire.transport import broker, open_link
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE = mosquitto.PATIENCE


def secrets(**credentials):
    return KeyRing(secrets={"mqtt": credentials})


class Box:
    """A box at the broker: what comes down goes to ``heard``, and to ``answer`` if there is one."""

    def __init__(self, place, name, answer=None, session=0):
        self.up, self.down = f"dtu/{name}/up", f"dtu/{name}/down"
        self.heard, self.answer = queue.Queue(), answer
        self._ready = threading.Event()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, f"box-{name}", protocol=paho.MQTTv5
        )
        self.client.username_pw_set(**mosquitto.BOX)
        self.client.on_connect = lambda *_: self.client.subscribe(self.down, qos=1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._message
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", place.port, clean_start=not session, properties=properties)
        self.client.loop_start()
        assert self._ready.wait(PATIENCE)

    def _message(self, client, userdata, message):
        self.heard.put(message.payload)
        for reply in self.answer(message.payload) if self.answer else ():
            self.say(reply)

    def say(self, data, **options):
        self.client.publish(self.up, data, qos=1, **options)

    def next(self):
        return self.heard.get(timeout=PATIENCE)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Desk:
    """One line's link, inside a running loop."""

    def __init__(self, place, name, ring=None, **options):
        options = {"up": f"dtu/{name}/up", "down": f"dtu/{name}/down", **options}
        scheme, port = ("mqtts", place.tls_port) if options.pop("tls", 0) else ("mqtt", place.port)
        options.setdefault("credentials", "default")
        query = "&".join(f"{key}={quote(str(value))}" for key, value in options.items())
        self.endpoint = f"{scheme}://127.0.0.1:{port}/?{query}"
        self.secrets = ring or secrets(default=mosquitto.DESK)
        self.heard, self.lost, self.link = asyncio.Queue(), asyncio.Queue(), None

    async def open(self, timeout=PATIENCE):
        self.link = await open_link(
            self.endpoint, self.heard.put_nowait, self.lost.put_nowait, timeout, self.secrets
        )
        return self

    async def next(self):
        return await asyncio.wait_for(self.heard.get(), PATIENCE)

    async def told(self):
        return await asyncio.wait_for(self.lost.get(), PATIENCE)


@pytest.fixture
def place(tmp_path):
    place = mosquitto.Mosquitto(tmp_path / "broker").start()
    yield place
    place.kill()


@pytest.fixture
def new_box(place):
    boxes = []

    def make(name, *args, **values):
        boxes.append(Box(place, name, *args, **values))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


def twice(data):
    return [data, data[::-1]]


def test_many_lines_share_one_connection_and_never_hear_each_other(place, new_box):
    boxes = [new_box(str(number), twice) for number in range(5)]

    async def run():
        desks = [Desk(place, str(number)) for number in range(5)]
        await asyncio.gather(*(desk.open() for desk in desks))
        assert len(broker._shared[asyncio.get_running_loop()]) == 1
        for number, desk in enumerate(desks):
            desk.link.write(b"\x68\x00\xff" + bytes([number]))
        for number, desk in enumerate(desks):
            frame = b"\x68\x00\xff" + bytes([number])
            assert [await desk.next(), await desk.next()] == [frame, frame[::-1]]
        # One line less: the others go on.
        desks[0].link.abort()
        desks[1].link.write(b"again")
        assert await desks[1].next() == b"again"
        with pytest.raises(LinkDown):
            desks[0].link.write(b"too late")
        # The topic is free for the next link.
        await desks[0].open()
        desks[0].link.write(b"back")
        assert await desks[0].next() == b"back"
        for desk in desks:
            desk.link.abort()
        assert not broker._shared[asyncio.get_running_loop()]
        assert all(desk.lost.empty() for desk in desks)

    asyncio.run(run())
    assert boxes[4].next() == b"\x68\x00\xff\x04"


def test_two_lines_cannot_have_one_topic(place):
    async def run():
        first = await Desk(place, "1").open()
        with pytest.raises(LinkDown, match="another line listens to 'dtu/1/up'"):
            await Desk(place, "1").open()
        first.link.abort()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"credentials": "nobody"}, "no mqtt 'nobody' in the file"),
        ({"up": "dtu/+/up"}, "no . or # in them"),
        ({"qos": 2}, "qos is 0 or 1"),
        ({"expiry": "0"}, "expiry is whole seconds"),
        ({"topic": "x"}, "unknown MQTT option 'topic'"),
        ({"down": ""}, "not understood|needs host and topics"),
    ],
)
def test_endpoints_that_are_not_understood(place, options, words):
    with pytest.raises(LinkDown, match=words):
        asyncio.run(Desk(place, "1", **options).open())


def test_a_wrong_password_is_said(place):
    ring = secrets(default={**mosquitto.DESK, "password": "guessed"})
    with pytest.raises(LinkDown, match="refuses the connection: Not authorized") as caught:
        asyncio.run(Desk(place, "1", ring).open())
    assert "guessed" not in caught.value.words


def test_nobody_listens_there(place):
    place.kill()
    with pytest.raises(LinkDown, match="cannot be reached: Connection refused"):
        asyncio.run(Desk(place, "1").open())


def test_tls_with_the_right_ca_only(place, new_box, tmp_path):
    new_box("1", lambda data: [data])
    (tmp_path / "other").mkdir()
    other = mosquitto.make_certificates(tmp_path / "other")

    async def run():
        given = {**mosquitto.DESK, "ca_file": str(place.ca_file)}
        desk = await Desk(place, "1", secrets(default=given), tls=1).open()
        desk.link.write(b"over TLS")
        assert await desk.next() == b"over TLS"
        desk.link.abort()
        for given in ({**mosquitto.DESK, "ca_file": str(other)}, mosquitto.DESK):
            with pytest.raises(LinkDown, match="its certificate is not accepted"):
                await Desk(place, "1", secrets(default=given), tls=1).open()
        given = {**mosquitto.DESK, "ca_file": str(tmp_path / "none.pem")}
        with pytest.raises(LinkDown, match="No such file"):
            await Desk(place, "1", secrets(default=given), tls=1).open()

    asyncio.run(run())


def test_a_broker_that_dies_is_told_and_nothing_old_is_sent_after_it_is_back(place, new_box):
    box = new_box("1", lambda data: [data])

    async def run():
        desks = [await Desk(place, name).open() for name in ("1", "2")]
        desks[0].link.write(b"before")
        assert await desks[0].next() == b"before" == box.next()
        # Stopped first, so that the next frame is certainly not confirmed.
        place.process.send_signal(signal.SIGSTOP)
        desks[0].link.write(b"a frame that is lost")
        place.kill()
        for desk in desks:
            assert "the connection was lost" in await desk.told()
            assert desk.lost.empty()
        with pytest.raises(LinkDown):
            desks[0].link.write(b"nowhere")
        with pytest.raises(LinkDown, match="Connection refused"):
            await desks[0].open()
        place.start()
        box._ready.clear()
        await desks[0].open()
        await asyncio.get_running_loop().run_in_executor(None, box._ready.wait, PATIENCE)
        desks[0].link.write(b"after")
        assert await desks[0].next() == b"after" == box.next()
        desks[0].link.abort()

    asyncio.run(run())


def test_a_broker_that_confirms_nothing_is_given_up(place):
    async def run():
        desk = await Desk(place, "1", expiry=1).open()
        place.process.send_signal(signal.SIGSTOP)
        try:
            desk.link.write(b"a frame")
            assert "does not confirm" in await desk.told()
            with pytest.raises(LinkDown, match="does not answer within"):
                await desk.open(timeout=0.3)
        finally:
            place.process.send_signal(signal.SIGCONT)

    asyncio.run(run())


def test_a_frame_for_a_box_that_sleeps_expires(place, new_box):
    box = new_box("1", session=600)
    box.client.loop_stop()
    box.client.disconnect()

    async def run():
        desk = await Desk(place, "1", expiry=1).open()
        desk.link.write(b"off")
        patient = Desk(place, "1", expiry=600, up="dtu/1/other")
        await patient.open()
        patient.link.write(b"kept")
        await asyncio.sleep(2.5)  # the broker's own clock counts whole seconds
        desk.link.abort()
        patient.link.abort()

    asyncio.run(run())
    assert new_box("1", session=600).next() == b"kept"


def test_retained_messages_are_nobodys_answer(place, new_box):
    box = new_box("1", lambda data: [data])
    box.client.publish(box.up, b"of last year", qos=1, retain=True).wait_for_publish(PATIENCE)

    async def run():
        desk = await Desk(place, "1").open()
        desk.link.write(b"now")
        assert await desk.next() == b"now"
        desk.link.abort()

    asyncio.run(run())


def test_the_newest_connection_of_a_client_id_wins(place):
    async def run():
        old = await Desk(place, "1", client="worker-1").open()
        # Another process has a loop, and so a connection, of its own.
        broker._shared.clear()
        new = await Desk(place, "1", client="worker-1").open()
        assert "the connection was lost" in await old.told()
        assert new.lost.empty()
        new.link.abort()

    asyncio.run(run())


# --- at least once: every message may come twice --------------------------------------------------


class Bridge:
    """A box in front of a simulated meter that delivers everything twice, both ways."""

    def __init__(self, box, connection):
        self.box, self.connection = box, connection
        box.answer = self.answer
        threading.Thread(target=self._up, daemon=True).start()

    def answer(self, data):
        self.connection.sendall(data + data)
        return ()

    def _up(self):
        try:
            while data := self.connection.recv(4096):
                self.box.say(data)
                self.box.say(data)
        except OSError:
            return


class Socket:
    """A link as the simulator tests' desk knows it; the link lives in a loop of its own."""

    def __init__(self, endpoint, secrets):
        self.heard, self._loop = queue.Queue(), asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        opening = open_link(endpoint, self.heard.put, self.heard.put, PATIENCE, secrets)
        self.link = asyncio.run_coroutine_threadsafe(opening, self._loop).result(PATIENCE)
        self._patience = PATIENCE

    def sendall(self, data):
        self._loop.call_soon_threadsafe(self.link.write, data)

    def settimeout(self, seconds):
        self._patience = seconds

    def recv(self, size):
        try:
            return self.heard.get(timeout=self._patience)
        except queue.Empty:
            raise TimeoutError from None

    def close(self):
        self._loop.call_soon_threadsafe(self.link.abort)
        self._loop.call_soon_threadsafe(self._loop.stop)


def test_messages_that_come_twice_charge_once(place, new_box, lab, new_sim):
    at = lab.address(1)
    sim = new_sim(lab.site([lab.meter(1, balance="0.00")])).start()
    with sim.connect() as connection:
        Bridge(new_box("1"), connection)
        made = Desk(place, "1")
        line = Socket(made.endpoint, made.secrets)
        desk = lab.Desk(line)
        desk.open(at)
        order = lab.order("charge", "30.00", number=2, customer=lab.CUSTOMER)
        for _ in range(3):  # two answers of the meter, each twice; one was taken
            assert desk.receive() is not None
        desk.send(desk.frame(at, order))
        for _ in range(4):
            assert desk.receive() is not None
        assert desk.status(at).number == 2
        line.close()
    books = sim.books(at)
    assert (books["number"], books["cumulative"]) == (2, "30.00")
