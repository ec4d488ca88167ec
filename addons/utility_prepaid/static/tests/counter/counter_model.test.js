import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {Deferred} from "@odoo/hoot-mock";
import {allowTranslations} from "@web/../tests/web_test_helpers";
import {ConnectionLostError} from "@web/core/network/rpc";
import {CounterModel, READ_TIMES} from "@utility_prepaid/counter/counter_model";
import {
    approvalNeeded,
    fillForm,
    makeCard,
    makeConfig,
    makeCounter,
    makeStatus,
    refusal,
} from "./counter_test_helpers";

describe.current.tags("headless");
beforeEach(allowTranslations);

const sells = (calls) => calls.filter(([method]) => method === "sell");
const lose = () => {
    throw new ConnectionLostError("/web/dataset/call_kw");
};

// -- search -------------------------------------------------------------------------------

test("a single exact hit skips the list", async () => {
    const {model} = await makeCounter();
    model.search.text = "00000007";
    await model.pick();
    expect(model.stage).toBe("form");
    expect(model.card.id).toBe(7);
});

test("several hits wait for a choice", async () => {
    const {model, calls} = await makeCounter({
        find: () => [{id: 6}, {id: 7}],
    });
    model.search.text = "101";
    await model.pick();
    expect(model.stage).toBe("search");
    model.search.move(1);
    model.search.move(1);
    expect(model.search.index).toBe(1);
    await model.pick();
    expect(calls.at(-1)).toEqual(["card", 7]);
    expect(model.stage).toBe("form");
});

test("only the answer to the last question counts", async () => {
    const slow = new Deferred();
    const {model} = await makeCounter({
        find: (text) => (text === "1" ? slow : [{id: 12}]),
    });
    model.search.text = "1";
    const first = model.search.find();
    model.search.text = "12";
    await model.search.find();
    slow.resolve([{id: 1}]);
    await first;
    expect(model.search.results).toEqual([{id: 12}]);
});

test("Enter is not lost when the list is being asked for as well", async () => {
    const slow = new Deferred();
    const {model, calls} = await makeCounter({find: () => slow});
    model.search.text = "00000007";
    const picking = model.pick();
    const listing = model.search.find();
    slow.resolve([{id: 7, exact: true}]);
    await Promise.all([picking, listing]);
    expect(calls.filter(([method]) => method === "find").length).toBe(1);
    expect(model.stage).toBe("form");
});

test("the refusal of a meter is shown at the search", async () => {
    const {model} = await makeCounter({
        card: () => {
            throw refusal("There is no such meter.");
        },
    });
    await model.openMeter(7);
    expect(model.stage).toBe("search");
    expect(model.search.error).toBe("There is no such meter.");
});

// -- form ---------------------------------------------------------------------------------

test("the form opens with an id of its own and the first method", async () => {
    const {model} = await makeCounter();
    await model.openMeter(7);
    expect(model.form.uuid).toBe("uuid-1");
    expect(model.form.methodId).toBe(31);
    model.nextCustomer();
    await model.openMeter(7);
    expect(model.form.uuid).toBe("uuid-2");
});

test("the method last used is offered again", async () => {
    const {model} = await makeCounter();
    await fillForm(model);
    model.form.moveMethod(1);
    await model.sell();
    model.nextCustomer();
    await model.openMeter(7);
    expect(model.form.methodId).toBe(32);
});

test("a bad amount is refused before the server is asked", async () => {
    const {model, calls} = await makeCounter();
    await model.openMeter(7);
    calls.length = 0;
    for (const text of ["", "0", "-1", "1.234", "a"]) {
        model.form.setAmount(text);
        await model.form.askQuote();
        await model.form.toMethod();
        expect(model.form.step).toBe("amount");
        expect(String(model.form.error)).not.toBe("");
        await model.sell();
    }
    expect(calls).toEqual([]);
});

test("a refusal is shown before money changes hands", async () => {
    const {model, calls} = await makeCounter({
        quote: () => ({ok: false, error: "At most 5000.00 can be sold at once."}),
    });
    await fillForm(model, "9999");
    expect(model.form.step).toBe("amount");
    expect(model.form.error).toBe("At most 5000.00 can be sold at once.");
    await model.sell();
    expect(sells(calls)).toEqual([]);
});

