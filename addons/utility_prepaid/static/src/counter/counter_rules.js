/**
 * The counter's small rules, each a pure function: no DOM, no requests, no state.
 */
import {_t} from "@web/core/l10n/translation";

/** A sale's way, in order. The server says for each whether it has happened. */
export const STEP_KEYS = ["saved", "sent", "answered", "proved", "posted"];

/** States of a movement in which nothing more comes by itself. */
const SETTLED = ["draft", "refunded", "cancelled", "written_off", "disputed"];

/** States of a read command in which nothing more comes by itself. */
export const READ_ENDED = ["done", "failed", "cancelled", "expired", "disputed"];

/**
 * The id of one sale, made when its form opens.
 *
 * `crypto.randomUUID` exists only in secure contexts; a desk that reaches its server by
 * plain http in the local network gets the same thing from random bytes.
 *
 * @returns {string} a random (version 4) UUID
 */
export function newUuid() {
    if (globalThis.crypto.randomUUID) {
        return globalThis.crypto.randomUUID();
    }
    const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * Read what a cashier typed as an amount. The text stays text: it never becomes a
 * floating point number on its way to the server.
 *
 * @param {string} text full-width digits and the point of a Chinese keyboard are understood
 * @param {number} digits decimals of the currency
 * @returns {{value: string, error: string}} a plain decimal number, or why it is none;
 *     both empty while nothing has been typed
 */
export function parseAmount(text, digits = 2) {
    const plain = text.normalize("NFKC").replaceAll("。", ".").replaceAll(" ", "");
    if (!plain) {
        return {value: "", error: ""};
    }
    const match = /^(\d*)(?:\.(\d*))?$/.exec(plain);
    if (!match || plain === ".") {
        return {value: "", error: _t("An amount has digits and at most one point.")};
    }
    const [, whole, decimals = ""] = match;
    if (decimals.length > digits) {
        const error = digits
            ? _t("An amount has at most %s decimals.", digits)
            : _t("An amount has no decimals.");
        return {value: "", error};
    }
    const value = (whole.replace(/^0+(?=\d)/, "") || "0") + (decimals && `.${decimals}`);
    if (/^[0.]*$/.test(value)) {
        return {value: "", error: _t("The amount must be more than zero.")};
    }
    return {value, error: ""};
}

/** Decimals that the server takes of units. */
const UNIT_DIGITS = 4;

/**
 * Read what a cashier typed as units, see `parseAmount`.
 *
 * @param {string} text
 * @returns {{value: string, error: string}}
 */
export function parseUnits(text) {
    const {value, error} = parseAmount(text, UNIT_DIGITS);
    return {value, error: error && _t("Units have digits, at most one point and four decimals.")};
}

/**
 * @param {string} text an amount as the server wrote it
 * @param {{symbol: string, position: string}} currency
 * @returns {string} the amount with its currency's sign where it belongs
 */
export function formatMoney(text, currency) {
    if (text === undefined || text === null || text === false || text === "") {
        return "";
    }
    if (!currency?.symbol) {
        return String(text);
    }
    return currency.position === "before"
        ? `${currency.symbol}\u00a0${text}`
        : `${text}\u00a0${currency.symbol}`;
}

/**
 * @param {string} quantity as the server wrote it
 * @param {string} unit
 * @returns {string} both, on one line
 */
export function formatUnits(quantity, unit) {
    return [quantity, unit].filter(Boolean).join("\u00a0");
}

/**
 * What more can be had at the price that a sale ends in, and the price after it.
 *
 * @param {Object} quote as `utility.counter` gives it
 * @param {{symbol: string, position: string}} currency
 * @returns {string} empty with one price, and on the last step
 */
export function stepWordsOf({step, unit}, currency) {
    if (!step) {
        return "";
    }
    return _t("%(left)s more at %(price)s for %(money)s, then %(next)s.", {
        left: formatUnits(step.left_units, unit),
        price: formatMoney(step.price, currency),
        money: formatMoney(step.left_money, currency),
        next: formatMoney(step.next_price, currency),
    });
}

/**
 * The step list of a movement.
 *
 * A later step that has happened tells that the former ones have: an engineer who confirms
 * a charge by hand proves it without a frame having been sent.
 *
 * @param {Object} status as `utility.counter` gives it
 * @returns {{key: string, label: string, state: "done"|"now"|"todo"|"stuck"|"off"}[]}
 */
export function stepsOf(status) {
    const reversal = status.kind === "reversal";
    const labels = {
        saved: reversal ? _t("Reversal saved") : _t("Saved, payment taken"),
        sent: _t("Sent to the meter"),
        answered: _t("Meter answered"),
        proved: reversal ? _t("Proved: taken off the meter") : _t("Proved: on the meter"),
        posted: reversal ? _t("Credit note posted, money back") : _t("Invoice posted"),
    };
    const reached = STEP_KEYS.findLastIndex((key) => status.steps[key]);
    const stuck = status.state === "disputed" || status.can_retry;
    const off = ["refunded", "cancelled", "written_off"].includes(status.state);
    return STEP_KEYS.map((key, index) => {
        let state = "todo";
        if (index <= reached) {
            state = "done";
        } else if (off) {
            state = "off";
        } else if (index === reached + 1) {
            state = stuck ? "stuck" : "now";
        }
        return {key, label: labels[key], state};
    });
}

/**
 * @param {Object} status
 * @returns {boolean} whether the server may still have news of it, its reversal included
 */
export function isOnWay(status) {
    return isReversing(status) || (!SETTLED.includes(status.state) && !status.steps.posted);
}

/**
 * @param {Object} status
 * @returns {boolean} whether its reversal has been asked for and is not proved yet
 */
export function isReversing({reversal}) {
    return Boolean(reversal) && ["accepted", "disputed"].includes(reversal.state);
}

/**
 * What a movement is doing, in one word and one colour.
 *
 * @param {Object} status
 * @returns {{key: string, label: string, color: string}} color is a Bootstrap theme colour
 */
export function phaseOf(status) {
    const {state, steps} = status;
    if (state === "disputed") {
        return {key: "disputed", label: _t("To be decided"), color: "danger"};
    }
    if (state === "refunded") {
        return {key: "refunded", label: _t("Money returned"), color: "secondary"};
    }
    if (state === "cancelled") {
        return {key: "cancelled", label: _t("Cancelled"), color: "secondary"};
    }
    if (state === "written_off") {
        return {key: "written_off", label: _t("Written off"), color: "secondary"};
    }
    if (state === "reversed") {
        return {key: "reversed", label: _t("Reversed"), color: "secondary"};
    }
    if (isReversing(status)) {
        return {key: "reversing", label: _t("Being reversed"), color: "warning"};
    }
    if (steps.posted) {
        return {key: "posted", label: _t("Done"), color: "success"};
    }
    if (steps.proved) {
        return {key: "proved", label: _t("Proved"), color: "success"};
    }
    if (status.can_retry) {
        return {key: "failed", label: _t("Not charged"), color: "danger"};
    }
    if (steps.answered) {
        return {key: "answered", label: _t("Checking"), color: "info"};
    }
    if (steps.sent) {
        return {key: "sent", label: _t("Sent"), color: "info"};
    }
    return {key: "saved", label: _t("Waiting"), color: "info"};
}

/**
 * Whether news of a movement is older than what is shown. The bus and the polling overtake
 * each other; what a meter proved, and what was posted, is never taken back.
 *
 * @param {Object} shown
 * @param {Object} news
 * @returns {boolean}
 */
export function isStale(shown, news) {
    return ["proved", "posted"].some((key) => shown.steps[key] && !news.steps[key]);
}

/**
 * Which letter a key stands for, also on a keyboard whose letters are not Latin.
 *
 * @param {{key: string, code?: string}} event
 * @returns {string} lower case
 */
export function keyName({key, code = ""}) {
    if (/^Key[A-Z]$/.test(code) && !/^[\x20-\x7e]$/.test(key)) {
        return code.slice(3).toLowerCase();
    }
    return key.normalize("NFKC").toLowerCase();
}

/**
 * What a key does where the cashier is.
 *
 * @param {Object} place `{stage, step, asking, tray, more, typing}`: stage is "search", "form"
 *     or "sale"; step is "amount" or "method"; asking, tray, more (the list of other acts is
 *     open) and typing (an input has the focus) are booleans
 * @param {{key: string, code?: string, repeat?: boolean, shiftKey?: boolean}} event
 * @returns {string} name of the act, "method:n" for the n-th method, "" for none
 */
export function actOf(place, event) {
    const key = keyName(event);
    // A key held down moves through lists; it never sells, opens or prints again.
    if (event.repeat && !key.startsWith("arrow")) {
        return "";
    }
    if (key === "escape") {
        return "back";
    }
    if (key === "?" && !place.asking) {
        return "help";
    }
    if (key === "f2") {
        return "find";
    }
    if (key === "f4") {
        return place.stage === "search" ? "" : "read";
    }
    if (key === "f6") {
        return "invoices";
    }
    if (key === "f8") {
        return "tray";
    }
    if (key === "f9") {
        return place.stage === "form" ? "last" : "";
    }
    if (key === "f10") {
        return "shift";
    }
    if (key === "f7") {
        return place.stage === "search" ? "" : "more";
    }
    if (place.more) {
        return (
            {arrowdown: "more-down", arrowup: "more-up", enter: "more-open"}[key] ||
            (/^[1-9]$/.test(key) ? `more-open:${key}` : "")
        );
    }
    if (place.tray) {
        return {arrowdown: "tray-down", arrowup: "tray-up", enter: "tray-open"}[key] || "";
    }
    if (place.asking) {
        return key === "enter" ? "confirm" : "";
    }
    if (place.stage === "search") {
        return {arrowdown: "down", arrowup: "up", enter: "pick"}[key] || "";
    }
    if (place.stage === "form" && key === "f3") {
        return "units";
    }
    if (place.stage === "form" && place.step === "amount") {
        return (key === "tab" && !event.shiftKey) || key === "enter" ? "to-method" : "";
    }
    if (place.stage === "form") {
        if (/^[1-9]$/.test(key)) {
            return `method:${key}`;
        }
        if (key === "tab" && !event.shiftKey) {
            return "";
        }
        return (
            {
                arrowdown: "method-next",
                arrowright: "method-next",
                arrowup: "method-previous",
                arrowleft: "method-previous",
                backspace: "to-amount",
                tab: "to-amount",
                enter: "sell",
                y: "sell-unusual",
            }[key] || ""
        );
    }
    if (place.typing) {
        return "";
    }
    return (
        {
            p: "print-80mm",
            a: "print-a5",
            r: "reverse",
            w: "wrong-room",
            m: "refund",
            t: "retry",
        }[key] || ""
    );
}
