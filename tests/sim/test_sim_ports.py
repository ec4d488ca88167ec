"""What a line does: whom it answers, how fast, and that it lives through its clients."""

import os
import time

import pytest
import serial
from meterwire.dlt645_2007 import Frame, encode, parse_reply, read_request

TOTAL = 0x00010000
READ_ADDRESS = 0x13
BITS = 11


def make_site(lab):
    return lab.site(
        [lab.meter(1), lab.meter(2), lab.meter(3, type="a_97", credit=None)],
        [lab.meter(11)],
        {"meters": [lab.meter(21), lab.meter(22)], "baudrate": 1200},
    )


@pytest.fixture
def desk(shared):
    return shared.desk()


@pytest.mark.parametrize(
    "request_of",
    [
        lambda lab: read_request(lab.address(99), TOTAL),  # a stranger
        lambda lab: read_request(lab.address(11), TOTAL),  # a meter of another port
        lambda lab: read_request(lab.address(3), TOTAL),  # another protocol
        lambda lab: read_request("AA" * 6, TOTAL),  # two would answer
        lambda lab: encode(Frame("99" * 6, 0x08, bytes.fromhex("002816070819"))),  # broadcast
        lambda lab: encode(Frame(lab.address(1), 0x1F)),  # unknown function
        lambda lab: encode(Frame(lab.address(1), 0x91, bytes(8))),  # a reply
        lambda lab: read_request(lab.address(1), TOTAL)[:-2] + b"\x00\x16",  # checksum
        lambda lab: read_request(lab.address(1), TOTAL)[:-1] + b"\x17",  # end
        lambda lab: b"\xfe\x68\x68\x16\x16\x00",
        lambda lab: b"",
    ],
)
def test_silence(desk, lab, request_of):
    assert desk.silent(request_of(lab), lab.address(2))


def test_wildcards_where_one_meter_listens(shared, lab):
    desk = shared.desk("C1/2")
    at = lab.address(11)
    reply = desk.ask(encode(Frame("AA" * 6, READ_ADDRESS)))
    assert reply == Frame(at, 0x93, bytes.fromhex(at)[::-1])
    for address in ("AA" * 6, "AAAAAAAA" + at[-4:], at):
        assert parse_reply(desk.ask(read_request(address, TOTAL)), address, TOTAL)
    # Low digits that are not its own; and nothing but reading by wildcard.
    assert desk.silent(read_request("AAAAAAAA0012", TOTAL), at)
    money = desk.frame(at, lab.order("open", "1.00"))
    assert desk.silent(_readdressed(money), at)
    assert shared.books(at)["number"] == 0


def _readdressed(data):
    body = bytearray(data[4:])
    body[1:7] = b"\xaa" * 6
    body[-2] = sum(body[:-2]) % 256
    return bytes(body)


def test_abbreviated_address_among_several(desk, lab):
    at = lab.address(2)
    asked = "AA" * 5 + at[-2:]
    assert desk.ask(read_request(asked, TOTAL)).address == at


def test_bytes_may_come_split_glued_and_with_noise(desk, lab):
    one, two = (read_request(lab.address(number), TOTAL) for number in (1, 2))
    for byte in b"\x00\x68\xff" + one:
        desk.send(bytes([byte]))
    assert desk.receive().address == lab.address(1)
    desk.send(two + b"\x16" + one + one[:9])
    assert [desk.receive().address for _time in range(2)] == [lab.address(2), lab.address(1)]
    # The frame that was begun is given up for the whole one behind it.
    desk.send(two)
    assert desk.receive().address == lab.address(2)
    # Without wake-up bytes.
    assert desk.ask(one[4:]).address == lab.address(1)


def test_half_a_frame_is_forgotten_after_a_gap(desk, lab):
    """It claims 200 bytes; until the gap is over it swallows what comes."""
    begun = read_request(lab.address(1), TOTAL)[:-8] + b"\x11\xc8"
    desk.send(begun)
    for _time in range(20):
        time.sleep(0.55)  # longer than the 500 ms of the standard
        desk.send(read_request(lab.address(1), TOTAL))
        if desk.receive(patience=2.0):
            return
    pytest.fail("the line stays deaf")


def test_reply_has_wake_up_bytes(desk, lab):
    desk.send(read_request(lab.address(1), TOTAL))
    data = b""
    while len(data) < 24:
        data += desk.link.recv(100)
    assert data[:5] == b"\xfe" * 4 + b"\x68"


def test_several_clients_of_one_port_get_their_own_replies(shared, lab):
    desks = [shared.desk() for _desk in range(4)]
    for number, desk in enumerate(desks):
        desk.send(read_request(lab.address(1 + number % 2), TOTAL))
    assert [desk.receive().address for desk in desks] == [lab.address(1), lab.address(2)] * 2


def _exchange(sim, desk, lab):
    """Seconds of an exchange, 20 bytes there and 24 back: on the clock, and on the line.

    The clock may show more, by what this machine is busy with otherwise, never less.
    """
    before = sim("stats")["ports"]["C1/1"]["taken_seconds"]
    begin = time.monotonic()
    desk.ask(read_request(lab.address(1), TOTAL))
    seconds = time.monotonic() - begin
    return seconds, sim("stats")["ports"]["C1/1"]["taken_seconds"] - before


