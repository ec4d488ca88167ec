"""The reference encryptor as a process of its own, the gateway's client, and a chip that checks.

The chip here uses the emulated codes; that these are what the document says, ``openssl`` was asked
once: the known answers of ``docs/encryptor.md``.
"""

import contextlib
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from meterwire import dlt645_2007 as dlt
from meterwire.dialect import Dialect
from meterwire.errors import KeyMissing, MeterRefused, NoEncryptor, WireError
from meterwire.question import Question
from meterwire.recharge import Ack, KeyRing, Order
from meterwire.recharge.encryptor import Encryptor
from meterwire.sim.esam_codes import identity_cipher, meter_key, order_mac

ROOT = Path(__file__).parents[2]
LIB = ROOT / "addons" / "meter_gateway" / "lib"
DOCUMENT = (ROOT / "docs" / "encryptor.md").read_text("utf-8")
IDENTITY = "00112233445566778899AABBCCDDEEFF"
PURCHASE = "FFEEDDCCBBAA99887766554433221100"
TOKEN = "a-token-of-the-test"
ADDRESS = "202611000001"
DIVERSIFIER = "0000202611000001"
ORDER = Order("charge", 10000, "000000000017", 77, 2, 0)
PATIENCE = 120.0  # seconds until a test gives up waiting; never waited for when all is well


class Program:
    """The reference encryptor; port and url once it listens."""

    def __init__(self, folder, arguments=(), **changes):
        self.file = folder / "encryptor.json"
        content = {"token": TOKEN, "identity": IDENTITY, "purchase": PURCHASE, **changes}
        self.file.write_text(json.dumps(content))
        self.file.chmod(0o600)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "meterwire.sim.encryptor"),
                *("--listen", "127.0.0.1:0", "--keys", str(self.file), *arguments),
            ],
            env={**os.environ, "PYTHONPATH": str(LIB)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            assert waiting.select(PATIENCE), "the encryptor did not start"
        line = self.process.stdout.readline().strip()
        assert line.startswith("listening on "), line or self.process.stderr.read()
        self.url = line.removeprefix("listening on ")

    def stop(self):
        self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE)
        return out + err


@pytest.fixture
def program(tmp_path):
    program = Program(tmp_path)
    yield program
    if program.process.poll() is None:
        program.stop()


def client(url, token=TOKEN, **entry):
    return Encryptor("default", {"url": url, "token": token, **entry})


class Chip:
    """A meter whose chip checks the authentication and both codes, with keys of its own."""

    def __init__(self, identity=IDENTITY, purchase=PURCHASE):
        diversifier = bytes.fromhex(DIVERSIFIER)
        self.identity = meter_key(bytes.fromhex(identity), diversifier)
        self.purchase = meter_key(bytes.fromhex(purchase), diversifier)
        self.random2 = b""
        self.number = 1
        self.executed = []

    def answer(self, frame):
        data = frame.data
        function, body = data[3::-1], data[8:]
        if function.hex() == "070000ff":
            cipher, random1 = body[7::-1], body[15:7:-1]
            if identity_cipher(self.identity, random1) != cipher:
                return 0xC3, b"\x08\x00"
            self.random2 = os.urandom(4)
            return 0x83, data[:4] + self.random2[::-1] + bytes(8)
        amount, number, mac1 = body[3::-1], body[7:3:-1], body[11:7:-1]
        customer, mac2 = body[17:11:-1], body[21:17:-1]
        wanted = [
            order_mac(self.purchase, self.random2, function, covered)
            for covered in (amount + number, customer)
        ]
        if [mac1, mac2] != wanted:
            return 0xC3, b"\x04\x00"
        if int.from_bytes(number) != self.number + 1:
            return 0xC3, b"\x20\x00"
        self.number += 1
        self.executed.append((int.from_bytes(amount), customer.hex()))
        return 0x83, data[:4]


