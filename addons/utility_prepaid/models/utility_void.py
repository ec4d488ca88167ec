from odoo import api, fields, models
from odoo.tools import SQL


class UtilityVoid(models.Model):
    """What each operator undid, gave back, gave up or gave away, and why."""

    _name = "utility.void"
    _description = "Void List"
    _auto = False
    _order = "at desc, id desc"

    at = fields.Datetime(readonly=True)
    user_id = fields.Many2one("res.users", "By", readonly=True)
    act = fields.Selection(
        [
            ("reversal", "Reversal"),
            ("refunded", "Money back"),
            ("cancelled", "Cancelled"),
            ("written_off", "Written off"),
            ("emergency", "Emergency credit"),
            ("temporary", "Temporary supply"),
            ("adjustment", "Adjustment"),
            ("settlement", "Settlement paid back"),
        ],
        readonly=True,
    )
    vend_id = fields.Many2one("utility.vend", "Sale", readonly=True)
    settlement_id = fields.Many2one("utility.settlement", readonly=True)
    state = fields.Selection(related="vend_id.state", string="Stands at")
    seller_id = fields.Many2one("res.users", readonly=True)
    approver_id = fields.Many2one("res.users", "Second person", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    site_id = fields.Many2one("utility.site", readonly=True)
    meter_id = fields.Many2one("utility.meter", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    amount = fields.Monetary(readonly=True)
    # kWh and cubic metres do not add up
    units = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True, aggregator=None)
    reason = fields.Char(readonly=True)

    @api.depends("vend_id.name", "settlement_id.name")
    def _compute_display_name(self):
        for void in self:
            void.display_name = void.vend_id.name or void.settlement_id.name

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT v.id * 3 AS id, v.accepted_at AS at, v.user_id, v.kind AS act, v.id AS vend_id,
                   NULL::integer AS settlement_id,
                   COALESCE(s.user_id, v.user_id) AS seller_id, a.approver_id, v.company_id,
                   v.currency_id, v.site_id, v.meter_id, v.partner_id,
                   CASE v.kind WHEN 'reversal' THEN v.amount ELSE v.value END AS amount,
                   v.units, v.reason
              FROM utility_vend v
              LEFT JOIN utility_vend s ON s.id = v.reversed_vend_id
              LEFT JOIN utility_approval a ON a.result_id = v.id AND a.act <> 'refund'
             WHERE v.kind IN ('reversal', 'emergency', 'temporary', 'adjustment')
               AND v.state <> 'draft'
             UNION ALL
            SELECT v.id * 3 + 1, v.ended_at, v.ended_by_id, v.state, v.id, NULL, v.user_id,
                   a.approver_id, v.company_id, v.currency_id, v.site_id, v.meter_id, v.partner_id,
                   CASE WHEN v.kind = 'sale' THEN v.amount ELSE v.value END, v.units,
                   COALESCE(v.ended_reason, v.reason)
              FROM utility_vend v
              LEFT JOIN utility_approval a ON a.result_id = v.id AND a.act = 'refund'
             WHERE v.ended_at IS NOT NULL AND v.kind <> 'reversal'
             UNION ALL
            SELECT s.id * 3 + 2, s.paid_at, s.paid_by_id, 'settlement', NULL, s.id, s.user_id,
                   a.approver_id, s.company_id, c.currency_id, s.site_id, s.meter_id, s.partner_id,
                   s.amount_paid, s.units_left, COALESCE(a.reason, s.reason)
              FROM utility_settlement s
              JOIN res_company c ON c.id = s.company_id
              LEFT JOIN utility_approval a ON a.settlement_id = s.id AND a.state = 'used'
             WHERE s.amount_paid > 0
            """
        )
