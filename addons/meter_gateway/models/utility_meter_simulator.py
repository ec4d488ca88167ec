from odoo import fields, models


class UtilityMeter(models.Model):
    """The meter as the simulator plays it."""

    _inherit = "utility.meter"

    def _simulator_meter(self):
        """One meter of the simulator's site file; see ``meter.concentrator._simulator_site``."""
        self.ensure_one()
        kind, state, contract = self.type_id, self.state_ids, self.contract_id
        opened = contract.state in ("active", "closing")
        water = self.utility == "water"
        meter = {
            "address": self.address,
            "type": kind.code,
            "protocol": kind.protocol,
            "credit": kind.credit or None,
            "actuator": kind.actuator,
            "multi_tariff": kind.multi_tariff,
            "customer": contract.customer_number if opened else "0" * 12,
            "number": self.purchase_number,
            "epoch": self.epoch,
            "balance": f"{state.balance:.2f}",
            "cumulative": f"{state.cumulative:.2f}",
            "total": f"{state.total:.2f}",
            "hoard": f"{self.hoard_limit:.2f}",
            "load": "0.02" if water else "0.8",
            "algorithm": self.algorithm,
            "key_version": self.key_version,
            **self._simulator_dialect(),
        }
        if kind.credit == "money":
            price = contract.tariff_id._price_at(fields.Date.context_today(self)) if opened else 0
            meter["price"] = str(price or "0.5")
        return meter

    def _simulator_dialect(self):
        """What of the meter's dialect the simulator must play, too."""
        dialect = self.dialect_id or self.type_id.dialect_id
        if not dialect:
            return {}
        values = {"protocol": dialect.protocol}
        if self.type_id.protocol == "cjt188":
            values |= {"type_byte": dialect.type_byte, "di_order": dialect.di_order}
        if self.credit and dialect.recharge_shape:
            options = dialect._dialect().to_json()["recharge"]
            values["shape"] = options.pop("shape")
            values["recharge"] = options
        return {name: value for name, value in values.items() if value}