test("a changed amount is priced again", async () => {
    const slow = new Deferred();
    const {model} = await makeCounter({
        quote: (id, amount) => (amount === "1" ? slow : {ok: true, amount, lines: []}),
    });
    await model.openMeter(7);
    model.form.setAmount("1");
    const first = model.form.askQuote();
    model.form.setAmount("10");
    await model.form.askQuote();
    slow.resolve({ok: true, amount: "1", lines: []});
    await first;
    expect(model.form.quote.amount).toBe("10");
});

test("a meter that cannot be sold to takes no amount", async () => {
    const {model, calls} = await makeCounter({
        card: () => makeCard({sellable: false, refusal: "The contract is closed."}),
    });
    await fillForm(model);
    expect(model.form.value).toBe("");
    await model.sell();
    expect(sells(calls)).toEqual([]);
});

// -- selling ------------------------------------------------------------------------------

test("Enter sells what was typed, as text, by the chosen method", async () => {
    const {model, calls} = await makeCounter();
    await fillForm(model, "100.10");
    model.form.setMethod(32);
    await model.sell();
    expect(sells(calls)).toEqual([["sell", "uuid-1", 7, "100.10", 32]]);
    expect(model.stage).toBe("sale");
    expect(model.current.uuid).toBe("uuid-1");
    expect(model.form).toBe(null);
});

test("a double Enter makes one sale", async () => {
    const answer = new Deferred();
    const {model, calls} = await makeCounter({sell: () => answer});
    await fillForm(model);
    const first = model.sell();
    const second = model.sell();
    answer.resolve(makeStatus());
    await Promise.all([first, second]);
    await model.sell();
    expect(sells(calls).length).toBe(1);
    expect(model.entries.length).toBe(1);
});

test("a refused sale keeps the form, its id, amount and method", async () => {
    let refuse = true;
    const {model, calls} = await makeCounter({
        sell: (uuid) => {
            if (refuse) {
                throw refusal("The books are locked.");
            }
            return makeStatus({uuid});
        },
    });
    await fillForm(model);
    model.form.setMethod(32);
    await model.sell();
    expect(model.stage).toBe("form");
    expect(model.form.error).toBe("The books are locked.");
    expect([model.form.amount, model.form.methodId, model.form.lost]).toEqual([
        "100.00",
        32,
        false,
    ]);
    refuse = false;
    await model.sell();
    expect(sells(calls).map(([, uuid]) => uuid)).toEqual(["uuid-1", "uuid-1"]);
    expect(model.stage).toBe("sale");
});

test("a lost answer is asked again by the same id, and nothing else can be sent", async () => {
    let lost = true;
    const {model, calls} = await makeCounter({
        sell: (uuid) => (lost ? lose() : makeStatus({uuid})),
    });
    await fillForm(model);
    await model.sell();
    expect(model.form.lost).toBe(true);
    model.form.setAmount("7");
    model.form.setMethod(32);
    model.form.toAmount();
    expect([model.form.value, model.form.methodId, model.form.step]).toEqual([
        "100.00",
        31,
        "method",
    ]);
    lost = false;
    await model.sell();
    expect(sells(calls)).toEqual(Array(2).fill(["sell", "uuid-1", 7, "100.00", 31]));
    expect(model.stage).toBe("sale");
});

test("a lost sale is not forgotten by serving the next customer", async () => {
    const {model} = await makeCounter({sell: lose});
    await fillForm(model);
    await model.sell();
    model.back();
    expect(model.stage).toBe("search");
    expect(model.rows.map(({uuid}) => uuid)).toEqual(["uuid-1"]);
    // The same meter again is the same form, not a second one.
    await model.openMeter(7);
    expect(model.form.uuid).toBe("uuid-1");
    expect(model.form.value).toBe("100.00");
    expect(model.rows).toEqual([]);
});

test("the bus settles a sale whose answer was lost", async () => {
    const {model} = await makeCounter({sell: lose});
    await fillForm(model);
    await model.sell();
    model.receive(makeStatus({id: 4}, "sent"));
    expect(model.stage).toBe("sale");
    expect(model.current.id).toBe(4);
    expect(model.form).toBe(null);
});

test("news before the answer make one entry", async () => {
    const answer = new Deferred();
    const {model} = await makeCounter({sell: () => answer});
    await fillForm(model);
    const selling = model.sell();
    model.receive(makeStatus({state: "delivered"}, "proved"));
    answer.resolve(makeStatus());
    await selling;
    expect(model.entries.length).toBe(1);
    expect(model.current.steps.proved).toBe(true);
});

