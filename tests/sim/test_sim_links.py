"""Boxes and DTUs: which meter is reached through which link, and what goes wrong with links.

The desk's side is real: its engine, its hub, a broker.
"""

import socket
import time
from contextlib import suppress

import mosquitto
import pytest
from engine_client import EngineClient, Meter, dialect
from hub_desk import PATIENCE, SECRET, HubProcess
from meterwire import gdw3761
from meterwire.dlt645_2007 import parse, read_request
from meterwire.envelope import parse_envelope

TOTAL = 0x00010000
TERMINAL = "33029A1B"
SINGLE = dialect("d_single")
DTU = "13800138000"


def box(lab, link, **values):
    """Two ports with two meters each behind one link."""
    ports = [
        {
            "number": number,
            "meters": [lab.meter(10 * number + n, total=f"{number}{n}.00") for n in (1, 2)],
        }
        for number in (1, 2)
    ]
    return {"td": 0, **values, "concentrators": [{"name": "C1", "link": link, "ports": ports}]}


def listening(**values):
    return {"kind": "box", "listen": "tcp://127.0.0.1:0", **values}


def read_all(lab, client, line, envelope=""):
    """Read all four meters; each says who it is by its total."""
    for port in (1, 2):
        for number in (1, 2):
            meter = Meter(
                lab.address(10 * port + number), SINGLE, envelope=parse_envelope(envelope, port)
            )
            assert client.read(line, meter, "total")["total"] == 10 * port + number


# -- boxes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "envelope"),
    [
        ({"select": "address"}, ""),
        ({"select": "selector", "selector": "hex:A5{port:02X}"}, "hex:A5{port:02X}"),
        ({"select": "gdw3761", "terminal": TERMINAL}, f"gdw3761:{TERMINAL}"),
    ],
)
def test_ports_of_a_box_behind_one_socket(new_sim, lab, link, envelope):
    sim = new_sim(box(lab, listening(**link))).start()
    with EngineClient({"box": sim.ports["C1/1"]}) as client:
        read_all(lab, client, "box", envelope)
    stats = sim("stats")["ports"]
    assert [stats[name]["requests"] for name in ("C1/1", "C1/2")] == [2, 2]


def test_selector_of_another_port_reaches_nobody(new_sim, lab):
    sim = new_sim(box(lab, listening(select="selector", selector="A5{port:02X}"))).start()
    desk = sim.desk()
    request = read_request(lab.address(21), TOTAL)
    desk.send(b"\xa5\x01" + request + b"\xa5\x09" + request + request + b"\xa5\x02" + request)
    data = b""
    while len(data) < 2 + 24:
        data += desk.link.recv(100)
    assert data[:6] == b"\xa5\x02" + b"\xfe" * 4
    assert sim("stats")["ports"]["C1/2"]["requests"] == 1


def test_ports_of_a_box_work_at_the_same_time(new_sim, lab):
    """The one that was asked last has the faster line, and answers first."""
    content = box(lab, listening(select="address"), line_speed=True)
    for port, baudrate in zip(content["concentrators"][0]["ports"], (600, 19200), strict=True):
        port["baudrate"] = baudrate
    desk = new_sim(content).start().desk()
    desk.send(b"".join(read_request(lab.address(n), TOTAL) for n in (11, 21)))
    assert [desk.receive().address for _reply in range(2)] == [lab.address(21), lab.address(11)]


@pytest.mark.parametrize("paced", [False, True])
def test_long_frames_of_two_ports_do_not_mix(new_sim, lab, paced):
    """75 bytes each, at the same time, each behind the selector of its port."""
    content = box(lab, listening(select="selector", selector="A5{port:02X}"), line_speed=paced)
    for port in content["concentrators"][0]["ports"]:
        port["baudrate"] = 19200
        port["meters"] = [{**meter, "type": "c_07", "credit": None} for meter in port["meters"]]
    desk = new_sim(content).start().desk()
    for port in (1, 2):
        request = read_request(lab.address(10 * port + 1), 0x000100FF)
        desk.send(bytes([0xA5, port]) + request)
    data = b""
    while len(data) < 2 * (2 + 4 + 12 + 4 + 52):
        data += desk.link.recv(1000)
    first, second = data[:74], data[74:]
    assert {first[:2], second[:2]} == {b"\xa5\x01", b"\xa5\x02"}
    for part in (first, second):
        assert parse(part[6:]).address == lab.address(10 * part[1] + 1)


