import {Component, useState} from "@odoo/owl";

/** What else can be done with the meter on the screen, by number. */
export class MorePanel extends Component {
    static template = "utility_prepaid.MorePanel";
    static props = {model: Object, act: Function};

    setup() {
        this.model = useState(this.props.model);
    }
}
