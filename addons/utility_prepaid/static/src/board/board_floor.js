import {Component} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {levelWords} from "./board_rules";

/** One floor: its rooms as buttons, drawn again only when one of them changed. */
export class BoardFloor extends Component {
    static template = "utility_prepaid.BoardFloor";
    static props = {
        name: String,
        faces: Array,
        limits: Object,
        roomId: {type: [Number, {value: null}]},
        tabId: {type: [Number, {value: null}]},
        pick: Function,
    };

    /** What a screen reader says, and what stands under the mouse. */
    words(face) {
        const days = face.days === null ? "" : _t("%s days left", face.days);
        const level = levelWords(face.level, this.props.limits);
        return [face.name, face.customers, level, days, ...face.alarms].filter(Boolean).join(", ");
    }
}
