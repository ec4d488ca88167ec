import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";
import {
    actOf,
    formatMoney,
    isOnWay,
    isStale,
    newUuid,
    parseAmount,
    phaseOf,
    stepWordsOf,
    stepsOf,
} from "@utility_prepaid/counter/counter_rules";
import {makeQuote, makeStatus} from "./counter_test_helpers";

describe.current.tags("headless");
beforeEach(allowTranslations);

const states = (status) => stepsOf(status).map(({state}) => state);

test("an amount is digits and at most one point", () => {
    expect(parseAmount("100").value).toBe("100");
    expect(parseAmount("100.5").value).toBe("100.5");
    expect(parseAmount("007.50").value).toBe("7.50");
    expect(parseAmount(".5").value).toBe("0.5");
    expect(parseAmount("  20 ").value).toBe("20");
    expect(parseAmount("")).toEqual({value: "", error: ""});
    for (const text of ["abc", "1,5", "-5", "+5", "1.2.3", ".", "1e3", "0x10", "$5"]) {
        const {value, error} = parseAmount(text);
        expect(value).toBe("");
        expect(String(error)).toBe("An amount has digits and at most one point.");
    }
});

test("an amount has no more decimals than its currency", () => {
    expect(parseAmount("1.23", 2).value).toBe("1.23");
    expect(String(parseAmount("1.234", 2).error)).toBe("An amount has at most 2 decimals.");
    expect(parseAmount("1.234", 3).value).toBe("1.234");
    expect(parseAmount("5", 0).value).toBe("5");
    expect(String(parseAmount("5.0", 0).error)).toBe("An amount has no decimals.");
});

test("an amount is more than zero", () => {
    for (const text of ["0", "0.00", ".0", "000"]) {
        expect(String(parseAmount(text).error)).toBe("The amount must be more than zero.");
    }
    expect(parseAmount("0.01").value).toBe("0.01");
});

test("an amount is never rounded on its way", () => {
    expect(parseAmount("9007199254740993.07").value).toBe("9007199254740993.07");
});

test("full-width digits and the point of a Chinese keyboard are understood", () => {
    expect(parseAmount("１００．５０").value).toBe("100.50");
    expect(parseAmount("100。5").value).toBe("100.5");
});

test("money shows its currency where it belongs", () => {
    expect(formatMoney("100.00", {symbol: "¥", position: "before"})).toBe("¥\u00a0100.00");
    expect(formatMoney("100.00", {symbol: "€", position: "after"})).toBe("100.00\u00a0€");
    expect(formatMoney("", {symbol: "¥", position: "before"})).toBe("");
});

test("what more there is at this price, and the price after it", () => {
    const currency = {symbol: "¥", position: "before"};
    const step = {left_units: "20.00", left_money: "10.00", price: "0.5000", next_price: "0.8000"};
    const words = String(stepWordsOf(makeQuote("40", {step}), currency));
    expect(words.replaceAll("\u00a0", " ")).toBe(
        "20.00 kWh more at ¥ 0.5000 for ¥ 10.00, then ¥ 0.8000."
    );
    expect(stepWordsOf(makeQuote("40", {step: null}), currency)).toBe("");
});

test("steps follow the sale", () => {
    expect(states(makeStatus())).toEqual(["done", "now", "todo", "todo", "todo"]);
    expect(states(makeStatus({}, "sent"))).toEqual(["done", "done", "now", "todo", "todo"]);
    expect(states(makeStatus({}, "answered"))).toEqual(["done", "done", "done", "now", "todo"]);
    expect(states(makeStatus({state: "delivered"}, "proved"))).toEqual([
        "done",
        "done",
        "done",
        "done",
        "now",
    ]);
    expect(states(makeStatus({state: "delivered"}, "posted"))).toEqual(Array(5).fill("done"));
});

test("a charge proved by hand has all steps before it", () => {
    const steps = {saved: true, sent: false, answered: false, proved: true, posted: false};
    expect(states(makeStatus({state: "delivered", steps}))).toEqual([
        "done",
        "done",
        "done",
        "done",
        "now",
    ]);
});

test("steps of a disputed and of a refunded sale do not wait", () => {
    expect(states(makeStatus({state: "disputed"}, "sent"))[2]).toBe("stuck");
    expect(states(makeStatus({can_retry: true}, "answered"))[3]).toBe("stuck");
    expect(states(makeStatus({state: "refunded"}, "saved"))).toEqual([
        "done",
        "off",
        "off",
        "off",
        "off",
    ]);
});

