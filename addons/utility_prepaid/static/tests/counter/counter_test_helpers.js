import {RPCError} from "@web/core/network/rpc";
import {CounterModel} from "@utility_prepaid/counter/counter_model";
import {STEP_KEYS} from "@utility_prepaid/counter/counter_rules";

/**
 * @param {Object} [values]
 * @param {string} [reached] last step that has happened
 * @returns {Object} status of a sale as `utility.counter` gives it
 */
export function makeStatus(values = {}, reached = "saved") {
    const last = STEP_KEYS.indexOf(reached);
    return {
        id: 1,
        uuid: "uuid-1",
        name: "VD/2026/000001",
        kind: "sale",
        state: "accepted",
        meter_id: 7,
        vending_id: "00000007",
        room: "North / One / 101",
        customer: "Room 101 tenant",
        amount: "100.00",
        units: "182.38",
        unit: "kWh",
        method: "Cash",
        steps: Object.fromEntries(STEP_KEYS.map((key, index) => [key, index <= last])),
        message: "",
        purchase_number: 0,
        balance_before: "",
        balance_after: "",
        accepted_at: "2026-03-01 02:00:00",
        can_reverse: false,
        can_refund: false,
        can_retry: false,
        reversal: false,
        print_count: 0,
        ...values,
    };
}

export function makeCard(values = {}) {
    return {
        id: 7,
        vending_id: "00000007",
        address: "202611000007",
        type: "Prepaid single-phase",
        utility: "electricity",
        unit: "kWh",
        room: "North / One / 101",
        customer: "Room 101 tenant",
        phone: "",
        contract: "CT/1",
        contract_state: "active",
        price: "0.5483",
        balance: "12.34",
        balance_low: false,
        total: "0.00",
        seen_at: "2026-03-01 01:00:00",
        supply: "on",
        remainder: "0.00",
        last_sale: false,
        open_sale: false,
        sellable: true,
        refusal: "",
        warning: "",
        ...values,
    };
}

export function makeConfig(values = {}) {
    return {
        company: "Test company",
        currency: {symbol: "¥", position: "before", digits: 2},
        methods: [
            {id: 31, name: "Cash", type: "cash"},
            {id: 32, name: "Bank", type: "bank"},
        ],
        user: "Desk cashier",
        can_reverse: true,
        can_refund: true,
        worker: {ok: false, message: "Meters wait."},
        ...values,
    };
}

export function makeQuote(amount, values = {}) {
    return {
        ok: true,
        error: "",
        amount,
        units: "182.38",
        price: "0.5483",
        unit: "kWh",
        lines: [{kind: "units", name: "Electricity", quantity: "182.38", price: "0.5483", amount}],
        remainder_before: "0.00",
        remainder_after: "0.00",
        ...values,
    };
}

/** A refusal as the server words it. */
export function refusal(words) {
    return Object.assign(new RPCError("Odoo Server Error"), {
        exceptionName: "odoo.exceptions.UserError",
        data: {name: "odoo.exceptions.UserError", message: words},
    });
}

/** The act is allowed, but not to one person alone. */
export function approvalNeeded(words) {
    const name = "odoo.addons.utility_prepaid.models.utility_limit.ApprovalNeeded";
    return Object.assign(new RPCError("Odoo Server Error"), {
        exceptionName: name,
        data: {name, message: words},
    });
}

/**
 * A counter with a server of plain functions.
 *
 * @param {Object} [answers] method -> function of its arguments
 * @returns {Promise<{model: CounterModel, calls: Array, store: Object}>} started; `calls` are
 *     [method, ...arguments] without those of the start
 */
export async function makeCounter(answers = {}) {
    const calls = [];
    const server = {
        get_config: () => makeConfig(),
        find: () => [{id: 7, vending_id: "00000007", exact: true}],
        card: () => makeCard(),
        quote: (meterId, amount) => makeQuote(amount),
        sell: (uuid, meterId, amount) => makeStatus({uuid, amount}),
        status: (ids) => ids.map((id) => makeStatus({id})),
        request_read: () => 5,
        read_status: () => ({state: "done", message: ""}),
        ...answers,
    };
    const store = {
        kept: null,
        load: () => JSON.parse(store.kept),
        save: (data) => (store.kept = JSON.stringify(data)),
    };
    let made = 0;
    const outside = {
        call: async (method, ...args) => {
            calls.push([method, ...args]);
            return server[method](...args);
        },
        wait: async () => {},
        send: async (url) => {
            calls.push(["printer", url]);
            return answers.printer?.(url) || "";
        },
        store,
        makeUuid: () => `uuid-${++made}`,
    };
    const model = new CounterModel(outside);
    await model.start();
    calls.length = 0;
    return {model, calls, store, outside};
}

/** Open the meter and type an amount, as far as the payment method. */
export async function fillForm(model, amount = "100.00") {
    await model.openMeter(7);
    model.form.setAmount(amount);
    await model.form.toMethod();
}
