"""Starting: a bad site, bad keys or a state in use end with one clear line and code 2."""

import ast
import json
import os
import re
import socket
from pathlib import Path

import pytest
from conftest import PATIENCE
from meterwire.sim import main
from meterwire.sim.faults import KINDS
from meterwire.sim.operations import Operations
from meterwire.sim.site import load_site, parse_site
from meterwire.sim.site_meter import BORN, KIND_KEYS

METER = {"address": "202611000001", "credit": "units"}


def one_meter(**values):
    return {"concentrators": [{"name": "C1", "ports": [port(**values)]}]}


def port(number=1, listen="tcp://127.0.0.1:0", /, **values):
    return {"number": number, "listen": listen, "meters": [{**METER, **values}]}


def ports(*items):
    return {"concentrators": [{"name": "C1", "ports": list(items)}]}


def refusal(sim, code=2):
    """Return the one line with which the simulator ends."""
    process = sim.launch()
    assert process.wait(PATIENCE) == code
    text = process.stderr.read()
    assert text.startswith("metersim: ") and text.count("\n") == 1, text
    assert process.stdout.read() == ""
    return text


PLACE = "concentrators[0].ports[0].meters[0]"
TWICE = "tcp://127.0.0.1:7001"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "site: must be an object"),
        ({}, "concentrators: must be a list"),
        ({"concentrators": []}, "concentrators: must be a list that is not empty"),
        ({"concentrators": [{"name": "C1"}]}, "concentrators[0].ports: must be a list"),
        ({"concentrators": [{"ports": [port()]}]}, "concentrators[0].name: missing"),
        (one_meter() | {"sped": 1}, "sped: unknown key"),
        (one_meter() | {"speed": -1}, "speed: must be from 0"),
        (one_meter() | {"speed": "fast"}, "speed: must be a number, got 'fast'"),
        (one_meter() | {"line_speed": 1}, "line_speed: must be true or false"),
        (one_meter() | {"timezone": "Moon/Sea"}, "timezone: must be a time zone"),
        (one_meter() | {"faults": {"late": 1.1}}, "faults.late: must be from 0 to 1"),
        (one_meter() | {"faults": {"late": 0.9, "corrupt": 0.2}}, "add up to more than 1"),
        (one_meter() | {"faults": {"rain": 0.9}}, "faults.rain: unknown key"),
        (ports(port(1, "udp://127.0.0.1:1")), "ports[0].listen: must be tcp://"),
        (ports(port(1, "tcp://127.0.0.1")), "ports[0].listen: must be tcp://"),
        (ports(port(1, "pty://relative")), "ports[0].listen: must be tcp://"),
        (ports({**port(), "baudrate": 2401}), "ports[0].baudrate: must be one of"),
        (ports({**port(), "number": 0}), "ports[0].number: must be from 1"),
        (ports(port(), port(address="202611000002")), "port C1/1 is used twice"),
        (
            ports(port(1, TWICE), port(2, TWICE, address="202611000002")),
            f"ports[1]: listen address {TWICE} is used twice",
        ),
        (ports(port(), port(2)), "202611000001 is already at " + PLACE),
        (one_meter(address="12"), f"{PLACE}.address: must be 12 or 14 digits, got '12'"),
        (one_meter(address="20261100000A"), f"{PLACE}.address: must be"),
        (one_meter(address="999999999999"), f"{PLACE}.address: is the broadcast address"),
        (one_meter(credit="euros"), f"{PLACE}.credit: must be units, money or null"),
        (one_meter(credit="money"), f"{PLACE}.price: a money meter needs a price"),
        (one_meter(type="a_97"), f"{PLACE}.credit: must be null on a meter of dlt645_1997"),
        (one_meter(shape="a013"), f"{PLACE}.shape: must be one of sealed, esam"),
        (one_meter(protocol="cjt188"), f"{PLACE}.address: must be 14 digits on a meter of cjt188"),
        (one_meter(profile=[1]), f"{PLACE}.profile: must be a list of 24 factors"),
        (one_meter(actuator="fuse"), f"{PLACE}.actuator: must be one of none, relay, valve"),
        (one_meter(algorithm="aes"), f"{PLACE}.algorithm: must be one of des, 3des"),
        (one_meter(balance="1.001"), f"{PLACE}.balance: must be a multiple of 0.01"),
        (one_meter(balance="NaN"), f"{PLACE}.balance: must be a number"),
        (one_meter(balance=True), f"{PLACE}.balance: must be a number"),
        (one_meter(hoard="-1"), f"{PLACE}.hoard: must be from 0"),
        (one_meter(overdaft="1"), f"{PLACE}.overdaft: unknown key"),
        (one_meter(number=1.5), f"{PLACE}.number: must be a whole number"),
        (one_meter(epoch=65536), f"{PLACE}.epoch: must be from 0 to 65535"),
        (one_meter(key_version=0), f"{PLACE}.key_version: must be from 1"),
        (one_meter(customer="12"), f"{PLACE}.customer: must be 12 digits"),
        (one_meter(password="12"), f"{PLACE}.password: must be 6 digits"),
    ],
)
def test_bad_site(tmp_path, capsys, monkeypatch, content, words):
    """In this process: the command line's own function, up to where it would listen."""
    monkeypatch.delenv("METERWIRE_KEYS", raising=False)
    file = tmp_path / "site.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    assert main(["--site", str(file), "--state", str(tmp_path / "state")]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("metersim: ") and output.err.count("\n") == 1
    assert words in output.err
    assert not (tmp_path / "state").exists()