test("what is on its way is asked after, what is settled is not", () => {
    expect(isOnWay(makeStatus())).toBe(true);
    expect(isOnWay(makeStatus({state: "delivered"}, "proved"))).toBe(true);
    expect(isOnWay(makeStatus({state: "delivered"}, "posted"))).toBe(false);
    expect(isOnWay(makeStatus({state: "refunded"}))).toBe(false);
    expect(isOnWay(makeStatus({state: "disputed"}, "sent"))).toBe(false);
    const reversal = {id: 9, name: "V9", state: "accepted", message: ""};
    expect(isOnWay(makeStatus({state: "delivered", reversal}, "posted"))).toBe(true);
    reversal.state = "delivered";
    expect(isOnWay(makeStatus({state: "reversed", reversal}, "posted"))).toBe(false);
});

test("one word for where a sale stands", () => {
    const phase = (values, reached) => phaseOf(makeStatus(values, reached)).key;
    expect(phase()).toBe("saved");
    expect(phase({can_refund: true})).toBe("saved");
    expect(phase({}, "sent")).toBe("sent");
    expect(phase({can_refund: true, can_retry: true}, "answered")).toBe("failed");
    expect(phase({state: "delivered"}, "proved")).toBe("proved");
    expect(phase({state: "delivered"}, "posted")).toBe("posted");
    const reversal = {id: 9, name: "V9", state: "accepted", message: ""};
    expect(phase({state: "delivered", reversal}, "posted")).toBe("reversing");
    expect(phase({state: "reversed"}, "posted")).toBe("reversed");
    expect(phase({state: "disputed"}, "sent")).toBe("disputed");
});

test("news that take back a proof are stale", () => {
    const proved = makeStatus({state: "delivered"}, "proved");
    expect(isStale(proved, makeStatus({}, "sent"))).toBe(true);
    expect(isStale(makeStatus({}, "sent"), proved)).toBe(false);
    // Not charged, queued again: the frame left once more, nothing was proved before.
    expect(isStale(makeStatus({}, "answered"), makeStatus({}, "sent"))).toBe(false);
});

test("keys at the search box", () => {
    const place = {stage: "search", asking: false, tray: false};
    expect(actOf(place, {key: "Enter"})).toBe("pick");
    expect(actOf(place, {key: "ArrowDown"})).toBe("down");
    expect(actOf(place, {key: "p"})).toBe("");
    expect(actOf(place, {key: "1"})).toBe("");
    expect(actOf(place, {key: "F6"})).toBe("invoices");
    expect(actOf(place, {key: "F8"})).toBe("tray");
    expect(actOf({...place, tray: true}, {key: "Enter"})).toBe("tray-open");
});

test("keys of the form", () => {
    const amount = {stage: "form", step: "amount", asking: false, tray: false};
    const method = {...amount, step: "method"};
    expect(actOf(amount, {key: "Enter"})).toBe("to-method");
    expect(actOf(amount, {key: "1"})).toBe("");
    expect(actOf(amount, {key: "Backspace"})).toBe("");
    expect(actOf(amount, {key: "F4"})).toBe("read");
    expect(actOf(method, {key: "2"})).toBe("method:2");
    expect(actOf(method, {key: "０"})).toBe("");
    expect(actOf(method, {key: "３"})).toBe("method:3");
    expect(actOf(method, {key: "Backspace"})).toBe("to-amount");
    expect(actOf(method, {key: "Enter"})).toBe("sell");
    expect(actOf(method, {key: "Escape"})).toBe("back");
});

test("an Enter held down sells nothing", () => {
    const method = {stage: "form", step: "method", asking: false, tray: false};
    expect(actOf(method, {key: "Enter", repeat: true})).toBe("");
    expect(actOf(method, {key: "ArrowDown", repeat: true})).toBe("method-next");
});

test("keys of a saved sale, also on a keyboard that is not Latin", () => {
    const sale = {stage: "sale", asking: false, tray: false};
    expect(actOf(sale, {key: "p"})).toBe("print-80mm");
    expect(actOf(sale, {key: "A"})).toBe("print-a5");
    expect(actOf(sale, {key: "к", code: "KeyR"})).toBe("reverse");
    expect(actOf(sale, {key: "w"})).toBe("wrong-room");
    expect(actOf(sale, {key: "m"})).toBe("refund");
    expect(actOf(sale, {key: "t"})).toBe("retry");
    expect(actOf(sale, {key: "Enter"})).toBe("");
    expect(actOf({...sale, asking: true}, {key: "p"})).toBe("");
    expect(actOf({...sale, asking: true}, {key: "Enter"})).toBe("confirm");
});

test("an id is another one each time", () => {
    const ids = new Set(Array.from({length: 50}, newUuid));
    expect(ids.size).toBe(50);
});

test("a page without https makes version 4 UUIDs of its own", () => {
    patchWithCleanup(globalThis.crypto, {randomUUID: undefined});
    const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    for (let time = 0; time < 50; time++) {
        expect(newUuid()).toMatch(version4);
    }
});