def charge(encryptor, chip):
    """Send ``ORDER`` over the shape, as a line would."""
    money = {"size": 4, "places": 2}
    dialect = Dialect.from_json(
        {
            "dialect": 1,
            "code": "chip",
            "name": "With a chip",
            "protocol": "dlt645_2007",
            "evidence": "emulator",
            "registers": {
                "purchase_number": {"di": "03330201", "size": 2},
                "last_amount": {"di": "03330301", **money},
                "balance": {"di": "00900200", **money},
            },
            "recharge": {"shape": "esam"},
        }
    )
    meter = SimpleNamespace(address=ADDRESS, dialect=dialect, key_version=1, algorithm="3des")
    talk = dialect.shape.send(meter, encryptor, ORDER)
    value, fault = None, None
    while True:
        try:
            step = talk.throw(fault) if fault else talk.send(value)
        except StopIteration as end:
            return end.value
        value, fault = None, None
        try:
            if isinstance(step, Question):
                (raw,) = dlt.Buffer().feed(step.request)
                control, data = chip.answer(dlt.decode(raw))
                value = step.parse(dlt.Frame(ADDRESS, control, data))
            else:
                value = step.function()
        except WireError as error:
            fault = error


# --- it works -----------------------------------------------------------------------------------


def test_a_charge_with_real_codes(program):
    chip = Chip()
    assert charge(client(program.url), chip) == Ack()
    assert chip.executed == [(10000, "000000000017")]


def test_with_a_url_that_has_a_path_and_a_slash(program):
    with pytest.raises(NoEncryptor, match="does not know this function, or not this meter"):
        charge(client(program.url + "/other/"), Chip())
    assert charge(client(program.url + "/"), Chip()) == Ack()


