from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import BoxCommon


@tagged("post_install", "-at_install")
class TestGatewayAccess(BoxCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["meter.frame"]._record(
            [
                {
                    "at": "2026-11-01 00:00:00",
                    "tx": "68",
                    "outcome": "silence",
                    "meter_id": cls.meter.id,
                    "company_id": cls.company.id,
                }
            ]
        )
        cls.frame = cls.env["meter.frame"].search([("meter_id", "=", cls.meter.id)])

    def test_engineers_set_up_boxes_and_others_only_look(self):
        self._as("engineer", self.box).name = "Roof"
        self._as("engineer", self.meter).port_id = self.box.port_ids[0]
        for role in ("cashier", "supervisor", "accountant", "reader"):
            self.assertEqual(self._as(role, self.box).name, "Roof")
            with self.assertRaises(AccessError):
                self._as(role, self.box).name = "Mine"
        with self.assertRaises(AccessError):
            self._as("engineer", self.box).unlink()

    def test_evidence_is_for_engineers_and_supervisors_and_never_changed(self):
        for role in ("engineer", "supervisor"):
            self.assertEqual(self._as(role, self.frame).outcome, "silence")
            with self.assertRaises(AccessError):
                self._as(role, self.frame).write({"outcome": "reply"})
            with self.assertRaises(AccessError):
                self._as(role, self.frame).unlink()
        for role in ("cashier", "accountant", "reader"):
            with self.assertRaises(AccessError):
                self._as(role, self.frame).read(["tx"])

    def test_only_an_engineer_lets_a_stopped_command_go_on(self):
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        command._hold("look first")
        with self.assertRaises(AccessError):
            self._as("supervisor", command).action_release()
        self._as("engineer", command).action_release()
        self.assertFalse(command.hold_reason)

    def test_only_cashiers_and_engineers_read_meters(self):
        for role in ("cashier", "engineer"):
            self._as(role, self.meter).action_read()
        with self.assertRaises(AccessError):
            self._as("accountant", self.meter).action_read()
        reads = self.env["utility.command"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "read")]
        )
        self.assertEqual(len(reads), 2)

    def test_other_companies_are_not_seen(self):
        other = self.env["res.company"].create({"name": "Another estate"})
        site = self.env["utility.site"].create(
            {"name": "South", "code": "S", "company_id": other.id}
        )
        theirs = self.env["meter.concentrator"].create(
            {
                "name": "Theirs",
                "code": "C1",
                "site_id": site.id,
                "worker_id": self.worker.id,
                "host": "127.0.0.1",
                "tcp_port": 7101,
            }
        )
        mine = self.env["meter.concentrator"].with_user(self.users["engineer"])
        self.assertEqual(mine.search([("code", "=", "C1")]), self.box)
        with self.assertRaises(AccessError):
            theirs.with_user(self.users["engineer"]).read(["name"])
        with self.assertRaises(AccessError):
            theirs.port_ids[0].with_user(self.users["engineer"]).read(["number"])