test("a sale that is refused after the cashier went on says so", async () => {
    const answer = new Deferred();
    const {model} = await makeCounter({sell: () => answer});
    await fillForm(model);
    const selling = model.sell();
    model.nextCustomer();
    expect(model.rows.length).toBe(1);
    answer.reject(refusal("Another order is on its way."));
    await selling;
    expect(model.notice).toBe("Another order is on its way.");
    expect(model.stage).toBe("search");
});

test("a reload of the page keeps the tray and an unanswered form", async () => {
    const {model, outside, store} = await makeCounter({
        sell: (uuid) => (uuid === "uuid-2" ? lose() : makeStatus({uuid})),
    });
    await fillForm(model);
    await model.sell();
    model.nextCustomer();
    await fillForm(model, "20");
    await model.sell();
    const again = new CounterModel({...outside, store});
    await again.start();
    expect(again.entries.map(({id}) => id)).toEqual([1]);
    expect(again.parked.map((form) => [form.uuid, form.value, form.lost])).toEqual([
        ["uuid-2", "20", true],
    ]);
});

// -- following, reversing -----------------------------------------------------------------

test("what is on its way is polled until it is posted", async () => {
    let reached = "sent";
    const {model, calls} = await makeCounter({
        status: ([id]) => [makeStatus({id, state: "delivered"}, reached)],
    });
    await fillForm(model);
    await model.sell();
    calls.length = 0;
    await model.poll();
    reached = "posted";
    await model.poll();
    expect(model.current.steps.posted).toBe(true);
    const polls = calls.filter(([method]) => method === "status").length;
    await model.poll();
    expect(polls).toBe(2);
    expect(calls.filter(([method]) => method === "status").length).toBe(2);
});

test("a lost connection is said, and passes", async () => {
    let lost = true;
    const {model} = await makeCounter({
        status: () => (lost ? lose() : [makeStatus({}, "sent")]),
    });
    await fillForm(model);
    await model.sell();
    await model.poll();
    expect(model.offline).toBe(true);
    lost = false;
    await model.poll();
    expect(model.offline).toBe(false);
});

test("the connection is tried again also with nothing on its way", async () => {
    let lost = false;
    const {model} = await makeCounter({get_config: () => (lost ? lose() : makeConfig())});
    lost = true;
    await model.refreshConfig();
    expect([model.offline, model.fault]).toEqual([true, ""]);
    lost = false;
    await model.poll();
    expect(model.offline).toBe(false);
});

test("sales of other screens stay out of the tray", async () => {
    const {model} = await makeCounter();
    model.receive(makeStatus({id: 99, uuid: "elsewhere"}));
    expect(model.entries).toEqual([]);
});

test("a reversal asks why, and is the same one when asked twice", async () => {
    const asked = [];
    const {model} = await makeCounter({
        sell: (uuid) => makeStatus({uuid, state: "delivered", can_reverse: true}, "posted"),
        reverse: (...args) => {
            asked.push(args);
            if (asked.length === 1) {
                lose();
            }
            return makeStatus({id: 2, uuid: args[0], kind: "reversal"});
        },
        status: () => [makeStatus({state: "reversed"}, "posted")],
    });
    await fillForm(model);
    await model.sell();
    model.startAsk("reverse");
    await model.confirm();
    expect(String(model.acts.ask.error)).toBe("Say why: it is kept with the sale.");
    model.acts.ask.reason = "Wrong room";
    await model.confirm();
    await model.confirm();
    expect(asked).toEqual(Array(2).fill(["uuid-2", 1, "Wrong room"]));
    expect(model.current.kind).toBe("reversal");
    expect(model.entries.map(({state}) => state)).toEqual(["accepted", "reversed"]);
});

/** A counter whose reversal needs a second person, as far as the question why. */
async function askOverLimit(answers) {
    const counter = await makeCounter({
        sell: (uuid) => makeStatus({uuid, state: "delivered", can_reverse: true}, "posted"),
        approvers: () => [{id: 5, name: "Supervisor"}],
        reverse: () => {
            throw approvalNeeded("Your limit is used up.");
        },
        ...answers,
    });
    const {model} = counter;
    await fillForm(model);
    await model.sell();
    model.startAsk("reverse");
    model.acts.ask.reason = "Wrong room";
    await model.confirm();
    return counter;
}

