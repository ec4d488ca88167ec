from functools import partialmethod

from odoo.tests import HttpCase, common

# Seconds until a browser is given up; never waited for when all is well.
PATIENCE = 600


class BrowserCase(HttpCase):
    """Pages and browsers are waited for on a busy machine: Odoo gives up after a few seconds."""

    # A request waits for the test's own use of the database, and for the requests before it.
    test_cursor_lock_timeout = PATIENCE

    def url_open(self, *args, timeout=PATIENCE, **kwargs):
        return super().url_open(*args, timeout=timeout, **kwargs)

    def setUp(self):
        super().setUp()
        # Until the browser has started, in pieces of a tenth of a second.
        self.patch(common, "CHECK_BROWSER_ITERATIONS", PATIENCE * 10)
        browser = common.ChromeBrowser
        # Until the page is there: the first one waits for all scripts to be put together.
        self.patch(browser, "_wait_ready", partialmethod(browser._wait_ready, timeout=PATIENCE))
        ask = browser._websocket_request

        def ask_patiently(browser, method, *, params=None, timeout=PATIENCE):
            return ask(browser, method, params=params, timeout=max(timeout, PATIENCE))

        self.patch(browser, "_websocket_request", ask_patiently)
