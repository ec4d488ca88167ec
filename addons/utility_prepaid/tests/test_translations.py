import io

import polib

from odoo.modules import get_module_path
from odoo.tests import TransactionCase, tagged
from odoo.tools.translate import trans_export


def untranslated(env, addon):
    """Terms that Odoo exports of an addon and that have no Chinese.

    :return: (number of terms, sorted list of those without)
    """
    buffer = io.BytesIO()
    trans_export(None, [addon], buffer, "po", env)
    terms = {entry.msgid for entry in polib.pofile(buffer.getvalue().decode())}
    catalogue = polib.pofile(f"{get_module_path(addon)}/i18n/zh_CN.po")
    return len(terms), sorted(terms - {entry.msgid for entry in catalogue.translated_entries()})


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    """Every term that Odoo exports has its Chinese."""

    def test_every_exported_term_is_translated(self):
        count, missing = untranslated(self.env, "utility_prepaid")
        self.assertGreater(count, 100)
        self.assertFalse(missing, "run make i18n and translate these")

    def test_words_reach_a_chinese_user(self):
        """Fields, data and code: one of each, through Odoo's own loader."""
        self.env["res.lang"]._activate_lang("zh_CN")
        self.env["ir.module.module"]._load_module_terms(["utility_prepaid"], ["zh_CN"])
        chinese = self.env(context={**self.env.context, "lang": "zh_CN"})
        field = chinese["utility.meter"].fields_get(["vending_id"], ["string"])["vending_id"]
        self.assertEqual(field["string"], "充值ID")
        self.assertEqual(chinese.ref("utility_prepaid.group_cashier").name, "收费员")
        self.assertEqual(chinese.ref("utility_prepaid.meter_type_d_water").name[:4], "d_水表")
        with self.assertRaisesRegex(Exception, "历史操作不能修改"):
            chinese["utility.operation"].create({"action": "x"}).write({"action": "y"})

    def test_codes_are_shown_as_words(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        chinese = self.env(context={**self.env.context, "lang": "zh_CN"})
        self.env["ir.module.module"]._load_module_terms(["utility_prepaid"], ["zh_CN"])
        history = chinese["utility.operation"].new(
            {"model": "utility.vend", "before": "accepted", "after": "reversed"}
        )
        self.assertEqual((history.before_words, history.after_words), ("已受理", "已撤销"))
        history.note = "sale 5.00 typed wrongly"
        self.assertEqual(history.note_words, "销售 5.00 typed wrongly")
        history = chinese["utility.operation"].new(
            {"model": "utility.vend", "before": "number 7", "after": "sale of a meter"}
        )
        self.assertEqual(history.before_words, "number 7")
        self.assertEqual(history.after_words, "sale of a meter")
        self.assertEqual(chinese["utility.command"].new({"kind": "charge"}).display_name, "充值")
