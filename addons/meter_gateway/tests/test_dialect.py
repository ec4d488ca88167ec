import base64
import json

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.utility_prepaid.tests.common import UtilityCommon

from ..lib.meterwire.dialect import Dialect, shipped
from ..tools import dialect_form


@tagged("post_install", "-at_install")
class TestDialect(UtilityCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dialects = cls.env["meter.dialect"].with_user(cls.users["engineer"])
        cls.single = cls.dialects.search([("code", "=", "d_single")])

    def _own(self, source=None):
        return (source or self.single).copy()

    def _register(self, dialect, name):
        return dialect.register_ids.filtered(lambda register: register.name == name)

    # ------------------------------------------------------------------ shipped

    def test_the_shipped_ones_say_what_the_package_says(self):
        for code, content in shipped().items():
            with self.subTest(code):
                dialect = self.dialects.search([("code", "=", code)])
                self.assertTrue(dialect.shipped)
                self.assertEqual(
                    dialect_form.from_json(dialect._dialect().to_json()),
                    dialect_form.from_json(content),
                )
                self.assertEqual(
                    list(dialect._dialect().registers), list(Dialect.from_json(content).registers)
                )

    def test_each_type_of_the_trade_has_its_dialect(self):
        kinds = self.env["utility.meter.type"].search([("number", "<=", 10)])
        self.assertEqual(kinds.mapped("code"), kinds.mapped("dialect_id.code"))

    def test_shipped_ones_are_read_only(self):
        for change in (
            lambda: self.single.write({"preamble": 2}),
            lambda: self._register(self.single, "total").write({"di": "00020000"}),
            lambda: self._register(self.single, "total").unlink(),
            lambda: self.single.unlink(),
            lambda: self.single.write({"register_ids": [(5, 0, 0)]}),
        ):
            with self.assertRaisesRegex(UserError, "comes with the product"):
                change()
        with self.assertRaises(AccessError):
            self._own().shipped = True

    def test_an_upgrade_brings_what_changed_and_leaves_own_ones_alone(self):
        own = self._own()
        content = shipped()["d_single"]
        content["registers"]["total"]["label"] = "Energy"
        del content["registers"]["customer"]
        content["name"] = "Renewed"
        self.dialects.sudo()._load_shipped(
            {"d_single": content, own.code: {**content, "code": own.code}}
        )
        self.assertEqual(self.single.name, "Renewed")
        self.assertEqual(self._register(self.single, "total").label, "Energy")
        self.assertFalse(self._register(self.single, "customer"))
        self.assertEqual(self.single._dialect().registers["total"].label, "Energy")
        self.assertFalse(own.shipped)
        self.assertEqual(own.code, "d_single_2_2", "its code was needed")
        self.assertTrue(self._register(own, "customer"))

    def test_a_second_load_changes_nothing(self):
        before = self.single.register_ids.ids
        self.dialects.sudo()._load_package()
        self.assertEqual(self.single.register_ids.ids, before)

    # --------------------------------------------------------------------- own

    def test_an_engineer_copies_and_changes(self):
        own = self._own()
        self.assertEqual((own.code, own.shipped), ("d_single_2", False))
        with Form(own) as form:
            form.preamble = 2
            with form.register_ids.edit(0) as line:
                line.label = "Ours"
        self.assertEqual(own._dialect().preamble, 2)
        self.assertEqual(next(iter(own._dialect().registers.values())).label, "Ours")
        self.assertIs(own._dialect(), own._dialect(), "made once, as long as nothing changes")
        self.assertEqual(self.single._dialect().preamble, 4)

    def test_what_is_wrong_is_named_by_its_place(self):
        own = self._own()
        total = self._register(own, "total")
        for change, words in (
            (lambda: total.write({"di": "12"}), "registers.total.di"),
            (lambda: total.write({"options": "{"}), "Further options: not a JSON object"),
            (lambda: total.write({"options": '{"colour": 1}'}), "registers.total.colour"),
            (lambda: own.write({"supply_register": "nowhere"}), "supply.register"),
            (lambda: own.write({"recharge_options": '["a"]'}), "not a JSON object"),
            (lambda: own.write({"other_options": '{"colour": 1}'}), "colour"),
            (lambda: own.write({"code": "With Blanks"}), "code"),
            (lambda: own.write({"password_name": "000 000"}), "password.name"),
            (
                lambda: own.write(
                    {"error_ids": [(0, 0, {"control": "11", "code": "1", "words": "No"})]}
                ),
                "control byte of a refusal",
            ),
        ):
            with (
                self.subTest(words),
                self.assertRaisesRegex(ValidationError, words),
                self.env.cr.savepoint(),
            ):
                change()
                self.env.flush_all()

    def test_lines_may_be_replaced_together(self):
        own = self._own()
        status = self._register(own, "status")
        values = {field: status[field] for field in ("di", "size", "coding")}
        own.write(
            {
                "supply_register": "word",
                "control_register": "word" if own.control_register else False,
                "reading_routine": "total, word",
                "reading_live": False,
                "register_ids": [(2, status.id), (0, 0, {"name": "word", **values})],
            }
        )
        self.assertEqual(own._dialect().supply.register, "word")
        self.assertEqual(own._dialect().reading_items(), ("total", "word"))

    def test_fields_that_do_not_apply_are_left_out(self):
        own = self._own()
        own.write({"type_byte": "10", "di_order": "low_first", "switch_di": "A017"})
        self.assertEqual(own._dialect().to_json()["switch"]["form"], "relay")
        self.assertNotIn("type_byte", own._dialect().to_json())

    def test_others_only_look(self):
        for role in ("cashier", "accountant", "reader"):
            theirs = self.single.with_user(self.users[role])
            self.assertEqual(theirs.code, "d_single")
            with self.assertRaises(AccessError):
                theirs.copy()

    # ------------------------------------------------------------------- in use

    def test_an_order_on_its_way_holds_its_dialect(self):
        own = self._own()
        meter = self.meter.with_user(self.users["engineer"])
        meter.dialect_id = own
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        kind = self.meter.type_id
        for change in (
            lambda: own.write({"preamble": 2}),
            lambda: self._register(own, "total").write({"label": "Other"}),
            lambda: meter.write({"dialect_id": False}),
        ):
            with self.assertRaisesRegex(UserError, "order on its way"):
                change()
        kind.dialect_id = self._own()  # this meter has a dialect of its own
        own.note = "From the maker's sheet"
        command._cancel("Not wanted")
        own.preamble = 2
        meter.dialect_id = False
        self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        with self.assertRaisesRegex(UserError, "order on its way"):
            kind.dialect_id = self.single

    def test_a_dialect_fits_the_type(self):
        water = self.dialects.search([("code", "=", "e_water")])
        kind = self.env["utility.meter.type"].search([("code", "=", "d_three")])
        for record, values, words in (
            (kind, {"dialect_id": water.id}, "CJ/T 188"),
            (kind, {"address_length": 14}, "12 digits"),
            (self.meter, {"dialect_id": water.id}, "another standard"),
        ):
            with (
                self.subTest(words),
                self.assertRaisesRegex(ValidationError, words),
                self.env.cr.savepoint(),
            ):
                record.write(values)
        own = self._own(water)
        self.env["utility.meter.type"].search([("code", "=", "e_water")]).dialect_id = own
        with self.assertRaisesRegex(ValidationError, "CJ/T 188"):
            own.write({"protocol": "dlt645_2007", "register_ids": [(5, 0, 0)]})
            self.env.flush_all()

    def test_a_meter_is_spoken_to_as_its_type_unless_it_has_its_own(self):
        self.assertEqual(self.meter._dialect().code, "d_single")
        own = self._own()
        self.meter.dialect_id = own
        self.assertEqual(self.meter._dialect().code, own.code)
        self.assertEqual(own.meter_count, 1)
        self.assertIsNone(self.env["utility.meter.type"].new({}).dialect_id._dialect())

    def test_a_meter_without_a_way_of_charging_is_not_sold_to(self):
        self.assertNotIn("cannot be charged", self.meter._key_refusal())
        own = self._own()
        own.write({"recharge_shape": False})
        self.meter.dialect_id = own
        self.assertIn("cannot be charged", self.meter._key_refusal())

    # --------------------------------------------------------------- in and out

    def _import(self, content):
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        wizard = Form(self.env["meter.dialect.import"].with_user(self.users["engineer"]))
        wizard.file = base64.b64encode(raw)
        return wizard

    def test_what_is_exported_can_be_imported(self):
        own = self._own()
        content = json.loads(base64.b64decode(own.export_file))
        self.assertEqual(content, own._dialect().to_json())
        content.update(code="elsewhere", name="From elsewhere")
        wizard = self._import(content)
        self.assertEqual((wizard.code, wizard.trouble), ("elsewhere", False))
        action = wizard.save().action_import()
        new = self.dialects.browse(action["res_id"])
        self.assertEqual(new._dialect().to_json(), content)

    def test_the_export_is_downloaded(self):
        own = self._own()
        self.assertIn(f"/{own.id}/export_file/d_single_2.json", own.action_export()["url"])

    def test_an_own_one_is_replaced_only_on_demand(self):
        own = self._own()
        content = own._dialect().to_json()
        content["preamble"] = 1
        del content["registers"]["customer"]
        wizard = self._import(content)
        self.assertEqual(wizard.dialect_id, own)
        wizard = wizard.save()
        with self.assertRaisesRegex(UserError, "already"):
            wizard.action_import()
        self.assertEqual(own.preamble, 4)
        wizard.action_replace()
        self.assertEqual(own._dialect().to_json(), content)

    def test_a_shipped_one_is_never_replaced(self):
        wizard = self._import(shipped()["d_single"])
        self.assertIn("comes with the product", wizard.trouble)
        wizard = wizard.save()
        for action in (wizard.action_import, wizard.action_replace):
            with self.assertRaisesRegex(UserError, "comes with the product"):
                action()

    def test_what_is_wrong_in_a_file_is_named_by_its_place(self):
        broken = shipped()["d_single"]
        broken["registers"]["total"]["size"] = "four"
        for content, words in (
            (b'{"dialect": 1,\n "code" 2}', "Line 2, column 9"),
            (b"\xff\xfe", "not a text file"),
            (b"[" * 100_000, "not a text file"),
            (b"[]", "must be an object"),
            ({"dialect": 1}, "protocol: is missing"),
            (broken, "registers.total.size"),
        ):
            with self.subTest(words):
                wizard = self._import(content)
                self.assertRegex(wizard.trouble, words)
                with self.assertRaisesRegex(UserError, words):
                    wizard.save().action_import()
