import {Component, useState} from "@odoo/owl";
import {formatMoney, phaseOf} from "./counter_rules";
import {formatMoment} from "./counter_dates";

/** Who and what is served: the customer, the room, the meter as last read. */
export class MeterCard extends Component {
    static template = "utility_prepaid.MeterCard";
    static props = {model: Object, act: Function};

    setup() {
        this.model = useState(this.props.model);
        this.formatMoment = formatMoment;
        this.phaseOf = phaseOf;
    }

    get card() {
        return this.model.card;
    }

    get lastSale() {
        const sale = this.card.open_sale || this.card.last_sale;
        // The tray has later news of it than the card.
        return this.model.entries.find(({id}) => id === sale.id) || sale;
    }

    money(text) {
        return formatMoney(text, this.model.config?.currency);
    }
}