def test_bad_site_ends_the_program(new_sim):
    assert "concentrators: must be a list" in refusal(new_sim({}))


def test_documented_site_runs(new_sim, tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    example = text.split("```json\n")[1].split("```")[0]
    example = example.replace(":7001", ":0").replace("/tmp/ttyMETER2", f"{tmp_path}/ttyMETER2")
    sim = new_sim(json.loads(example)).start()
    assert len(sim("books")["meters"]) == 3
    section = text.split("## Faults")[1].split("##")[0]
    kinds = re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:]
    assert set(kinds) == set(KINDS)
    for kind in kinds:
        sim("fault", address=METER["address"], kind=kind)
    operations = set(re.findall(r'"op": "(\w+)"', text.split("## Control port")[1]))
    known = {name[3:] for name in dir(Operations) if name.startswith("op_")}
    assert operations == known


def test_documented_keys_are_known():
    text = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    table = text.split("| key of a meter |")[1].split("### Links")[0]
    cells = re.findall(r"^\| ([\w, ]+) \|", table, re.MULTILINE)
    documented = {key for cell in cells for key in cell.split(", ")}
    assert documented == {"address", "count", *BORN, *KIND_KEYS}


def test_site_file_missing(new_sim):
    sim = new_sim(one_meter(), arguments=["--site", "/nowhere/site.json"])
    assert "/nowhere/site.json: No such file" in refusal(sim)


@pytest.mark.parametrize("control", ["0.0.0.0:0", "192.0.2.1:0", "7000", "127.0.0.1:x"])
def test_control_port_is_loopback_only(new_sim, control):
    sim = new_sim(one_meter(), arguments=["--control", control])
    assert "control: must be a loopback address" in refusal(sim)


def test_port_in_use(new_sim):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        text = refusal(new_sim(ports(port(1, listen))))
    assert f"port C1/1: {listen}: " in text
    assert "in use" in text


def test_state_in_use(new_sim):
    first = new_sim(one_meter()).start()
    second = new_sim(one_meter(), arguments=["--state", str(first.state)])
    assert "another simulator is using it" in refusal(second)
    assert first("ping")


def test_state_cannot_be_made(new_sim, tmp_path):
    (tmp_path / "file").write_text("")
    sim = new_sim(one_meter(), arguments=["--state", str(tmp_path / "file" / "state")])
    assert "file/state: Not a directory" in refusal(sim)


def test_numbers_and_false_are_taken_as_a_database_gives_them(new_sim):
    content = one_meter(balance=25.5, load=0.8, customer=False, hoard=0, type=False)
    sim = new_sim(content).start()
    assert sim.books(METER["address"])["balance"] == "25.50"
    other = new_sim(one_meter(credit=False)).start()
    assert other.raw({"op": "card", "address": METER["address"], "amount": 1})["ok"] is False


# -- keys ------------------------------------------------------------------------------------------


@pytest.fixture
def key_file(tmp_path):
    def write(content, mode=0o600):
        path = tmp_path / "keys.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        os.chmod(path, mode)
        return str(path)

    return write


SECRET = "0F1E2D3C4B5A69788796A5B4C3D2E1F0"


@pytest.mark.parametrize("way", ["--keys", "METERWIRE_KEYS", "METERWIRE_KEY_7"])
def test_keys_from_file_and_environment(new_sim, lab, key_file, way):
    content, path = one_meter(key_version=7), key_file({"7": SECRET.lower()})
    if way == "--keys":
        sim = new_sim(content, arguments=["--keys", path])
    else:
        sim = new_sim(content, env={way: path if way == "METERWIRE_KEYS" else SECRET})
    desk = lab.Desk(sim.start().connect(), version=7, master=SECRET)
    assert desk.open(METER["address"])


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ({"1": SECRET}, 0o640, "others may read it"),
        ({"1": SECRET}, 0o604, "others may read it"),
        ("{", 0o600, "not JSON"),
        ([SECRET], 0o600, "must be like"),
        ({"1": SECRET[:-1]}, 0o600, "version 1: a key is 32 hexadecimal digits"),
        ({"1": 5}, 0o600, "version 1: a key is 32 hexadecimal digits"),
        ({"256": SECRET}, 0o600, "a key version is 1 to 255"),
        ({"1": SECRET}, 0o600, "another key is given for this version"),  # and the environment's
        ({"2": SECRET[:16] * 2}, 0o600, "weak key"),
    ],
)
def test_bad_keys(new_sim, key_file, content, mode, words):
    text = refusal(new_sim(one_meter(), arguments=["--keys", key_file(content, mode)]))
    assert words in text
    assert SECRET[:15] not in text


