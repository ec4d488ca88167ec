import {Component, useState} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {useDebounced} from "@web/core/utils/timing";
import {useCounterFocus} from "./counter_focus";

/** The search box, its list, and the words of what goes wrong. */
export class SearchPanel extends Component {
    static template = "utility_prepaid.SearchPanel";
    static props = {model: Object, act: Function};

    setup() {
        this.model = useState(this.props.model);
        useCounterFocus("panel");
        this.find = useDebounced(() => {
            // Enter may have asked already, and opened the meter.
            if (this.model.stage === "search" && !this.search.settled) {
                this.search.find();
            }
        }, 250);
    }

    get search() {
        return this.model.search;
    }

    get nothingWords() {
        return _t("Nothing is known by “%s”.", this.search.found);
    }

    onInput(event) {
        this.search.text = event.target.value;
        this.search.error = "";
        this.find();
    }

    onPick(row) {
        this.model.openMeter(row.id);
    }
}
