from psycopg2 import IntegrityError

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.utility_prepaid.tests.common import UtilityCommon

from ..lib.meterwire.envelope import parse_envelope


@tagged("post_install", "-at_install")
class TestLines(UtilityCommon):
    """Which connection carries which port."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.env["meter.worker"].create({"name": "Test lines"})

    def _box(self, code="B1", **values):
        boxes = self.env["meter.concentrator"].with_user(self.users["engineer"])
        return boxes.create(
            {
                "name": code,
                "code": code,
                "site_id": self.site.id,
                "worker_id": self.worker.id,
                "host": "10.0.0.7",
                "tcp_port": 4001,
                **values,
            }
        )

    def _dialin(self, code="B1", **values):
        return self._box(
            code,
            **{
                "link": "dialin",
                "port_selection": "address",
                "hub_address": "127.0.0.1:7101",
                "dtu_id": "DTU/7",
                "hold_seconds": 30,
                **values,
            },
        )

    def _mqtt(self, **values):
        return self._box(
            **{
                "link": "mqtt",
                "port_selection": "address",
                "mqtt_broker": "10.0.0.9:1883",
                "mqtt_up": "dtu/7/up",
                "mqtt_down": "dtu/7/down",
                "hold_seconds": 120,
                **values,
            }
        )

    def test_each_port_of_a_serial_server_is_a_line(self):
        for link in ("tcp", "rfc2217"):
            box = self._box(link, link=link, host=f"{link}.local")
            self.assertEqual(box.port_ids.line_id, box.port_ids)
            self.assertEqual(len(set(box.port_ids.mapped("endpoint"))), 4)
        self.assertEqual(
            box.port_ids[1].endpoint, "rfc2217://rfc2217.local:4002?baudrate=2400&parity=E"
        )

    def test_ports_behind_one_link_share_a_line(self):
        box = self._box(port_selection="selector", selector="A5{port:02X}")
        self.assertEqual(box.port_ids.line_id, box.port_ids[0])
        self.assertEqual(
            box.port_ids.mapped("endpoint"), ["tcp://10.0.0.7:4001", False, False, False]
        )
        self.assertEqual(box.line_count, 1)
        port = box.port_ids[2]
        self.assertEqual(parse_envelope(port._envelope(), port.number).prefix, b"\xa5\x03")
        self.meter.port_id = port
        self.assertTrue(self.meter._is_connected())
        box.active = False
        self.assertFalse(self.meter._is_connected())

    def test_a_box_may_change_its_ways(self):
        box = self._box()
        box.write({"port_selection": "gdw3761", "terminal_address": "44010A01"})
        self.assertEqual(box.port_ids.line_id, box.port_ids[0])
        envelope = parse_envelope(box.port_ids[3]._envelope(), 4)
        self.assertEqual((envelope.terminal, envelope.port), ("44010A01", 4))
        box.port_selection = "tcp_port"
        self.assertEqual(box.port_ids.line_id, box.port_ids)
        self.assertEqual(box.port_ids[3]._envelope(), "")
        box.port_count = "8"
        self.assertEqual(box.port_ids[7].line_id, box.port_ids[7])
        box.port_selection = "address"
        self.assertEqual(box.port_ids.line_id, box.port_ids[0])
        box.port_count = "16"
        self.assertEqual(box.port_ids.line_id, box.port_ids[0])

    def test_a_dtu_is_reached_through_the_hub(self):
        box = self._dialin()
        self.assertEqual(box.port_ids[0].endpoint, "hub://127.0.0.1:7101/DTU%2F7")
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            self._dialin("B2")
            self.env.flush_all()

    def test_a_box_behind_a_broker(self):
        box = self._mqtt(mqtt_credentials="desk", mqtt_tls=True)
        self.assertEqual(
            box.port_ids[0].endpoint,
            "mqtts://10.0.0.9:1883/?up=dtu%2F7%2Fup&down=dtu%2F7%2Fdown&qos=1&expiry=3"
            "&credentials=desk",
        )

    def test_what_cannot_be_reached_is_refused_in_words(self):
        for make, values, words in (
            (self._dialin, {"port_selection": "tcp_port"}, "one stream"),
            (self._dialin, {"hub_address": "hub"}, "address:port"),
            (self._dialin, {"hub_address": "hub:70000"}, "address:port"),
            (self._dialin, {"dtu_id": "a b"}, "without blanks"),
            (self._dialin, {"registration": "imei"}, "15 digits"),
            (self._dialin, {"registration": "hex"}, "hex digits"),
            (self._dialin, {"registration": "regex", "registration_pattern": "("}, "group"),
            (self._dialin, {"registration": "regex", "registration_pattern": "x"}, "group"),
            (self._dialin, {"heartbeat_hex": "0"}, "Heartbeat"),
            (self._dialin, {"prefix_hex": "00" * 41}, "at most 40 bytes"),
            (self._mqtt, {"mqtt_down": "dtu/+"}, "wildcards"),
            (self._mqtt, {"mqtt_down": "dtu/7/up"}, "two topics"),
            (self._mqtt, {"mqtt_broker": False}, "broker"),
            (self._mqtt, {"hold_seconds": 5}, "kept for 6 seconds"),
            (self._dialin, {"hold_seconds": 19}, "kept for 20 seconds"),
            (self._box, {"port_selection": "selector"}, "no selector"),
            (self._box, {"port_selection": "selector", "selector": "A5"}, "differ"),
            (self._box, {"port_selection": "selector", "selector": "{0.x}"}, "no selector"),
            (self._box, {"port_selection": "gdw3761", "terminal_address": "1"}, "no terminal"),
        ):
            with (
                self.subTest(values),
                self.assertRaisesRegex(ValidationError, words),
                self.env.cr.savepoint(),
            ):
                make(**values)
                self.env.flush_all()

    def test_the_usual_delays_of_a_link_are_offered(self):
        form = Form(self.env["meter.concentrator"].with_user(self.users["engineer"]))
        form.name = form.code = "F"
        form.site_id = self.site
        form.worker_id = self.worker
        self.assertEqual(form.reply_seconds, 1.5)
        form.link = "dialin"
        self.assertEqual((form.port_selection, form.hold_seconds), ("address", 30))
        form.network = "gprs"
        self.assertEqual(form.reply_seconds, 10)
        form.network = "lte"
        self.assertEqual(form.reply_seconds, 5)
        form.link = "mqtt"
        self.assertEqual((form.reply_seconds, form.hold_seconds), (10, 120))
        form.link = "dialin"
        form.hub_address, form.dtu_id = "127.0.0.1:7101", "7"
        form.reply_seconds = 8
        self.assertEqual(form.save().reply_seconds, 8)

    def test_a_sale_is_warned_of_the_line_not_of_the_port(self):
        box = self._box(port_selection="address")
        self.meter.port_id = box.port_ids[2]
        self.assertNotIn("cannot be reached", self.meter._sell_warning() or "")
        box.port_ids[0].sudo().write(
            {"reachable": False, "unreachable_since": "2026-11-01 00:00:00"}
        )
        self.assertIn("cannot be reached", self.meter._sell_warning())
        self.assertFalse(box.reachable)