def test_wildcard_goes_to_every_port(new_sim, lab):
    content = box(lab, listening())
    for port in content["concentrators"][0]["ports"]:
        del port["meters"][1]
    desk = new_sim(content).start().desk()
    desk.send(read_request("AA" * 6, TOTAL))
    assert {desk.receive().address for _reply in range(2)} == {lab.address(11), lab.address(21)}


def test_forwarding_without_an_answer_comes_back_empty(new_sim, lab):
    sim = new_sim(box(lab, listening(select="gdw3761", terminal=TERMINAL))).start()
    link, buffer = sim.connect(), gdw3761.Buffer()
    request = gdw3761.forward_request(TERMINAL, 1, read_request(lab.address(99), TOTAL), timeout=1)
    for data in (
        request,
        gdw3761.forward_request(TERMINAL, 9, read_request(lab.address(11), TOTAL), timeout=1),
    ):
        link.sendall(data)
        frames = []
        while not frames:
            frames = buffer.feed(link.recv(1000))
        _port, inside = gdw3761.forwarded(gdw3761.decode(frames[0]))
        assert inside == b""


# -- DTUs that dial in -----------------------------------------------------------------------------


def dialin(hub, **values):
    return {
        "kind": "dialin",
        "server": f"127.0.0.1:{hub.ports[0]}",
        "reconnect_seconds": 0.1,
        "heartbeat_seconds": 0.2,
        **values,
    }


@pytest.fixture
def new_hub(tmp_path):
    hubs = []

    def make(dtu):
        hubs.append(HubProcess(tmp_path / f"hub{len(hubs)}", [dtu]))
        return hubs[-1].start()

    yield make
    for hub in hubs:
        hub.close()


def through(hub, name):
    endpoint = f"hub://{hub.workers}/{name}?generation=1&worker=test"
    return EngineClient({"dtu": endpoint}, {"hub": SECRET})


def until_heartbeats(sim, count):
    deadline = time.monotonic() + PATIENCE
    while sim("links")["links"]["C1"]["heartbeats"] < count:
        assert time.monotonic() < deadline


def until_online(hub, name, count=1, online=True):
    deadline = time.monotonic() + PATIENCE
    while True:
        told = hub.tell()
        if bool(told["dtus"][name]["online"]) == online and told.get("registered", 0) >= count:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.02)


WAYS = [
    ({"id": "BOX-1", "heartbeat": "70696E67"}, {"id": "BOX-1", "heartbeat": "70696E67"}, ""),
    (
        {"id": "A1B2C3", "registration": "hex", "heartbeat": "70696E67"},
        {"id": "A1B2C3", "registration": "hex", "heartbeat": "text:ping"},
        "",
    ),
    (
        {"id": "860000000000017", "registration": "imei"},
        {"id": "860000000000017", "registration": "imei"},
        "",
    ),
    (
        {"id": "CTRL:0921", "registration": "prefix"},
        {"id": "CTRL:0921", "registration": "prefix"},
        "",
    ),
    (
        {"id": "EDGE", "registration": "prefix", "prefix": "A55A01"},
        {"id": "EDGE", "registration": "prefix", "packet": "A55A01"},
        "",
    ),
    (
        {"id": "SN9", "registration": "regex", "pattern": r"\+REG,(?P<id>\w+),\d+;"},
        {"id": "SN9", "registration": "regex", "packet": "text:+REG,SN9,23;"},
        "",
    ),
    ({"id": DTU, "registration": "ddp"}, {"id": DTU, "registration": "ddp"}, ""),
    (
        {"id": DTU, "registration": "ddp"},
        {"id": DTU, "registration": "ddp", "select": "selector", "selector": "A5{port:02X}"},
        "hex:A5{port:02X}",
    ),
    (
        {"id": TERMINAL, "registration": "gdw3761"},
        {"id": "", "registration": "gdw3761", "terminal": TERMINAL, "select": "gdw3761"},
        f"gdw3761:{TERMINAL}",
    ),
]


