import {Component, useState} from "@odoo/owl";
import {formatMoney, phaseOf} from "./counter_rules";
import {useCounterFocus} from "./counter_focus";

/** The latest sales of this desk, each with where it stands. */
export class SaleTray extends Component {
    static template = "utility_prepaid.SaleTray";
    static props = {model: Object, act: Function};

    setup() {
        this.model = useState(this.props.model);
        useCounterFocus("panel");
        this.phaseOf = phaseOf;
    }

    money(text) {
        return formatMoney(text, this.model.config?.currency);
    }

    isMarked(row, index) {
        const {tray, acts} = this.model;
        return tray.focus ? tray.index === index : row.status && acts?.vendId === row.status.id;
    }
}
