"""`odoo meter_hub` on a real database: who may call is read there, who calls is written there."""

import contextlib

from links import Hub
from processes import tail, until

SECONDS = 30


def answers(dtu):
    dtu.sendall(b"ping")
    return dtu.recv(100)


def test_dtus_of_a_database(make_desk):
    desk = make_desk(meters=2)

    def sql(query, *params):
        return desk.cluster.sql(desk.database, query, params or None)

    def status():
        return sql("SELECT dtu_online, dtu_address, dtu_signal FROM meter_concentrator"
                   " WHERE code = 'C1'")[0]  # fmt: skip

    def shows(*wanted):
        until(lambda: status() == wanted, SECONDS, f"{wanted} is shown", lambda: tail(hub.log))

    # What a hub that was killed has left behind.
    sql("UPDATE meter_concentrator SET link = 'dialin', registration = 'regex', dtu_id = 'BOX1',"
        " registration_pattern = %s, heartbeat_hex = '70696E67', heartbeat_reply_hex = '706F6E67',"
        " idle_seconds = 3600, dtu_online = true WHERE code = 'C1'",
        r"REG,(?P<id>\w+),(?P<signal>\d+);")  # fmt: skip
    hub = Hub(desk)
    shows(False, None, None)

    dtu = hub.dial(b"REG,BOX1,21;ping")
    assert dtu.recv(100) == b"pong"
    shows(True, "{}:{}".format(*dtu.getsockname()), 21)
    assert sql("SELECT dtu_seen_at > now() at time zone 'utc' - interval '1 minute'"
               "  FROM meter_concentrator WHERE code = 'C1'") == [(True,)]  # fmt: skip

    # A row that somebody holds waits, and keeps nothing else waiting.
    holder = desk.cluster.connect(desk.database)
    with holder, holder.cursor() as cursor:
        cursor.execute("SELECT 1 FROM meter_concentrator WHERE code = 'C1' FOR UPDATE")
        dtu.close()
        sql("UPDATE meter_concentrator SET link = 'dialin', registration = 'ascii',"
            " dtu_id = 'BOX2', heartbeat_hex = '70696E67', heartbeat_reply_hex = '706F6E67',"
            " idle_seconds = 3600 WHERE code = 'C2'")  # fmt: skip
        second = until(lambda: _welcome(hub, b"BOX2"), SECONDS, "the new DTU may call")
        until(
            lambda: sql("SELECT dtu_online FROM meter_concentrator WHERE code = 'C2'")[0][0],
            SECONDS, "the other box is shown",
        )  # fmt: skip
        assert status()[0]
    holder.close()
    until(lambda: not status()[0], SECONDS, "the held row is written later")

    # PostgreSQL dies: what is connected goes on, and so does what dials in.
    desk.cluster.crash()
    assert answers(second) == b"pong"
    dtu = hub.dial(b"REG,BOX1,5;ping")
    assert dtu.recv(100) == b"pong"
    until(lambda: "relaying goes on" in hub.log.read_text(), SECONDS, "the hub notices")
    desk.cluster.start()
    shows(True, "{}:{}".format(*dtu.getsockname()), 5)
    assert answers(second) == b"pong"

    # No longer among those that may call.
    sql("UPDATE meter_concentrator SET active = false WHERE code = 'C2'")
    until(lambda: _ended(second), SECONDS, "the other one is hung up on")

    hub.end()
    assert status()[0] is False
    log = hub.log.read_text()
    assert "WARNING" not in log and "ERROR" not in log and "Traceback" not in log, log


def _welcome(hub, identity):
    dtu = hub.dial(identity + b"ping")
    dtu.settimeout(30)
    with contextlib.suppress(OSError):
        if dtu.recv(100) == b"pong":
            return dtu
    dtu.close()
    return None


def _ended(dtu):
    try:
        dtu.sendall(b"ping")
        return dtu.recv(100) == b""
    except OSError:
        return True