@pytest.mark.parametrize(("dtu", "link", "envelope"), WAYS)
def test_dtu_registers_and_its_meters_answer(new_sim, new_hub, lab, dtu, link, envelope):
    hub = new_hub(dtu)
    sim = new_sim(box(lab, dialin(hub, **link))).start()
    until_online(hub, dtu["id"])
    with through(hub, dtu["id"]) as client:
        read_all(lab, client, "dtu", envelope)
    if link.get("heartbeat") or link.get("registration") in ("ddp", "gdw3761"):
        until_heartbeats(sim, 2)
    assert sim("links")["links"]["C1"]["dials"] == 1


@pytest.mark.parametrize("index", [0, 1, 6])
def test_heartbeats_in_the_middle_of_every_reply(new_sim, new_hub, lab, index):
    dtu, link, envelope = WAYS[index]
    hub = new_hub(dtu)
    new_sim(box(lab, dialin(hub, **link, heartbeat_inside=True))).start()
    until_online(hub, dtu["id"])
    with through(hub, dtu["id"]) as client:
        read_all(lab, client, "dtu", envelope)


def test_heartbeat_storm_and_counted_heartbeats(new_sim, new_hub, lab):
    dtu, link, _envelope = WAYS[0]
    hub = new_hub(dtu)
    sim = new_sim(box(lab, dialin(hub, **link))).start()
    until_online(hub, dtu["id"])
    sim("fault", box="C1", kind="heartbeat", count=2)
    sim("storm", box="C1", seconds=0.5, rate=200)
    with through(hub, dtu["id"]) as client:
        read_all(lab, client, "dtu")
    assert sim("stats")["faults"]["heartbeat"] == 2
    until_heartbeats(sim, 100)
    assert (
        "does not dial"
        in new_sim(box(lab, listening())).start().raw({"op": "storm", "box": "C1"})["error"]
    )


