"""Simulated meters read by the field tool through hub and broker: four programs of their own."""

import asyncio
import os
import subprocess
import sys

import mosquitto
import pytest
from hub_desk import LIB, PATIENCE, HubProcess

FAMILIES = {
    "ascii": {"id": "BOX-17", "heartbeat": "70696E672D3137"},
    "hex": {"id": "A1B2C3D4", "heartbeat": "70696E672D3137"},
    "imei": {"id": "860000000000017", "heartbeat": "70696E672D3137"},
    "prefix": {"id": "CTRL:0921", "heartbeat": "70696E672D3137"},
    "ddp": {"id": "13800138000"},
    "gdw3761": {"id": "02001234"},
}


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "hub" / "keys.json"


def read(keys, endpoint, address, *options):
    """What the field tool says."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("METER")}
    done = subprocess.run(
        [sys.executable, "-m", "meterwire", "read", "--timeout", "10", "--dialect", "d_single",
         *options, endpoint, address, "total"],
        env={**env, "PYTHONPATH": str(LIB), "METERWIRE_KEYS": str(keys)},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def box(lab, link, **values):
    """Two ports behind one link, a meter on each."""
    ports = [
        {"number": number, "meters": [lab.meter(number, total=f"{number}00.25")]}
        for number in (1, 2)
    ]
    return {"td": 0, "concentrators": [{"name": "C1", "link": link, "ports": ports}], **values}


@pytest.mark.parametrize("family", FAMILIES)
def test_meters_behind_a_dtu_that_dials_in(lab, new_sim, tmp_path, keys, family):
    settings = FAMILIES[family]
    hub = HubProcess(tmp_path / "hub", [{"registration": family, **settings}]).start()
    try:
        wrapped = family == "gdw3761"
        link = {
            "kind": "dialin", "server": f"127.0.0.1:{hub.ports[0]}", "registration": family,
            "heartbeat_seconds": 0.5, "reconnect_seconds": 0.2, **settings,
            **({"select": "gdw3761", "terminal": settings["id"]} if wrapped else
               {"select": "address", "heartbeat_inside": family != "ddp"}),
        }  # fmt: skip
        sim = new_sim(box(lab, link)).start()
        name = settings["id"]
        _wait(hub, lambda told: told["dtus"][name]["online"])
        endpoint = f"hub://{hub.workers}/{name.replace(':', '%3A')}?generation=1&worker=1"
        for number in (1, 2):
            envelope = ["--envelope", f"gdw3761:{name}", "--port", str(number)] * wrapped
            said = read(keys, endpoint, lab.address(number), *envelope)
            assert f"{number}00.25 kWh" in said, said + hub.log.read_text()
        assert sim.stop() == 0
        _wait(hub, lambda told: not told["dtus"][name]["online"])
        assert f"DTU {name} is offline" in read(keys, endpoint, lab.address(1))
    finally:
        hub.close()


def test_meters_behind_a_broker(lab, new_sim, tmp_path):
    broker = mosquitto.Mosquitto(tmp_path / "broker").start()
    keys = tmp_path / "keys.json"
    keys.touch(mode=0o600)
    keys.write_text('{"mqtt": {"default": {"username": "desk", "password": "desk\'s own"}}}')
    link = {
        "kind": "mqtt", "broker": f"127.0.0.1:{broker.port}", "up": "dtu/1/up",
        "down": "dtu/1/down", "select": "address", **mosquitto.BOX,
    }  # fmt: skip
    try:
        new_sim(box(lab, link)).start()
        endpoint = (
            f"mqtt://127.0.0.1:{broker.port}/?up=dtu/1/up&down=dtu/1/down&credentials=default"
        )
        for number in (1, 2):
            said = read(keys, endpoint, lab.address(number))
            assert f"{number}00.25 kWh" in said, said
    finally:
        broker.kill()


def _wait(hub, condition):
    asyncio.run(hub.until(condition))
