from psycopg2 import IntegrityError

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.utility_prepaid.tests.common import UtilityCommon

from ..lib.meterwire.sim.site import parse_site


@tagged("post_install", "-at_install")
class TestConcentrator(UtilityCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.env["meter.worker"].create({"name": "Test lines"})
        cls.box = cls._box("C1", 7001)

    @classmethod
    def _box(cls, code, tcp_port, **values):
        return cls.env["meter.concentrator"].create(
            {
                "name": code,
                "code": code,
                "site_id": cls.site.id,
                "worker_id": cls.worker.id,
                "host": "127.0.0.1",
                "tcp_port": tcp_port,
                **values,
            }
        )

    def test_ports_follow_the_count(self):
        self.assertEqual(self.box.port_ids.mapped("number"), [1, 2, 3, 4])
        self.box.port_count = "16"
        self.assertEqual(self.box.port_ids.mapped("number"), list(range(1, 17)))
        self.meter.port_id = self.box.port_ids[5]
        with self.assertRaises(ValidationError):
            self.box.port_count = "4"
        self.meter.port_id = self.box.port_ids[3]
        self.box.port_count = "4"
        self.assertEqual(len(self.box.port_ids), 4)

    def test_endpoints(self):
        self.assertEqual(self.box.port_ids[2].endpoint, "tcp://127.0.0.1:7003")
        self.box.port_ids[2].tcp_port = 9000
        self.assertEqual(self.box.port_ids[2].endpoint, "tcp://127.0.0.1:9000")
        self.box.host = "fd00::7"
        self.assertEqual(self.box.port_ids[0].endpoint, "tcp://[fd00::7]:7001")
        self.box.active = False
        self.assertFalse(self.box.port_ids[0].endpoint)
        serial = self._box("C2", 0, link="serial", host=False)
        self.assertFalse(serial.port_ids[0].endpoint)
        serial.port_ids[0].serial_device = "/dev/ttyS1"
        self.assertEqual(serial.port_ids[0].endpoint, "serial:///dev/ttyS1?baudrate=2400&parity=E")

    def test_two_lines_never_share_an_address(self):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            self._box("C2", 7004)
            self.env.flush_all()

    def test_bad_links_are_refused(self):
        for values in ({"host": False}, {"host": "a b"}, {"tcp_port": 0}, {"tcp_port": 65533}):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.box.write(values)

    def test_a_port_beyond_its_capacity_needs_a_reason(self):
        port = self.box.port_ids[0]
        self.box.port_capacity = 1
        self.meter.port_id = port
        other = self._meter("202611000002")
        with self.assertRaisesRegex(ValidationError, "made for 1 meters"):
            other.port_id = port
        port.over_capacity_reason = "Short cable, measured"
        other.port_id = port
        self.assertEqual(port.meter_count, 2)

    def test_module_addresses(self):
        port = self.box.port_ids[0]
        self.meter.write({"port_id": port.id, "module_address": 5})
        other = self._meter("202611000002")
        with self.assertRaisesRegex(ValidationError, "already used"):
            other.write({"port_id": port.id, "module_address": 5})
        with self.assertRaisesRegex(ValidationError, "1 to 126"):
            self.meter.write({"auto_switch": True, "module_address": 127})
        self.meter.write({"auto_switch": True, "module_address": 126})

    def test_a_worker_gets_its_scheduled_action(self):
        cron = self.worker.cron_id
        self.assertEqual((cron.interval_number, cron.interval_type), (1, "minutes"))
        self.assertTrue(cron.active)
        self.assertIn(str(self.worker.id), cron.code)

    def test_the_simulator_takes_the_site(self):
        self.meter.port_id = self.box.port_ids[0]
        self._meter("202611000007", "d_smart").port_id = self.box.port_ids[1]
        self.env["utility.meter.state"]._store(
            self.meter.id, self.env.cr.now(), balance="12.34", total="99"
        )
        content = self.env["meter.concentrator"].browse(self.box.id)._simulator_site()
        box = next(box for box in content["concentrators"] if box["name"] == "C1")
        site = parse_site({**content, "concentrators": [box]})
        self.assertEqual([port.listen for port in site.ports][:1], ["tcp://127.0.0.1:7001"])
        meter = site.ports[0].meters[0]
        self.assertEqual(meter.address, self.meter.address)
        self.assertEqual((meter.balance, meter.number), (1234, self.meter.purchase_number))
        self.assertEqual(meter.customer, int(self.contract.customer_number))
        self.assertEqual(site.ports[1].meters[0].credit, "money")

    def test_the_simulator_takes_every_link(self):
        shared = {"host": False, "hold_seconds": 30}
        boxes = (
            self._box("S", 7300, port_selection="selector", selector="A5{port:02X}"),
            self._box("G", 7400, port_selection="gdw3761", terminal_address="44010A01"),
            self._box("R", 7500, link="rfc2217"),
            self._box(
                "D", 0, **shared, link="dialin", port_selection="address",
                hub_address="127.0.0.1:7101", dtu_id="0000007", registration="ascii",
                heartbeat_hex="FE", idle_seconds=90,
            ),
            self._box(
                "M", 0, **shared, link="mqtt", port_selection="address",
                mqtt_broker="127.0.0.1:1883", mqtt_up="d/up", mqtt_down="d/down",
            ),
        )  # fmt: skip
        for index, box in enumerate(boxes):
            meter = self._meter(f"2026120000{index:04d}", "f_water")
            meter.port_id = box.port_ids[1]
        content = self.env["meter.concentrator"]._simulator_site()
        site = parse_site(content, only=[box.code for box in boxes])
        played = {box.name: box for box in site.boxes}
        self.assertEqual(played["S"].link.selector, "A5{port:02X}")
        self.assertEqual(played["G"].link.terminal, "44010A01")
        self.assertEqual(played["R"].ports[0].listen, "tcp://127.0.0.1:7501")
        self.assertEqual(played["D"].link.server, "127.0.0.1:7100")
        self.assertEqual((played["D"].link.id, played["D"].link.heartbeat), ("0000007", b"\xfe"))
        self.assertEqual((played["M"].link.up, played["M"].link.down), ("d/up", "d/down"))
        meter = played["S"].ports[0].meters[0]
        self.assertEqual((meter.protocol, meter.shape), ("cjt188_2004", "a013"))

    def test_the_demo_site_is_connected(self):
        env = self.env(su=True)
        env["utility.site"]._load_demo_site()
        demo = env.ref("utility_prepaid.demo_site")
        meters = env["utility.meter"].search([("site_id", "=", demo.id)])
        self.assertIn("cjt188", meters.mapped("type_id.protocol"))
        self.assertTrue(all(meter.port_id and meter.module_address for meter in meters))
        boxes = meters.concentrator_id
        self.assertEqual(boxes.mapped("code"), ["C1", "C2", "C3"])
        calling = boxes[2]
        self.assertEqual(calling.link, "dialin")
        self.assertEqual(
            calling.port_ids.meter_ids, meters.filtered(lambda meter: meter.utility == "water")
        )
        env["utility.site"]._load_demo_site()
        self.assertEqual(meters.concentrator_id, boxes, "a second call changes nothing")
        self.assertEqual(boxes.mapped("line_count"), [4, 1, 1])
        site = parse_site(env["meter.concentrator"]._simulator_site(), only=("C1", "C2", "C3"))
        played = {meter.address for port in site.ports for meter in port.meters}
        self.assertEqual(played, set(meters.mapped("address")))
        self.assertEqual(site.boxes[2].link.id, calling.dtu_id)
