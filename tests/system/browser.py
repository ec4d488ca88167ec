"""A headless Chromium of its own, driven through its developer tools, to run Odoo's own tours."""

import itertools
import json
import shutil
import time
from contextlib import suppress

import requests
import websocket
from processes import SLOWER, Process, tail, until

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SUCCESS = "tour succeeded"


class Browser:
    """One page.

    :param folder: for its profile and log
    """

    def __init__(self, folder):
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        assert program, "no Chromium: bin/setup --test installs one"
        profile = folder / "chromium"
        self.process = Process(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--disable-extensions", "--disable-background-networking",
             "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
             "--disable-crash-reporter", "--no-first-run", "--mute-audio",
             "--window-size=1366,768", "--remote-debugging-port=0",
             f"--user-data-dir={profile}", "about:blank"],
            folder / "chromium.log",
        )  # fmt: skip
        port_file = profile / "DevToolsActivePort"
        port = until(
            lambda: port_file.exists() and port_file.read_text().split()[:1],
            30,
            "Chromium listens",
            lambda: tail(folder / "chromium.log"),
        )[0]
        page = until(lambda: self._page(port), 30, "Chromium has a page")
        self._socket = websocket.create_connection(page, suppress_origin=True, timeout=60 * SLOWER)
        self._ids, self.console = itertools.count(1), []
        for domain in ("Runtime", "Page", "Network", "Log"):
            self.ask(f"{domain}.enable")
        # A headless page is not the window in front unless it is told so: fields take the focus.
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)

    @staticmethod
    def _page(port):
        with suppress(requests.RequestException):
            for target in requests.get(f"http://127.0.0.1:{port}/json", timeout=30).json():
                if target["type"] == "page":
                    return target["webSocketDebuggerUrl"]
        return None

    def ask(self, method, **params):
        """One request of the developer tools; what the page says meanwhile is kept."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, (method, message)
                return message["result"]
            self._note(message)

    def _note(self, message):
        params = message.get("params", {})
        if message.get("method") == "Runtime.consoleAPICalled":
            words = " ".join(
                str(item.get("value", item.get("description", ""))) for item in params["args"]
            )
            self.console.append((params["type"], words))
        elif message.get("method") == "Runtime.exceptionThrown":
            self.console.append(("error", json.dumps(params["exceptionDetails"])[:2000]))

    def evaluate(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def open(self, url, session):
        self.ask("Network.setCookie", name="session_id", value=session, url=url)
        self.ask("Page.navigate", url=url)

    def tour(self, name, start, seconds, explain):
        """Run one of Odoo's tours on the page that is open.

        :param start: the address where the tour begins, which is open
        """
        ready = f"window.odoo && odoo.isTourReady && odoo.isTourReady({name!r})"
        until(
            lambda: self.evaluate(f"Boolean({ready})"), seconds, f"tour {name} is ready",
            lambda: self._tell(explain), every=0.2,
        )  # fmt: skip
        options = json.dumps({"startUrl": start})
        self.evaluate(f"odoo.startTour({name!r}, {options}) && undefined")
        end = time.monotonic() + seconds * SLOWER
        while time.monotonic() < end:
            self.evaluate("1")
            if any(words == SUCCESS for _kind, words in self.console):
                return
            failed = [words for kind, words in self.console if kind == "error"]
            assert not failed, self._tell(explain)
            time.sleep(0.1)
        raise AssertionError(f"tour {name} did not end\n{self._tell(explain)}")

    def _tell(self, explain):
        said = "\n".join(f"{kind}: {words}" for kind, words in self.console[-30:])
        text = self.evaluate("document.body && document.body.innerText") or ""
        return f"--- console\n{said}\n--- page\n{text[:2000]}\n{explain()}"

    def close(self):
        with suppress(Exception):
            self._socket.close()
        self.process.end()
