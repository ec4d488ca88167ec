import {
    Component,
    onWillStart,
    onWillUnmount,
    useExternalListener,
    useRef,
    useState,
} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {registry} from "@web/core/registry";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";
import {useService} from "@web/core/utils/hooks";
import {user} from "@web/core/user";
import {CounterModel} from "./counter_model";
import {actOf} from "./counter_rules";
import {MeterCard} from "./meter_card";
import {SaleFormPanel} from "./sale_form_panel";
import {SalePanel} from "./sale_panel";
import {SaleTray} from "./sale_tray";
import {KeyHelp} from "./key_help";
import {MorePanel} from "./more_panel";
import {SearchPanel} from "./search_panel";
import {printReceipt} from "./receipt_printer";

/** How often what is on its way is asked after, in milliseconds. */
const POLL_EVERY = 2000;

/** The counter screen: keys and clicks to the model's acts, the model's state to the screen. */
export class Counter extends Component {
    static template = "utility_prepaid.Counter";
    static components = {
        KeyHelp,
        MeterCard,
        MorePanel,
        SaleFormPanel,
        SalePanel,
        SaleTray,
        SearchPanel,
    };
    static props = {...standardActionServiceProps};

    setup() {
        this.root = useRef("root");
        this.ui = useService("ui");
        this.action = useService("action");
        const orm = (this.orm = useService("orm"));
        const bus = useService("bus_service");
        this.model = useState(
            new CounterModel({
                call: (method, ...args) => orm.silent.call("utility.counter", method, args),
                wait: (milliseconds) =>
                    new Promise((resolve) => browser.setTimeout(resolve, milliseconds)),
                store: this.makeStore(),
                send: printReceipt,
            })
        );
        this.do = this.do.bind(this);

        const onVend = (status) => this.model.receive(status);
        onWillStart(async () => {
            await this.model.start();
            // Sent here to sell to one meter, as from the building board.
            const meterId = this.props.action.context?.meter_id;
            if (meterId) {
                // It reads the meter, which the screen does not wait for.
                this.model.openMeter(meterId);
            }
            bus.subscribe("utility_prepaid/vend", onVend);
            bus.start();
            this.polling = browser.setInterval(() => this.model.poll(), POLL_EVERY);
        });
        onWillUnmount(() => {
            bus.unsubscribe("utility_prepaid/vend", onVend);
            browser.clearInterval(this.polling);
        });
        useExternalListener(browser, "keydown", (event) => this.onKeydown(event), {capture: true});
    }

    makeStore() {
        const key = `utility_prepaid.counter.${user.userId}`;
        return {
            load: () => JSON.parse(browser.sessionStorage.getItem(key) || "null"),
            save: (data) => browser.sessionStorage.setItem(key, JSON.stringify(data)),
        };
    }

    focus() {
        this.root.el?.querySelector("[data-counter-focus]")?.focus();
    }

    onKeydown(event) {
        const {target} = event;
        const element = target instanceof Element ? target : document.body;
        const elsewhere =
            this.ui.activeElement !== document ||
            element.closest(".o_main_navbar, .o-overlay-container, .o_popover, .modal");
        if (elsewhere || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) {
            return;
        }
        // A button that was reached by Tab is pressed by Enter, as everywhere.
        const onButton = element.matches("button, a[href]") && event.key === "Enter";
        const act = onButton ? "" : actOf(this.model.place, event);
        if (act) {
            event.preventDefault();
            event.stopPropagation();
            this.do(act);
        }
    }

    /** Clicks into the void leave the keys where they were. */
    onClick() {
        if (document.activeElement === document.body && !browser.getSelection?.().toString()) {
            this.focus();
        }
    }

    /** Buttons work by mouse and finger without taking the keys away from their place. */
    onMousedown(event) {
        if (event.target.closest("button, .btn, .list-group-item")) {
            event.preventDefault();
        }
    }

    /**
     * Do what a key or a button says.
     *
     * @param {string} act a name that `actOf` gives, e.g. "sell" or "method:2"
     */
    async do(act) {
        const {model} = this;
        const [name, number] = act.split(":");
        const acts = {
            back: () => this.leave(() => model.back()),
            find: () => this.leave(() => model.nextCustomer()),
            pick: () => model.pick(),
            down: () => model.search.move(1),
            up: () => model.search.move(-1),
            read: () => model.readMeter(),
            last: () => model.openStatus(model.card?.open_sale || model.card?.last_sale),
            "to-method": () => model.form.toMethod(),
            "to-amount": () => model.form.toAmount(),
            "method-next": () => model.form.moveMethod(1),
            "method-previous": () => model.form.moveMethod(-1),
            method: () => model.form.setMethod(model.form.methods[number - 1]?.id),
            units: () => model.form.toggleUnits(),
            sell: () => model.sell(),
            "sell-unusual": () => model.form.unusual.length && model.sell(true),
            "print-80mm": () => this.print("80mm"),
            "print-a5": () => this.print("a5"),
            reverse: () => model.startAsk("reverse"),
            refund: () => model.startAsk("refund"),
            "wrong-room": () => this.openWrongRoom(),
            invoices: () => this.openInvoices(),
            shift: () => this.openShift(),
            more: () => model.toggleMore(),
            "more-down": () => model.moveMore(1),
            "more-up": () => model.moveMore(-1),
            "more-open": () => this.openAct(number),
            help: () => {
                model.help = !model.help;
            },
            confirm: () => model.confirm(),
            retry: () => model.retry(),
            tray: () => model.toggleTray(),
            "tray-down": () => model.moveTray(1),
            "tray-up": () => model.moveTray(-1),
            "tray-open": () => model.openTray(),
        };
        await acts[name]();
    }

    /** A scanner types faster than the screen is drawn: the box is emptied at once. */
    leave(go) {
        go();
        const box = this.root.el.querySelector(".o_utility_query");
        if (box) {
            box.value = this.model.search.text;
        }
    }

    /** A sale that can be reversed can be moved to the meter that it was meant for. */
    async openWrongRoom() {
        const {current} = this.model;
        if (current?.can_reverse) {
            await this.openForm("utility_prepaid.utility_vend_wrong_room_action", {
                active_id: current.id,
            });
        }
    }

    /** Other invoices of the customer being served, or of anybody. */
    async openInvoices() {
        await this.openForm("utility_prepaid.utility_counter_invoice_action", {
            default_partner_id: this.model.card?.customer_id || false,
        });
    }

    /** The cashier's shift, or the form that begins one; methods follow from it. */
    async openShift() {
        await this.openAction(await this.orm.call("utility.counter", "shift_action", []));
    }

    async openAct(number) {
        const action = await this.model.startAct(Number(number));
        if (action) {
            await this.openAction(action);
        }
    }

    async openAction(action) {
        await this.action.doAction(action, {
            onClose: async () => {
                this.focus();
                await this.model.refreshConfig();
                if (this.model.card) {
                    await this.model.refreshCard();
                }
            },
        });
    }

    async openForm(name, additionalContext) {
        await this.action.doAction(name, {additionalContext, onClose: () => this.focus()});
    }

    async print(paper) {
        await this.model.print(paper);
        // The print dialogue took the keys.
        this.focus();
    }
}

registry.category("actions").add("utility_prepaid.counter", Counter);
