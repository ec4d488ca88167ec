from odoo import models

from .utility_check_part import PART_BITS


class UtilityVend(models.Model):
    """By what checks find sales: part by part, and by the payments that are theirs."""

    _inherit = "utility.vend"

    _check_part_idx = models.Index(f"((COALESCE(reversed_vend_id, id) >> {PART_BITS}))")
    _payment_idx = models.Index("(payment_id) WHERE payment_id IS NOT NULL")
    _refund_payment_idx = models.Index("(refund_payment_id) WHERE refund_payment_id IS NOT NULL")
