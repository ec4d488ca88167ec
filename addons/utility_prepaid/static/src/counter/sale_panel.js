import {Component, useState} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {formatMoney, formatUnits, phaseOf, stepsOf} from "./counter_rules";
import {formatMoment} from "./counter_dates";
import {useCounterFocus} from "./counter_focus";

const ICONS = {
    done: "fa-check-circle text-success",
    now: "fa-spinner fa-spin text-info",
    stuck: "fa-exclamation-circle text-danger",
    todo: "fa-circle-o text-muted",
    off: "fa-minus-circle text-muted",
};

/** A saved sale: its way step by step, and what can be done with it. */
export class SalePanel extends Component {
    static template = "utility_prepaid.SalePanel";
    static props = {model: Object, act: Function};

    setup() {
        this.model = useState(this.props.model);
        useCounterFocus("panel");
        this.formatMoment = formatMoment;
        this.units = formatUnits;
    }

    get sale() {
        return this.model.current;
    }

    get acts() {
        return this.model.acts;
    }

    get phase() {
        return phaseOf(this.sale);
    }

    get steps() {
        return stepsOf(this.sale).map((step) => ({...step, icon: ICONS[step.state]}));
    }

    money(text) {
        return formatMoney(text, this.model.config?.currency);
    }

    get question() {
        const {units, unit, amount} = this.sale;
        const money = this.money(amount);
        if (this.acts.ask.kind === "refund") {
            return _t("Why is %s given back? The meter was not charged.", money);
        }
        return _t(
            "Why is the sale reversed? The meter gives back %(units)s, then %(money)s is paid out.",
            {
                units: formatUnits(units, unit),
                money,
            }
        );
    }

    get reversalWords() {
        const {name, message} = this.sale.reversal;
        return _t("Reversal %(name)s: %(message)s", {name, message});
    }

    onApprover(event) {
        this.acts.ask.second.approverId = Number(event.target.value);
    }

    onPin(event) {
        this.acts.ask.second.pin = event.target.value;
    }

    onReason(event) {
        Object.assign(this.acts.ask, {reason: event.target.value, error: ""});
    }
}
