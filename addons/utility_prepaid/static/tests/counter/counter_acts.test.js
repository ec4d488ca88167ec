/** Units in place of money, unusual sales, other acts, keys. */
import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";
import {actOf, parseUnits} from "@utility_prepaid/counter/counter_rules";
import {fillForm, makeCounter, makeQuote, refusal} from "./counter_test_helpers";

describe.current.tags("headless");
beforeEach(allowTranslations);

const key = (name, place = {}) => actOf({stage: "form", step: "amount", ...place}, {key: name});

test("units have up to four decimals", () => {
    expect(parseUnits("12.3456")).toEqual({value: "12.3456", error: ""});
    expect(String(parseUnits("12.34567").error)).toBe(
        "Units have digits, at most one point and four decimals."
    );
    expect(parseUnits("")).toEqual({value: "", error: ""});
});

test("units are priced, and what they cost is what is sold", async () => {
    const {model, calls} = await makeCounter({
        quote: () => makeQuote("54.83", {units: "100.00"}),
    });
    await model.openMeter(7);
    model.form.toggleUnits();
    model.form.setAmount("100");
    await model.form.toMethod();
    expect(calls.at(-1)).toEqual(["quote", 7, "", "100"]);
    expect(model.form.money).toBe("54.83");
    await model.sell();
    expect(calls.find(([method]) => method === "sell")).toEqual(["sell", "uuid-1", 7, "54.83", 31]);
});

test("money and units are never taken for each other", async () => {
    const {model} = await makeCounter();
    await fillForm(model);
    model.form.toggleUnits();
    expect(model.form).toMatchObject({amount: "", value: "", quote: null, step: "amount"});
    expect(model.form.money).toBe("");
    model.form.setAmount("100");
    model.form.toggleUnits();
    expect(model.form).toMatchObject({amount: "", value: "", byUnits: false});
});

test("an unusual sale takes a key that routine never needs", async () => {
    const words = "The same money was sold to this meter within ten minutes.";
    const {model, calls} = await makeCounter({
        quote: (id, amount) => makeQuote(amount, {unusual: [words]}),
    });
    await fillForm(model);
    expect(model.form.unusual).toEqual([words]);
    await model.sell();
    expect(calls.some(([method]) => method === "sell")).toBe(false);
    expect(String(model.form.error)).toBe("This sale is unusual: Y sells all the same.");
    await model.sell(true);
    expect(calls.some(([method]) => method === "sell")).toBe(true);
});

test("other acts are a list for the meter on the screen", async () => {
    const action = {type: "ir.actions.act_window", res_model: "utility.issue"};
    const {model, calls} = await makeCounter({
        acts: () => [
            {name: "issue_emergency", label: "Emergency credit"},
            {name: "contract_close", label: "Close the contract"},
        ],
        start_act: () => action,
    });
    await model.toggleMore();
    expect(model.more).toBe(null);
    await model.openMeter(7);
    await model.toggleMore();
    expect(model.place.more).toBe(true);
    model.moveMore(5);
    expect(model.more.index).toBe(1);
    expect(await model.startAct()).toEqual(action);
    expect(calls.at(-1)).toEqual(["start_act", 7, "contract_close"]);
    expect(model.more).toBe(null);
    await model.toggleMore();
    expect(await model.startAct(9)).toBe(null);
    await model.startAct(1);
    expect(calls.at(-1)).toEqual(["start_act", 7, "issue_emergency"]);
});

test("an act that is not possible any more says why; the next customer has a list of its own", async () => {
    const {model} = await makeCounter({
        acts: () => [{name: "contract_close", label: "Close the contract"}],
        start_act: () => {
            throw refusal("This is not possible with this meter now.");
        },
    });
    await model.openMeter(7);
    await model.toggleMore();
    expect(await model.startAct(1)).toBe(null);
    expect(model.notice).toBe("This is not possible with this meter now.");
    await model.toggleMore();
    model.nextCustomer();
    expect(model.more).toBe(null);
});

test("Escape closes what is on top first", async () => {
    const {model} = await makeCounter({acts: () => []});
    await model.openMeter(7);
    await model.toggleMore();
    model.help = true;
    model.back();
    expect([model.help, Boolean(model.more)]).toEqual([false, true]);
    model.back();
    expect([model.more, model.stage]).toEqual([null, "form"]);
    model.back();
    expect(model.stage).toBe("search");
});

test("keys of the front desk", () => {
    expect(key("F3")).toBe("units");
    expect(key("F3", {step: "method"})).toBe("units");
    expect(key("F3", {stage: "search"})).toBe("");
    expect(key("F7")).toBe("more");
    expect(key("F7", {stage: "sale"})).toBe("more");
    expect(key("F7", {stage: "search"})).toBe("");
    expect(key("F10", {stage: "search"})).toBe("shift");
    expect(key("?")).toBe("help");
    expect(key("？", {stage: "search"})).toBe("help");
    expect(key("?", {stage: "sale", asking: true})).toBe("");
    expect(key("y")).toBe("");
    expect(key("y", {step: "method"})).toBe("sell-unusual");
    expect(key("2", {more: true})).toBe("more-open:2");
    expect(key("Enter", {more: true})).toBe("more-open");
    expect(key("ArrowDown", {more: true})).toBe("more-down");
    expect(key("x", {more: true})).toBe("");
});
