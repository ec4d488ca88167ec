import {Component} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";

/** The keys of the counter, by place. */
export class KeyHelp extends Component {
    static template = "utility_prepaid.KeyHelp";
    static props = {close: Function};

    get groups() {
        return [
            {
                name: _t("Everywhere"),
                keys: [
                    ["F2", _t("Next customer")],
                    ["F6", _t("Other invoices")],
                    ["F8", _t("Sales of this desk")],
                    ["F10", _t("My shift")],
                    ["Esc", _t("Back")],
                    ["?", _t("This list")],
                ],
            },
            {
                name: _t("Meter on the screen"),
                keys: [
                    ["F3", _t("Money or units")],
                    ["F4", _t("Read the meter")],
                    ["F7", _t("Other acts: contract, credit without money, switching")],
                    ["F9", _t("Last sale")],
                    ["1 – 9", _t("Payment method")],
                    ["Y", _t("Sell although it is unusual")],
                ],
            },
            {
                name: _t("Saved sale"),
                keys: [
                    ["P / A", _t("Receipt on the roll / on A5")],
                    ["R", _t("Reverse")],
                    ["W", _t("Sold to the wrong room")],
                    ["M", _t("Money back")],
                    ["T", _t("Send again")],
                ],
            },
        ];
    }
}
