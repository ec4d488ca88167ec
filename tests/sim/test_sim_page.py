"""The trainer's page: what it shows, what its buttons do, and whom it refuses."""

import http.client
import json
import re

import pytest
from conftest import PATIENCE


class Browser:
    """A browser that has the page open."""

    def __init__(self, sim):
        line = sim.ready.split("page=http://")[1].strip().rstrip("/")
        self.host, _colon, port = line.rpartition(":")
        self.port = int(port)
        status, self.headers, self.html = self.get("/")
        assert status == 200
        self.token = re.search(r'name="token" content="([^"]+)"', self.html).group(1)

    def get(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read().decode()
        finally:
            connection.close()

    def state(self, query=""):
        status, _headers, text = self.get(f"/state{query}", X_Token=self.token)
        assert status == 200, text
        return json.loads(text)

    def do(self, op, **values):
        body = json.dumps({"op": op, **values})
        status, _headers, text = self.get("/do", "POST", body, X_Token=self.token)
        assert status == 200, text
        return json.loads(text)


@pytest.fixture
def sim(new_sim, lab):
    content = lab.site(
        [lab.meter(1, load="1"), lab.meter(2, credit=None, type="c_07")],
        [lab.meter(0, address="20261100000001", actuator="valve", battery=10)],
    )
    return new_sim(content, arguments=["--page", "127.0.0.1:0"]).start()


@pytest.fixture
def browser(sim):
    return Browser(sim)


def test_page_is_self_contained(browser):
    policy = browser.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert not re.findall(r"""(?:src|href)\s*=|@import|url\(|https?://""", browser.html)
    nonces = set(re.findall(r'nonce="([^"]+)"', browser.html))
    assert len(nonces) == 1 and all(f"'nonce-{nonce}'" in policy for nonce in nonces)


def test_state(browser, lab):
    state = browser.state()
    assert [box["name"] for box in state["boxes"]] == ["C1"]
    assert (state["meters"], state["requests"]) == (3, 0)
    box = browser.state("?box=C1")["box"]
    assert [port["name"] for port in box["ports"]] == ["C1/1", "C1/2"]
    first, second = box["meters"]
    assert (first["address"], first["balance"], first["off"]) == (lab.address(1), "25.00", False)
    assert (second["credit"], second["balance"]) == (None, None)
    (water,) = browser.state("?box=C1&port=C1/2")["box"]["meters"]
    assert (water["water"], water["battery"]) == (True, 10)
    assert "box" not in browser.state("?box=C9")


def test_buttons(browser, sim, lab):
    at = lab.address(1)
    assert browser.do("fault", address=at, kind="dead") == {"ok": True}
    assert browser.do("spend", address=at, amount="5.00")["balance"] == "20.00"
    assert browser.do("card", address=at, amount="1.00")["number"] == 1
    browser.do("power", address=at, on=False)
    meter = browser.state("?box=C1")["box"]["meters"][0]
    assert (meter["powered"], meter["balance"], meter["faults"][0]["kind"]) == (
        False,
        "21.00",
        "dead",
    )
    assert sim.books(at)["powered"] is False
    assert browser.do("revive", address=at) == {"ok": True}
    assert browser.do("deliver", address=at) == {"ok": True, "delivered": 0}
    assert browser.do("card", address=at, amount="x")["error"].startswith("amount must be")
    browser.do("power", box="C1", on=False)
    assert browser.state()["boxes"][0]["powered"] is False


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "meters.example"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://meters.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"X_Token": "x"},
        {"X_Token": "é".encode().decode("latin-1")},
        {"X_Token": ""},
    ],
)
def test_another_site_gets_nothing(browser, sim, lab, headers):
    for path, method in (("/do", "POST"), ("/state", "GET")):
        body = json.dumps({"op": "power", "address": lab.address(1), "on": False})
        values = {"X_Token": browser.token, **headers}
        assert browser.get(path, method, body, **values)[0] == 403
    assert sim.books(lab.address(1))["powered"]


def test_page_itself_under_its_own_name_only(browser):
    assert browser.get("/", Host="meters.example")[0] == 403
    assert browser.get("/", Host=f"localhost:{browser.port}")[0] == 200


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/nothing", "GET", None, 404),
        ("/", "POST", "{}", 405),
        ("/do", "GET", None, 405),
        ("/do", "POST", "[]", 400),
        ("/do", "POST", "nonsense", 400),
        ("/do", "POST", '{"op": "books"}', 400),
        ("/do", "POST", '{"op": "__init__"}', 400),
        ("/do", "POST", "x" * 20_000, 413),
    ],
)
def test_odd_requests(browser, path, method, body, status):
    assert browser.get(path, method, body, X_Token=browser.token)[0] == status


def test_page_is_loopback_only(new_sim, lab):
    sim = new_sim(lab.site([lab.meter(1)]), arguments=["--page", "0.0.0.0:0"])
    process = sim.launch()
    assert process.wait(PATIENCE) == 2
    assert "page: must be a loopback address" in process.stderr.read()