test("above the limit a second person approves with a PIN", async () => {
    let approved = false;
    const {model, calls} = await askOverLimit({
        approve_with_pin: (act, values, approverId, pin) => {
            approved = pin === "246810";
            return {ok: approved, error: approved ? "" : "The PIN is wrong."};
        },
        reverse: (uuid) => {
            if (!approved) {
                throw approvalNeeded("Your limit is used up.");
            }
            return makeStatus({id: 2, uuid, kind: "reversal"});
        },
    });
    const {ask} = model.acts;
    expect(ask.error).toBe("Your limit is used up.");
    expect(ask.second.approverId).toBe(5);
    ask.second.pin = "111111";
    await model.confirm();
    expect(model.acts.ask.error).toBe("The PIN is wrong.");
    expect(model.acts.ask.second.pin).toBe("");
    model.acts.ask.second.pin = "246810";
    await model.confirm();
    expect(model.current.kind).toBe("reversal");
    const pins = calls.filter(([method]) => method === "approve_with_pin");
    expect(pins.at(-1).slice(1)).toEqual([
        "reversal",
        {vend_id: 1, reason: "Wrong room"},
        5,
        "246810",
    ]);
});

test("above the limit a second person is asked, and the same act is confirmed again", async () => {
    const {model, calls} = await askOverLimit({
        ask_approval: () => ({id: 3, state: "asked", words: ""}),
    });
    await model.acts.askSecond();
    expect(model.acts.ask.second.asked).toBe(true);
    expect(calls.at(-1)).toEqual(["ask_approval", "reversal", {vend_id: 1, reason: "Wrong room"}]);
    await model.confirm();
    expect(calls.at(-1)).toEqual(["reverse", "uuid-2", 1, "Wrong room"]);
    expect(model.acts.ask.second.asked).toBe(true);
});

test("what the server does not allow is not asked", async () => {
    const {model} = await makeCounter();
    await fillForm(model);
    await model.sell();
    model.startAsk("reverse");
    model.startAsk("refund");
    await model.retry();
    expect(model.acts.ask).toBe(null);
});

test("a print says which copy it is", async () => {
    let count = 0;
    const {model, calls} = await makeCounter({
        print_receipt: (id, paper) => ({url: `/r/${id}?paper=${paper}`, copy: count++}),
    });
    await fillForm(model);
    await model.sell();
    await model.print("80mm");
    expect(calls.at(-1)).toEqual(["printer", "/r/1?paper=80mm"]);
    expect(String(model.acts.printed)).toBe("Printed: the original.");
    await model.print("a5");
    expect(String(model.acts.printed)).toBe("Printed: copy 1.");
});

test("a page that did not come is not called printed", async () => {
    const {model} = await makeCounter({
        print_receipt: () => ({url: "/r/1", copy: 0}),
        printer: () => "The page did not come.",
    });
    await fillForm(model);
    await model.sell();
    await model.print("80mm");
    expect([model.acts.printed, model.acts.error]).toEqual(["", "The page did not come."]);
});

// -- live reading -------------------------------------------------------------------------

test("a meter that is served is read when it is opened", async () => {
    let balance = "12.34";
    const worker = {ok: true, message: ""};
    const {model, calls} = await makeCounter({
        get_config: () => makeConfig({worker}),
        card: () => makeCard({balance}),
        read_status: () => {
            balance = "11.11";
            return {state: "done", message: ""};
        },
    });
    await model.openMeter(7);
    expect(calls.filter(([method]) => method === "request_read").length).toBe(1);
    expect(model.card.balance).toBe("11.11");
    expect(model.reading.failed).toBe(false);
});

test("a silent meter is waited for 15 seconds, and the words say so", async () => {
    const {model, calls} = await makeCounter({read_status: () => ({state: "queued"})});
    await model.openMeter(7);
    await model.readMeter();
    expect(calls.filter(([method]) => method === "read_status").length).toBe(READ_TIMES);
    expect(model.reading.failed).toBe(true);
    expect(model.card.balance).toBe("12.34");
});

test("a reading of the former customer is not shown", async () => {
    const answer = new Deferred();
    const {model} = await makeCounter({read_status: () => answer});
    await model.openMeter(7);
    const reading = model.readMeter();
    model.nextCustomer();
    await model.openMeter(7);
    answer.resolve({state: "failed", message: "No reply from the meter."});
    await reading;
    expect(model.reading).toEqual({busy: false, failed: false, message: ""});
});
