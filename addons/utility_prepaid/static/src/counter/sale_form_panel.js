import {Component, useState} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {useDebounced} from "@web/core/utils/timing";
import {formatMoney, formatUnits, stepWordsOf} from "./counter_rules";
import {useCounterFocus} from "./counter_focus";

/** Amount, what it buys, payment method. */
export class SaleFormPanel extends Component {
    static template = "utility_prepaid.SaleFormPanel";
    static props = {model: Object, act: Function};

    setup() {
        this.model = useState(this.props.model);
        this.units = formatUnits;
        useCounterFocus("panel");
        this.askQuote = useDebounced(() => {
            const {form} = this.model;
            if (form && !form.quote && !form.quoting) {
                form.askQuote();
            }
        }, 250);
    }

    focusOn(step) {
        return this.form.step === step && !this.model.tray.focus ? "1" : undefined;
    }

    get form() {
        return this.model.form;
    }

    money(text) {
        return formatMoney(text, this.model.config?.currency);
    }

    /** What the typed number is, and its sign. */
    get typed() {
        const {byUnits, quote, card} = this.form;
        const {symbol, position} = this.model.config.currency;
        return byUnits
            ? {label: _t("Units"), after: quote?.unit || card.uom}
            : {label: _t("Amount"), [position]: symbol};
    }

    get takeWords() {
        return _t("Take %s and charge the meter", this.money(this.form.money));
    }

    get stepWords() {
        return stepWordsOf(this.form.quote, this.model.config?.currency);
    }

    onInput(event) {
        this.form.setAmount(event.target.value);
        this.askQuote();
    }

    async onMethod(number) {
        this.props.act(`method:${number}`);
        this.props.act("to-method");
    }

    /** The button of the screen does what Enter does, from wherever the cashier is. */
    async onSell() {
        if (this.form.step === "amount") {
            await this.form.toMethod();
        } else {
            await this.props.act("sell");
        }
    }
}