def test_of_the_key_file(program, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(
        json.dumps({"encryptors": {"default": {"url": program.url, "token": TOKEN, "timeout": 60}}})
    )
    path.chmod(0o600)
    entry = KeyRing.from_file(path).secret("encryptors")
    assert charge(Encryptor("default", entry), Chip()) == Ack()


@pytest.mark.parametrize(
    "keys, outcome",
    [({"purchase": IDENTITY}, "not accept the code"), ({"identity": PURCHASE}, "authentication")],
)
def test_a_chip_with_other_keys_refuses(program, keys, outcome):
    chip = Chip(**keys)
    try:
        words = charge(client(program.url), chip).words
    except MeterRefused as refused:
        words = refused.words
    assert outcome in words and not chip.executed


def test_the_known_answers_of_the_document():
    known = dict(
        re.findall(r"^\| `?([a-z0-9 ]+?)`? \| `([0-9A-F]{8,32})` \|$", DOCUMENT, re.MULTILINE)
    )
    diversifier = bytes.fromhex(DIVERSIFIER)
    identity, purchase = (
        meter_key(bytes.fromhex(master), diversifier) for master in (IDENTITY, PURCHASE)
    )
    random2, function = bytes.fromhex("A1B2C3D4"), bytes.fromhex("070102FF")
    made = {
        "identity key": identity,
        "purchase key": purchase,
        "cipher": identity_cipher(identity, bytes.fromhex("0102030405060708")),
        "mac1": order_mac(purchase, random2, function, bytes.fromhex("0000271000000002")),
        "mac2": order_mac(purchase, random2, function, bytes.fromhex("000000000017")),
    }
    assert known == {name: value.hex().upper() for name, value in made.items()}


def test_over_tls(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    program = Program(tmp_path, ("--tls-cert", str(cert), "--tls-key", str(key)))
    try:
        assert program.url.startswith("https://")
        assert charge(client(program.url, ca_file=str(cert)), Chip()) == Ack()
        with pytest.raises(NoEncryptor, match="no safe connection to the encryptor"):
            charge(client(program.url), Chip())
        with pytest.raises(NoEncryptor):
            charge(client(program.url, ca_file=str(tmp_path / "gone.pem")), Chip())
    finally:
        program.stop()


# --- it does not --------------------------------------------------------------------------------


def test_a_wrong_token(program):
    chip = Chip()
    with pytest.raises(NoEncryptor, match="does not know this token"):
        charge(client(program.url, "another-token"), chip)
    assert not chip.executed


def test_down(program):
    program.stop()
    with pytest.raises(NoEncryptor, match="the encryptor is not reached: Connection refused"):
        charge(client(program.url), Chip())


class Server:
    """A program that answers every call with the bytes given; None: not at all."""

    def __init__(self, answer):
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join(PATIENCE)
        self.socket.close()

    def _serve(self):
        connection, _peer = self.socket.accept()
        with connection:
            connection.recv(65536)
            if self.answer is None:
                self.done.wait(PATIENCE)
            elif callable(self.answer):
                self.answer(connection, self.done)
            else:
                # What is not read of the call would reset the connection under the answer; the
                # client itself may leave in the middle of a long one.
                with contextlib.suppress(ConnectionError):
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass


def http(status, body, head=""):
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{head}\r\n{body}".encode()


@pytest.mark.parametrize(
    "answer, words",
    [
        (http(500, "boom"), "failed with HTTP status 500"),
        (http(503, '{"error": "later"}'), "failed with HTTP status 503"),
        (http(302, "", "Location: http://127.0.0.1/\r\n"), "failed with HTTP status 302"),
        (http(403, ""), "does not allow this"),
        (http(429, ""), "has too much to do"),
        (http(422, '{"error": "meter not on the list"}'), "refused: meter not on the list"),
        (http(422, '{"error": 5}'), "refused: no reason given"),
        (http(422, "nonsense"), "refused: no reason given"),
        (http(422, f'{{"error": "your token {TOKEN}"}}'), "refused: no reason given"),
        (http(422, '{"error": "a\\nb"}'), "refused: no reason given"),
        (http(200, "nonsense"), "answered something else"),
        (http(200, "[]"), "answered something else"),
        (http(200, "null"), "answered something else"),
        (http(200, '{"cipher": "00"}'), "answered something else"),
        (http(200, '{"cipher": "00", "random1": "0102030405060708"}'), "answered something else"),
        (http(200, '{"cipher": 5, "random1": "0102030405060708"}'), "answered something else"),
        (http(200, "x" * 70000), "answer is too long"),
        (b"SSH-2.0-x\r\n", "does not speak HTTP properly"),
        (b"", "is not reached|does not speak HTTP properly"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\nshort", "answered something else"),
    ],
)
def test_answers_that_are_none(answer, words):
    with Server(answer) as server:
        chip = Chip()
        with pytest.raises(NoEncryptor, match=words) as caught:
            charge(client(server.url, timeout=60), chip)
        assert TOKEN not in str(caught.value) and not chip.executed


def test_slow():
    with Server(None) as server, pytest.raises(NoEncryptor, match=r"did not answer in 0.2 s"):
        charge(client(server.url, timeout=0.2), Chip())


def test_an_answer_that_drips():
    """Each byte comes in time, the whole does not."""

    def drip(connection, done):
        try:
            connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
            while not done.wait(0.02):
                connection.sendall(b" ")
        except OSError:
            pass

    with Server(drip) as server, pytest.raises(NoEncryptor, match=r"did not answer in 0.3 s"):
        charge(client(server.url, timeout=0.3), Chip())


@pytest.mark.parametrize(
    "entry",
    [
        {"url": "ftp://127.0.0.1", "token": "S3CRET"},
        {"url": "127.0.0.1:8443", "token": "S3CRET"},
        {"url": "http://127.0.0.1:99999", "token": "S3CRET"},
        {"url": "http://127.0.0.1/?a=1", "token": "S3CRET"},
        {"url": "http://127.0.0.1", "token": "S3CRET\r\nX: y"},
        {"url": "http://127.0.0.1", "token": "S3CRETé"},
    ],
)
def test_an_entry_that_makes_no_sense(entry):
    with pytest.raises(KeyMissing, match="encryptor 'default'") as caught:
        Encryptor("default", entry)
    assert "S3CRET" not in str(caught.value)


# --- the program --------------------------------------------------------------------------------


def call(program, path, body, token=TOKEN):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(program.url + path, data, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_every_pair_is_new(program):
    asked = {"meter": ADDRESS, "diversifier": DIVERSIFIER}
    answers = [call(program, "/v1/identity", asked) for _ in range(5)]
    assert all(status == 200 for status, _answer in answers)
    assert len({answer["random1"] for _status, answer in answers}) == 5


@pytest.mark.parametrize(
    "path, body, status, words",
    [
        ("/v1/codes", {"meter": ADDRESS}, 404, "there are /v1/identity and /v1/order"),
        ("/v1/identity", [], 400, "a call is a JSON object"),
        ("/v1/identity", b"{", 400, "a call is JSON"),
        ("/v1/identity", {"meter": "1"}, 400, "meter must be 12 digits"),
        ("/v1/identity", {"meter": ADDRESS}, 400, "diversifier must be hexadecimal"),
        (
            "/v1/identity",
            {"meter": ADDRESS, "diversifier": "00"},
            400,
            "diversifier must be 16 hexadecimal digits",
        ),
        (
            "/v1/order",
            {"meter": ADDRESS, "diversifier": DIVERSIFIER},
            400,
            "random2 must be hexadecimal",
        ),
        ("/v1/identity", b"x" * 20000, 400, "a call has a Content-Length, and not a long one"),
    ],
)
def test_calls_that_make_no_sense(program, path, body, status, words):
    assert call(program, path, body) == (status, {"error": words})


def test_nothing_is_said_without_the_token(program):
    status, answer = call(program, "/v1/identity", {"meter": "1"}, "another")
    assert (status, answer) == (401, {"error": "unknown token"})


def test_its_log_holds_no_secret(program):
    charge(client(program.url), Chip())
    call(program, "/v1/identity", {}, "another-token")
    log = program.stop()
    for secret in (TOKEN, "another-token", IDENTITY, PURCHASE):
        assert secret not in log


def start(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "meterwire.sim.encryptor", *arguments],
        env={**os.environ, "PYTHONPATH": str(LIB)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    "content, mode, words",
    [
        ({"token": "S3CRET", "identity": IDENTITY, "purchase": PURCHASE}, 0o640, "chmod 600"),
        ({"token": "S3CRET", "identity": IDENTITY}, 0o600, "must have token, identity, purchase"),
        ({"token": "S3CRET", "identity": "12", "purchase": PURCHASE}, 0o600, "identity must be"),
        ({"token": "", "identity": IDENTITY, "purchase": PURCHASE}, 0o600, "token must be text"),
        ("S3CRET", 0o600, "must have token"),
    ],
)
def test_a_key_file_that_is_refused(tmp_path, content, mode, words):
    path = tmp_path / "encryptor.json"
    path.write_text(json.dumps(content))
    path.chmod(mode)
    run = start("--listen", "127.0.0.1:0", "--keys", str(path))
    assert run.returncode == 1 and words in run.stderr
    assert "S3CRET" not in run.stderr and "Traceback" not in run.stderr


def test_no_key_file_and_no_port(tmp_path):
    run = start("--listen", "127.0.0.1:0", "--keys", str(tmp_path / "gone"))
    assert run.returncode == 1 and "No such file" in run.stderr
    assert start("--listen", "8443", "--keys", "x").returncode == 2


def test_it_shares_no_code_with_the_desk():
    check = (
        "import sys, meterwire.sim.encryptor;"
        "print(sorted(name for name in sys.modules if name.startswith('meterwire.recharge')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", check],
        env={**os.environ, "PYTHONPATH": str(LIB)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"
