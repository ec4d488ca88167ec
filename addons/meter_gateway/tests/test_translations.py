from odoo.tests import TransactionCase, tagged

from odoo.addons.utility_prepaid.tests.test_translations import untranslated


@tagged("post_install", "-at_install")
class TestGatewayTranslations(TransactionCase):
    """Every term that Odoo exports has its Chinese."""

    def test_every_exported_term_is_translated(self):
        count, missing = untranslated(self.env, "meter_gateway")
        self.assertGreater(count, 100)
        self.assertFalse(missing, "run make i18n and translate these")
