import os
from tempfile import TemporaryDirectory
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import file_open

from ..worker import instance
from ..worker.database import RunDatabase
from .common import SharedDatabase


@tagged("post_install", "-at_install")
class TestInstance(TransactionCase):
    """A database may open lines only where it belongs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.env["meter.worker"].create({"name": "Test lines"})
        cls.parameters = cls.env["ir.config_parameter"].sudo()

    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.enterContext(TemporaryDirectory()), "instance")
        self.enterContext(patch.dict(os.environ, {instance.VARIABLE: self.file}))
        for key in (instance.PARAMETER, instance.DATABASE):
            self.parameters.set_param(key, False)

    def test_first_run_binds_to_a_new_file(self):
        self.assertEqual(instance.bound(self.env), "")
        self.assertTrue(instance.read_file())
        self.assertEqual(self.parameters.get_param(instance.PARAMETER), instance.read_file())
        self.assertEqual(instance.bound(self.env), "")

    def test_first_run_takes_the_file_that_is_there(self):
        instance.write_file("made by the set-up")
        self.assertEqual(instance.bound(self.env), "")
        self.assertEqual(self.parameters.get_param(instance.PARAMETER), "made by the set-up")

    def test_a_missing_file_stops(self):
        instance.bound(self.env)
        os.unlink(self.file)
        self.assertIn("missing", instance.bound(self.env))
        self.assertFalse(os.path.exists(self.file), "looking does not make it right")

    def test_another_file_stops(self):
        instance.bound(self.env)
        instance.write_file("another server")
        self.assertIn("copy", instance.bound(self.env))

    def test_a_copy_beside_the_original_stops(self):
        instance.bound(self.env)
        self.parameters.set_param(instance.DATABASE, "the_original")
        self.assertIn("copy", instance.bound(self.env))

    def test_a_file_that_cannot_be_written_stops(self):
        with patch.dict(os.environ, {instance.VARIABLE: "/proc/nowhere/instance"}):
            self.assertIn("/proc/nowhere/instance", instance.bound(self.env))
        self.assertFalse(self.parameters.get_param(instance.PARAMETER))

    def test_the_default_file_is_in_the_data_directory(self):
        with patch.dict(os.environ):
            del os.environ[instance.VARIABLE]
            self.assertTrue(instance.path().endswith("/meter_gateway_instance"))

    def test_an_administrator_says_what_it_is(self):
        user = new_test_user(
            self.env,
            "gateway_admin",
            "base.group_user,utility_prepaid.group_administrator",
        )
        worker = self.worker.with_user(user)
        worker.action_mark_copy()
        self.assertIn("copy", instance.bound(self.env))
        self.assertIn("copy", self.worker.state_message)
        worker.action_bind_instance()
        self.assertEqual(instance.bound(self.env), "")
        self.assertFalse(self.worker.state_message)
        log = self.env["utility.operation"].search(
            [("model", "=", "meter.worker"), ("res_id", "=", self.worker.id)]
        )
        self.assertEqual(len(log), 2)

    def test_a_neutralized_database_opens_no_line(self):
        instance.bound(self.env)
        self.env.flush_all()
        with file_open("meter_gateway/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.assertIn("copy", instance.bound(self.env))
        self.assertFalse(self.env["meter.worker"].search([]))

    def test_nobody_else_says_it(self):
        user = new_test_user(
            self.env, "gateway_engineer", "base.group_user,utility_prepaid.group_engineer"
        )
        for action in ("action_bind_instance", "action_mark_copy"):
            with self.assertRaises(AccessError):
                getattr(self.worker.with_user(user), action)()

    def test_an_administrator_learns_that_the_file_cannot_be_written(self):
        with (
            patch.dict(os.environ, {instance.VARIABLE: "/proc/nowhere/instance"}),
            self.assertRaisesRegex(UserError, "/proc/nowhere/instance"),
        ):
            self.worker.action_bind_instance()

    def test_a_forgetful_postgresql_is_said_and_served(self):
        database = SharedDatabase(self.env)
        database.off = ["fsync"]
        self.assertTrue(self.worker._may_run(database))
        self.assertIn("fsync", self.worker.state_message)
        database.off = []
        self.assertTrue(self.worker._may_run(database))
        self.assertFalse(self.worker.state_message)

    def test_what_postgresql_would_forget_is_found(self):
        database = RunDatabase(self.env)
        self.env.cr.execute("SET LOCAL synchronous_commit = off")
        self.assertIn("synchronous_commit", database.not_durable())
        self.env.cr.execute("SET LOCAL synchronous_commit = on")
        self.assertNotIn("synchronous_commit", database.not_durable())