def test_line_speed(new_sim, lab):
    sim = new_sim(lab.site([lab.meter(1)], line_speed=True, td=0.1)).start()
    wanted = (20 + 24) * BITS / 2400 + 0.1
    before = sim("stats")["ports"]["C1/1"]
    assert before["busy_seconds"] == 0
    seconds, taken = _exchange(sim, sim.desk(), lab)
    assert 0.99 * wanted <= seconds
    assert taken == pytest.approx(wanted)
    stats = sim("stats")["ports"]["C1/1"]
    assert stats["busy_seconds"] == pytest.approx((20 + 24) * BITS / 2400)
    assert (stats["requests"], stats["replies"], stats["overlaps"]) == (1, 1, 0)
    assert (stats["bytes_in"], stats["bytes_out"]) == (20, 24)
    sim.stop()
    # Four times the baud rate.
    sim.content["concentrators"][0]["ports"][0]["baudrate"] = 9600
    wanted = (20 + 24) * BITS / 9600 + 0.1
    sim.start()
    seconds, taken = _exchange(sim, sim.desk(), lab)
    assert 0.99 * wanted <= seconds
    assert taken == pytest.approx(wanted)
    sim.stop()
    sim.content |= {"line_speed": False, "td": 0}
    sim.start()
    assert _exchange(sim, sim.desk(), lab)[1] == 0


def test_one_request_at_a_time(new_sim, lab):
    """Two clients at once on a paced line: the second waits for the first."""
    sim = new_sim(lab.site([lab.meter(1), lab.meter(2)], line_speed=True)).start()
    desks = [sim.desk(), sim.desk()]
    begin = time.monotonic()
    with sim.asleep():
        for number, desk in enumerate(desks, start=1):
            desk.send(read_request(lab.address(number), TOTAL))
    assert [desk.receive().address for desk in desks] == [lab.address(1), lab.address(2)]
    assert time.monotonic() - begin >= 2 * 0.99 * 44 * BITS / 2400
    assert sim("stats")["ports"]["C1/1"]["overlaps"] == 1


def test_lines_do_not_wait_for_each_other(new_sim, lab):
    sim = new_sim(lab.site(*([lab.meter(n)] for n in range(1, 9)), line_speed=True, td=1)).start()
    desks = [sim.desk(f"C1/{number}") for number in range(1, 9)]
    begin = time.monotonic()
    for number, desk in enumerate(desks, start=1):
        desk.send(read_request(lab.address(number), TOTAL))
    assert all(desk.receive() for desk in desks)
    # One exchange lasts 1.2 s; one after the other they would take ten.
    assert time.monotonic() - begin < 8 * (44 * BITS / 2400 + 1)


# -- pseudo terminals ------------------------------------------------------------------------------


class SerialLink:
    """A serial port in the clothes of a socket."""

    def __init__(self, path):
        self.port = serial.Serial(str(path), 2400, timeout=1)

    def sendall(self, data):
        self.port.write(data)

    def settimeout(self, seconds):
        self.port.timeout = seconds

    def recv(self, _size):
        data = self.port.read(1)
        if not data:
            raise TimeoutError
        return data + self.port.read(self.port.in_waiting)


@pytest.fixture
def pty_sim(new_sim, lab, tmp_path):
    path = tmp_path / "ttyMETER"
    sim = new_sim(lab.site({"listen": f"pty://{path}", "meters": [lab.meter(1)]}))
    sim.device = path
    return sim


def test_pty_client_comes_and_goes(pty_sim, lab):
    pty_sim.start()
    for number in range(3):
        link = SerialLink(pty_sim.device)
        desk = lab.Desk(link)
        order = lab.order("open" if number == 0 else "charge", "1.00", number=number + 1)
        assert desk.order(lab.address(1), order).number == number + 1
        link.port.close()
    assert pty_sim.stop() == 0
    assert not os.path.lexists(pty_sim.device)


def test_pty_replaces_a_stale_link(pty_sim, lab):
    pty_sim.start()
    pty_sim.kill()
    assert os.path.islink(pty_sim.device)
    pty_sim.start()
    assert lab.Desk(SerialLink(pty_sim.device)).status(lab.address(1)).number == 0


def test_pty_leaves_other_files_alone(pty_sim, lab):
    pty_sim.device.write_text("precious")
    process = pty_sim.launch()
    assert process.wait(lab.PATIENCE) == 2
    assert "no symbolic link" in process.stderr.read()
    assert pty_sim.device.read_text() == "precious"


def test_pty_cut_and_offered_again(pty_sim, lab):
    pty_sim.start()
    first = SerialLink(pty_sim.device)
    assert lab.Desk(first).status(lab.address(1))
    device = os.readlink(pty_sim.device)
    pty_sim("close_link", port="C1/1")
    with pytest.raises((serial.SerialException, OSError)):
        first.sendall(b"\xfe")
        first.recv(1)
    deadline = time.monotonic() + lab.PATIENCE
    while not os.path.lexists(pty_sim.device):
        assert time.monotonic() < deadline, f"{device} is not offered again"
    assert lab.Desk(SerialLink(pty_sim.device)).status(lab.address(1))


def test_pty_wakes_nobody_up_with_old_bytes(pty_sim, lab):
    """Bytes that nobody read are dropped when the client opens the port, as with a real one."""
    pty_sim.start()
    link = SerialLink(pty_sim.device)
    link.sendall(read_request(lab.address(1), TOTAL))
    while pty_sim("stats")["ports"]["C1/1"]["replies"] < 1:
        pass
    link.port.close()
    desk = lab.Desk(SerialLink(pty_sim.device))
    assert desk.silent(b"", lab.address(1))


def test_pty_keeps_line_speed(pty_sim, lab):
    pty_sim.content |= {"line_speed": True, "td": 0.1}
    pty_sim.start()
    seconds, taken = _exchange(pty_sim, lab.Desk(SerialLink(pty_sim.device)), lab)
    wanted = 44 * BITS / 2400 + 0.1
    assert 0.99 * wanted <= seconds
    assert taken == pytest.approx(wanted)