def test_key_file_missing(new_sim):
    sim = new_sim(one_meter(), arguments=["--keys", "/nowhere/keys.json"])
    assert "key file /nowhere/keys.json: No such file" in refusal(sim)


def test_missing_key_is_told_and_refused_by_the_meter(new_sim, lab):
    sim = new_sim(one_meter(key_version=2)).start()
    desk = lab.Desk(sim.connect(), version=2)
    at = METER["address"]
    assert desk.order(at, lab.order("open")).code == 1 << 3
    sim.stop()
    assert "no master key of version 2" in sim.process.stderr.read()


def test_no_key_in_the_state(new_sim, lab):
    sim = new_sim(one_meter()).start()
    sim.desk().open(METER["address"])
    sim.stop()
    master = bytes.fromhex(lab.MASTER)
    for path in sim.state.iterdir():
        content = path.read_bytes()
        assert master not in content and lab.MASTER.encode() not in content.upper()


# -- independence ----------------------------------------------------------------------------------


def test_shares_no_code_with_the_desk(lab):
    """Two implementations that share code share its mistakes."""
    allowed = {"Crypto", "paho", *__import__("sys").stdlib_module_names}
    files = sorted((lab.LIB / "meterwire" / "sim").glob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{file.name} imports from outside sim/"
                if node.level:
                    continue
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [item.name for item in node.names]
            else:
                continue
            for name in names:
                assert name.partition(".")[0] in allowed, f"{file.name} imports {name}"


def test_models_do_not_import_the_simulator(lab):
    """The simulator is a program; nothing that runs in the database's process needs it."""
    files = sorted(lab.LIB.parents[1].glob("*/models/**/*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{item.name}" for item in node.names]
            elif isinstance(node, ast.Import):
                names = [item.name for item in node.names]
            assert not any("meterwire.sim" in name for name in names), file


# -- size ------------------------------------------------------------------------------------------


def test_one_entry_can_be_many_meters(new_sim):
    sim = new_sim(one_meter(count=40, balance="7.00")).start()
    books = sim("books")["meters"]
    assert [item["address"] for item in books] == [f"{202611000001 + n:012d}" for n in range(40)]
    assert {item["balance"] for item in books} == {"7.00"}
    text = refusal(new_sim(ports(port(count=3), port(2, address="202611000003"))))
    assert "202611000003 is already at" in text


def test_only_some_concentrators(new_sim):
    """A big site is shared out between processes."""
    boxes = [
        {"name": name, "ports": [port(address=f"20261100000{number}")]}
        for number, name in enumerate(("C1", "C2", "C3"))
    ]
    sim = new_sim({"concentrators": boxes}, arguments=["--only", "C1,C3"]).start()
    assert list(sim.ports) == ["C1/1", "C3/1"]
    assert len(sim("books")["meters"]) == 2
    other = new_sim({"concentrators": boxes}, arguments=["--only", "C2,C9"])
    assert "there is no C9" in refusal(other)


LINK = {"kind": "dialin", "server": "127.0.0.1:1", "id": "A"}


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"kind": "pigeon"}, "link.kind: must be one of box, dialin, mqtt"),
        ({"kind": "box"}, "link.listen: missing"),
        ({"kind": "box", "listen": "udp://127.0.0.1:1"}, "link.listen: must be tcp://"),
        ({**LINK, "server": "nowhere"}, "link.server: must be HOST:PORT"),
        ({**LINK, "registration": "song"}, "link.registration: must be one of"),
        ({**LINK, "registration": "ddp"}, "link.id: must be 11 characters"),
        ({**LINK, "packet": "XYZ"}, "link.packet: must be pairs of hexadecimal digits"),
        ({**LINK, "select": "selector", "selector": "A5"}, "link.selector: must be hexadecimal"),
        ({**LINK, "terminal": "1"}, "link.terminal: must be four digits"),
        ({**LINK, "broker": "127.0.0.1:1"}, "link.broker: unknown key"),
        ({"kind": "mqtt", "broker": "127.0.0.1:1", "up": "a"}, "link.down: missing"),
    ],
)
def test_bad_link(new_sim, link, words):
    ports_of_box = [{"number": 1, "meters": [METER]}]
    content = {"concentrators": [{"name": "C1", "link": link, "ports": ports_of_box}]}
    assert f"concentrators[0].{words}" in refusal(new_sim(content))


def test_port_behind_a_link_has_no_socket(new_sim):
    content = one_meter()
    content["concentrators"][0]["link"] = LINK
    assert "ports[0].listen: is not for a port" in refusal(new_sim(content))


@pytest.mark.parametrize("name", ["concentrator", "boxes", "dtus"])
def test_shipped_sites_are_sound(name):
    folder = Path(__file__).parents[2] / "config" / "simulator"
    site = parse_site(load_site(folder / f"{name}.json"))
    assert site.ports
    assert len(list(folder.iterdir())) == 3
