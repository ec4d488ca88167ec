"""The field tool, as an engineer types it."""

import json

import pytest
from far_end import pty_meter, tcp_meter
from meter_double import ADDRESS, charge, frame_of
from meterwire import __main__ as tool
from meterwire.dialect import shipped


def test_tool_reads_a_meter(capsys):
    with tcp_meter() as (endpoint, _meter, _):
        reading = ["read", "--timeout", "10", "--frames"]
        assert tool.main([*reading, endpoint, ADDRESS, "00010000", "04000503"]) == 0
        shown = capsys.readouterr().out
        assert "00010000 forward active energy, total: 317.76 kWh" in shown
        assert "04000503 status word 3: 0000, supply on" in shown
        assert "> FE FE FE FE 68 01 00 00 11 26 20 68 11 04 33 33 34 33 0A 16" in shown
        named = ["--dialect", "d_single", endpoint, ADDRESS, "total", "status"]
        assert tool.main([*reading, *named]) == 0
        shown = capsys.readouterr().out
        assert "total: 317.76 kWh (Total)\nstatus: 0 (Run status word 3)\n" in shown
        assert tool.main(["read", endpoint, ADDRESS, "00900101"]) == 1
        assert "no such data" in capsys.readouterr().err


def test_tool_finds_a_meter(capsys, tmp_path):
    with pty_meter(tmp_path / "line") as (endpoint, _):
        assert tool.main(["find", "--timeout", "10", endpoint]) == 0
    assert capsys.readouterr().out == f"{ADDRESS}\n"


def test_tool_decodes(capsys):
    assert tool.main(["decode", "68292507", "07212068910833333333A94A36332E16"]) == 0
    assert capsys.readouterr().out == "202107072529 reply to read 00000000: 317.76 kWh\n"
    assert tool.main(["decode", "0011"]) == 1
    assert tool.main(["decode", "xyz"]) == 1
    assert "not hexadecimal" in capsys.readouterr().err


def test_tool_listens_and_shows_no_secret(capsys):
    frame = frame_of(charge(1))

    def serve(connection, number):
        connection.sendall(b"\x00" + frame)
        connection.close()
        return True

    with tcp_meter(serve) as (endpoint, _meter, _):
        assert tool.main(["listen", endpoint]) == 1  # the other end closed it
    shown = capsys.readouterr()
    assert f"{ADDRESS} charge, reference 1001, key version 1" in shown.out
    assert "** ** **" in shown.out and "closed the connection" in shown.err


@pytest.mark.parametrize("arguments", [[], ["read"], ["read", "tcp://h:1", "12"],
    ["read", "tcp://h:1", ADDRESS, "12"], ["write", "tcp://h:1"]])  # fmt: skip
def test_tool_refuses_what_it_does_not_understand(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        tool.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err


def test_tool_reads_a_water_meter_through_a_box(capsys):
    """A reply of the collection; the box wants its port before each frame, and says it too."""
    reply = bytes.fromhex("68104433221100337881161F9000007766552C007766552C3101221105152021840816")
    reply = reply[:-2] + bytes([sum(reply[:-2]) & 0xFF]) + reply[-1:]
    heard = []

    def serve(connection, number):
        heard.append(connection.recv(4096))
        connection.sendall(b"\xa5\x04" + reply)
        connection.recv(4096)
        return True

    box = ["--envelope", "hex:A5{port:02X}", "--port", "4"]
    with tcp_meter(serve) as (endpoint, _meter, _):
        assert tool.main(["read", *box, endpoint, "78330011223344", "total", "901F"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "total: 556677.00 m3 (Volume)"
    assert shown[1].startswith("901F: 00 77 66 55 2C 00 77")
    assert heard[0].startswith(bytes.fromhex("A504FEFEFEFE6810"))


def test_tool_reads_by_a_dialect_of_ones_own(capsys, tmp_path):
    mine = shipped()["b_07"]
    mine["registers"]["mine"] = {"di": "00010000", "size": 4, "places": 1, "unit": "x"}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(mine), encoding="utf-8")
    with tcp_meter() as (endpoint, _meter, _):
        assert tool.main(["read", "--dialect", str(path), endpoint, ADDRESS, "mine"]) == 0
        assert capsys.readouterr().out == "mine: 3177.6 x\n"
        mine["registers"]["mine"]["size"] = 44
        path.write_text(json.dumps(mine), encoding="utf-8")
        assert tool.main(["read", "--dialect", str(path), endpoint, ADDRESS, "mine"]) == 1
        assert "registers.mine.size: must be a whole number from 1 to 8" in capsys.readouterr().err
    assert tool.main(["read", "--dialect", "nobody", "tcp://h:1", ADDRESS]) == 1
    assert "no dialect 'nobody' is shipped" in capsys.readouterr().err


def test_tool_lists_dialects(capsys):
    assert tool.main(["dialects"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n{code} " in f"\n{shown}" for code in shipped())
    assert tool.main(["dialects", "e_water"]) == 0
    assert json.loads(capsys.readouterr().out) == shipped()["e_water"]


@pytest.mark.parametrize(
    "frame, words",
    [
        (
            "6895320600000068810643C3483333330B16",
            "000000063295 reply to read 9010: 0.15 kWh\n",
        ),
        ("6810180212202000000103901F009716", "00002020120218 read 901F (metering data)\n"),
    ],
)
def test_tool_decodes_every_protocol(frame, words, capsys):
    assert tool.main(["decode", frame]) == 0
    assert capsys.readouterr().out == words
