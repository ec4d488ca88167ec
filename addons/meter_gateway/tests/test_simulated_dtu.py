import doctest
import itertools

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from odoo.addons.utility_prepaid.tests.common import UtilityCommon

from .. import meter_hub
from ..lib.meterwire.hub.registration import Directory
from ..lib.meterwire.sim.registration import Registration
from ..lib.meterwire.sim.site import parse_site
from ..tools import registration

WAYS = (
    ("ascii", {"dtu_id": "BOX-1", "heartbeat_hex": "70696E672D3137"}),
    ("ascii", {"dtu_id": "BOX-2", "prefix_hex": "A5A5"}),
    ("hex", {"dtu_id": "0A0B0C"}),
    ("imei", {"dtu_id": "860000000000017"}),
    ("regex", {"dtu_id": "BOX7", "registration_pattern": r"\+REG,(?P<id>\w+),(?P<signal>\d+);"}),
    ("regex", {"dtu_id": "BOX8", "registration_pattern": r"^(\w+)$"}),
    ("prefix", {"dtu_id": "BOX-3", "prefix_hex": "01020304"}),
    ("prefix", {"dtu_id": "BOX-4"}),
    ("ddp", {"dtu_id": "13912345678"}),
    ("gdw3761", {"dtu_id": "44010A01"}),
)


@tagged("post_install", "-at_install")
class TestSimulatedDtu(UtilityCommon):
    """What the simulator is told to say is what the hub is told to expect."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addresses = itertools.count(1)

    def _box(self, way, values, **more):
        box = self.env["meter.concentrator"].create(
            {
                "name": values["dtu_id"],
                "code": values["dtu_id"],
                "site_id": self.site.id,
                "link": "dialin",
                "port_selection": "address",
                "hold_seconds": 30,
                "registration": way,
                **values,
                **more,
            }
        )
        self._meter(f"2026120{next(self.addresses):05d}").port_id = box.port_ids[0]
        return box

    def _played(self, boxes):
        content = self.env["meter.concentrator"]._simulator_site()
        return [box.link for box in parse_site(content, only=boxes.mapped("code")).boxes]

    def test_every_way_to_register(self):
        boxes = self.env["meter.concentrator"].concat(*(self._box(*way) for way in WAYS))
        boxes.flush_recordset()
        rows = meter_hub.Desk(self.env.cr.dbname)._read(self.env.cr)
        known = Directory(meter_hub.dtus_of(rows))
        self.assertEqual(known.problems, [])
        for link in self._played(boxes):
            with self.subTest(link.registration, dtu=link.id):
                said = Registration(link).hello(("127.0.0.1", 40000))
                caller = known.recognise(said, final=True)
                self.assertEqual(caller.dtu.id, link.id)
                self.assertEqual(caller.dtu.heartbeat, link.heartbeat or b"")

    def test_heartbeats_come_often_enough(self):
        box = self._box(*WAYS[0], idle_seconds=2)
        self.assertEqual(self._played(box)[0].heartbeat_seconds, 1)

    def test_a_stream_needs_a_way_to_choose_ports(self):
        with self.assertRaisesRegex(ValidationError, "one stream"):
            self._box(*WAYS[0], port_selection="tcp_port")

    def test_doctests(self):
        for module in (registration, meter_hub):
            self.assertFalse(doctest.testmod(module).failed, module.__name__)
