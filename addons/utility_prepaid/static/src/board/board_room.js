import {Component} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {formatMoment} from "../counter/counter_dates";
import {levelWords} from "./board_rules";

/** The room that was clicked: its meters, and what can be done with them. */
export class BoardRoom extends Component {
    static template = "utility_prepaid.BoardRoom";
    static props = {room: Object, config: Object, act: Function, close: Function};

    formatMoment(text) {
        return formatMoment(text);
    }

    levelWords(meter) {
        return levelWords(meter.level, this.props.config);
    }

    daysWords({days}) {
        return days === null ? "–" : _t("%s days", days);
    }

    supplyWords({supply}) {
        return String({on: _t("On"), off: _t("Off"), unknown: _t("Unknown")}[supply]);
    }

    canSell({level}) {
        return this.props.config.can_sell && !["vacant", "postpaid"].includes(level);
    }
}
