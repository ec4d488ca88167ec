from odoo import api, models
from odoo.exceptions import UserError

# Acts on an open contract, in the order of the list at the counter.
CONTRACT_ACTS = ("close", "hand_over", "replace", "pause")


class UtilityCounter(models.AbstractModel):
    """What else is done from the counter's screen, each in a form of its own.

    An act is a name and the words on its button; `start_act` says which form opens. What the form
    does is gated there: the list here only leaves out what would be refused anyway.
    """

    _inherit = "utility.counter"

    @api.model
    def acts(self, meter_id):
        """What the user may do with a meter and its contract beside selling.

        :return: list of {"name", "label"}
        """
        self._check_desk()
        meter = self._meter(meter_id)
        return [{"name": name, "label": label} for name, label in self._acts(meter)]

    @api.model
    def start_act(self, meter_id, name):
        """The form of an act.

        :param name: one that `acts` gives now
        :return: action
        :raises UserError: the act is not possible any more
        """
        self._check_desk()
        meter = self._meter(meter_id)
        if name not in dict(self._acts(meter)):
            raise UserError(self.env._("This is not possible with this meter now."))
        return self._act_action(meter, name)

    def _acts(self, meter):
        """Hook: list of (name, words)."""
        _ = self.env._
        contract = meter.contract_id
        found = [
            (f"issue_{kind['kind']}", kind["name"])
            for kind in self._issue_kinds()
            if meter.prepaid and (kind["kind"] == "temporary") != bool(contract)
        ]
        if not contract and meter.prepaid and contract.has_access("create"):
            found.append(("contract_open", _("Open a contract")))
        if contract and contract.has_access("write"):
            found.append(("contract_view", _("Contract")))
        acts = self.env["utility.contract.act"]
        if contract.state == "active" and acts.has_access("create"):
            labels = dict(acts._fields["act"]._description_selection(self.env))
            # A supervisor, an engineer or a manager replaces a meter.
            found += [
                (f"contract_{act}", labels[act])
                for act in CONTRACT_ACTS
                if (act != "replace" or self._may_replace())
                and not contract.settlement_id
                and not (act == "pause" and contract.paused)
            ]
        found.append(("meter_view", _("Meter")))
        return found

    def _may_replace(self):
        user = self.env.user
        return any(
            user.has_group(f"utility_prepaid.group_{group}")
            for group in ("supervisor", "engineer", "manager")
        )

    def _act_action(self, meter, name):
        """Hook: the action of an act that `_acts` gave."""
        part, __, act = name.partition("_")
        contract = meter.contract_id
        if part == "issue":
            return self._form(
                "utility_prepaid.utility_issue_action",
                default_kind=act,
                default_meter_id=meter.id,
            )
        if name == "meter_view":
            return self._record(meter)
        if name == "contract_view":
            return self._record(contract)
        if name == "contract_open":
            return {
                **self._record(contract),
                "context": {"default_meter_id": meter.id},
            }
        return self._form(
            "utility_prepaid.utility_contract_act_action",
            default_contract_id=contract.id,
            default_act=act,
        )

    def _form(self, name, **context):
        action = self.env["ir.actions.act_window"]._for_xml_id(name)
        return {**action, "context": context}

    def _record(self, record):
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
            "target": "current",
        }

    @api.model
    def shift_action(self):
        """The user's own shift, or the form that begins one.

        :return: action
        """
        self._check_cashier()
        session = self.env["utility.cash.session"]._current(self.env.company).with_env(self.env)
        if not session:
            return self._form("utility_prepaid.utility_cash_count_action")
        return self._record(session)