def test_concentrator_that_is_not_confirmed_dials_again(new_sim, lab):
    """Q/GDW 376.1: three frames of the link without a confirmation."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        link = {
            "kind": "dialin",
            "server": f"127.0.0.1:{server.getsockname()[1]}",
            "registration": "gdw3761",
            "terminal": TERMINAL,
            "select": "gdw3761",
            "heartbeat_seconds": 0.1,
            "reconnect_seconds": 0.1,
        }
        new_sim(box(lab, link)).start()
        assert len(_frames_of_a_call(server, confirms=False)) == 3
        # Confirmations that come too late for it are none.
        while len(_frames_of_a_call(server, confirms=True)) < 6:
            pass


def _frames_of_a_call(server, confirms):
    """What a concentrator says until it hangs up, at most six frames."""
    client, _address = server.accept()
    with client:
        client.settimeout(PATIENCE)
        buffer, frames = gdw3761.Buffer(), []
        with suppress(ConnectionError):
            while len(frames) < 6 and (data := client.recv(1000)):
                frames += (new := list(map(gdw3761.decode, buffer.feed(data))))
                for frame in new if confirms else ():
                    client.sendall(gdw3761.confirm(frame))
    assert gdw3761.is_login(frames[0])
    assert all(map(gdw3761.is_heartbeat, frames[1:]))
    assert {frame.terminal for frame in frames} == {TERMINAL}
    return frames


def test_dtu_dials_again(new_sim, new_hub, lab):
    """After a cut, after the hub has gone and come back, after its power has."""
    dtu, link, _envelope = WAYS[0]
    hub = new_hub(dtu)
    sim = new_sim(box(lab, dialin(hub, **link))).start()
    until_online(hub, dtu["id"])
    sim("close_link", port="C1")
    until_online(hub, dtu["id"], count=2)
    hub.close()
    hub.content["listen"] = [f"127.0.0.1:{hub.ports[0]}"]
    hub.write([dtu])
    hub.start()
    until_online(hub, dtu["id"])
    sim("power", box="C1", on=False)
    until_online(hub, dtu["id"], online=False)
    sim("power", box="C1", on=True)
    until_online(hub, dtu["id"], count=2)
    with through(hub, dtu["id"]) as client:
        read_all(lab, client, "dtu")


# -- MQTT ------------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path):
    broker = mosquitto.Mosquitto(tmp_path / "broker").start()
    yield broker
    broker.kill()


def mqtt(broker, **values):
    return {
        "kind": "mqtt",
        "broker": f"127.0.0.1:{broker.port}",
        "up": "dtu/C1/up",
        "down": "dtu/C1/down",
        **mosquitto.BOX,
        **values,
    }


def by_mqtt(broker):
    endpoint = f"mqtt://127.0.0.1:{broker.port}/?up=dtu%2FC1%2Fup&down=dtu%2FC1%2Fdown&qos=1"
    endpoint += "&credentials=default"
    return EngineClient({"dtu": endpoint}, {"mqtt": {"default": mosquitto.DESK}})


def until_connected(sim, clients=1):
    deadline = time.monotonic() + PATIENCE
    while sim("links")["links"]["C1"]["clients"] != clients:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("link", "envelope"),
    [({}, ""), ({"select": "selector", "selector": "A5{port:02X}"}, "hex:A5{port:02X}")],
)
def test_meters_behind_a_broker(new_sim, broker, lab, link, envelope):
    sim = new_sim(box(lab, mqtt(broker, **link))).start()
    until_connected(sim)
    with by_mqtt(broker) as client:
        read_all(lab, client, "dtu", envelope)


def test_broker_and_box_come_back(new_sim, broker, lab):
    sim = new_sim(box(lab, mqtt(broker))).start()
    until_connected(sim)
    broker.kill()
    until_connected(sim, 0)
    broker.start()
    until_connected(sim)
    sim("close_link", port="C1", seconds=3600)
    until_connected(sim, 0)
    sim("close_link", port="C1", seconds=0.1)
    until_connected(sim)
    with by_mqtt(broker) as client:
        read_all(lab, client, "dtu")


# -- power -----------------------------------------------------------------------------------------


def test_concentrator_without_power(new_sim, lab):
    """Its links break and nobody gets in, over a restart too; its meters go on using."""
    content = lab.site([lab.meter(1, load="1")], [lab.meter(2)])
    content["concentrators"].append(
        {
            "name": "C2",
            "ports": [{"number": 1, "listen": "tcp://127.0.0.1:0", "meters": [lab.meter(3)]}],
        }
    )
    sim = new_sim(content).start()
    for box_content in content["concentrators"]:
        for port in box_content["ports"]:
            port["listen"] = sim.ports[f"{box_content['name']}/{port['number']}"]
    desk = sim.desk()
    sim("power", box="C1", on=False)
    assert desk.receive() is None
    with pytest.raises(ConnectionRefusedError):
        sim.connect("C1/2")
    sim.desk("C2/1").read(lab.address(3), TOTAL)
    sim.stop()
    sim.start()
    with pytest.raises(ConnectionRefusedError):
        sim.connect("C1/1")
    before = float(sim.books(lab.address(1))["balance"])
    sim("advance", seconds=7200)
    assert before - float(sim.books(lab.address(1))["balance"]) >= 1.99
    sim("power", box="C1", on=True)
    sim.desk("C1/1").read(lab.address(1), TOTAL)


def test_meter_without_power(new_sim, lab):
    """Silent, uses nothing, forgets nothing; its clock goes on."""
    sim = new_sim(lab.site([lab.meter(1, load="5"), lab.meter(2)])).start()
    at, desk = lab.address(1), sim.desk()
    desk.open(at, "3.00")
    sim("power", address=at, on=False)
    assert desk.silent(read_request(at, TOTAL), lab.address(2))
    sim("advance", address=at, seconds=3600)
    sim.kill()
    sim.start()
    desk = sim.desk()
    assert desk.silent(read_request(at, TOTAL), lab.address(2))
    sim("power", address=at, on=True)
    status = desk.status(at)
    # An hour with power would have taken 5.00; the seconds of the test take next to nothing.
    assert status.number == 1
    assert 2700 < status.balance <= 2800


@pytest.mark.parametrize(
    ("place", "spoiled"), [({"port": "C1/1"}, (11, 12)), ({"box": "C1"}, (11, 12, 21, 22))]
)
def test_faults_of_a_whole_place(new_sim, lab, place, spoiled):
    sim = new_sim(box(lab, listening())).start()
    desk = sim.desk()
    sim("fault", kind="dead", **place)
    for number in (11, 12, 21, 22):
        desk.send(read_request(lab.address(number), TOTAL))
    for number in {11, 12, 21, 22} - set(spoiled):
        assert desk.receive().address == lab.address(number)
    sim("revive", **place)
    assert desk.read(lab.address(11), TOTAL) == 11
