/**
 * A cashier's hands on the keyboard: sell, print, reverse, print again.
 *
 * `utility_counter_sale`, `_follow` and `_reversed` are one story in three parts: between them
 * the test plays the meter. `utility_counter_full` tells it in one go and waits for a real
 * worker to prove and to post. It is for `?tour_meter=ADDRESS` of the page, or else for the
 * meter below.
 */
import {browser} from "@web/core/browser/browser";
import {registry} from "@web/core/registry";

const URL = "/odoo/utility-counter";
/** How long a step waits for what it is about, on a busy machine: the most that Odoo allows. */
const PATIENCE = 60000;
const AMOUNT = "100.00";

const meter = () =>
    new URLSearchParams(browser.location.search).get("tour_meter") || "202611000001";

function press(content, trigger, keys) {
    return {content, trigger, run: `press ${keys}`};
}

function find() {
    return [
        {
            content: "The search box has the focus: type the meter's address",
            trigger: ".o_utility_query:focus",
            run: (helpers) => helpers.edit(meter()),
        },
        press("A single exact hit skips the list", ".o_utility_query:focus", "Enter"),
    ];
}

function sell() {
    return [
        ...find(),
        {
            content: "Three decimals are refused at once",
            trigger: ".o_utility_amount:focus",
            run: "edit 100.005",
        },
        {
            content: "The words of the refusal",
            trigger: ".o_utility_error:contains(at most 2 decimals)",
        },
        {
            content: "Type the amount",
            trigger: ".o_utility_amount",
            run: `edit ${AMOUNT}`,
        },
        {
            content: "The quote is shown before any money is taken",
            trigger: ".o_utility_quote .o_utility_units:contains(kWh)",
        },
        press("On to the payment method", ".o_utility_amount:focus", "Enter"),
        press("Choose the first method by its number", ".o_utility_methods:focus", "1"),
        press("Sell", ".o_utility_methods:focus", "Enter"),
        {
            content: "The sale is saved",
            trigger: ".o_utility_sale[data-kind=sale]:focus .o_utility_step.saved.done",
        },
        {
            content: "The sale is in the tray",
            trigger: ".o_utility_tray_row.active:contains(100.00)",
        },
    ];
}

function proved() {
    return [
        {
            content: "The meter's own record proves it",
            trigger: ".o_utility_sale .o_utility_step.proved.done",
        },
        {
            content: "The balance after is shown",
            trigger: ".o_utility_balance_after",
        },
    ];
}

function posted() {
    return [
        {
            content: "It is posted",
            trigger: ".o_utility_sale[data-phase=posted] .o_utility_step.posted.done",
        },
    ];
}

function print(key, words) {
    return [
        press(`Print (${key})`, ".o_utility_sale:focus:not(:has(button:disabled))", key),
        {
            content: "What was printed is said",
            trigger: `.o_utility_printed:contains(${words})`,
        },
        {
            content: "The receipt went to the printer through its frame",
            trigger: ".o_utility_print_frame:not(:visible)",
        },
    ];
}

function reverse() {
    return [
        press("Reverse", ".o_utility_sale:focus:has(.o_utility_reverse)", "r"),
        press("Not without a reason", ".o_utility_reason:focus", "Enter"),
        {
            content: "The words of the refusal",
            trigger: ".o_utility_ask .o_utility_error",
        },
        {
            content: "Say why",
            trigger: ".o_utility_reason:focus",
            run: "edit Sold to the wrong room",
        },
        press("Confirm", ".o_utility_reason:focus", "Enter"),
        {
            content: "The reversal is saved and followed like a sale",
            trigger: ".o_utility_sale[data-kind=reversal] .o_utility_step.saved.done",
        },
    ];
}

function next() {
    return [
        press("The cashier does not wait: next customer", ".o_utility_sale", "Escape"),
        {
            content: "Back at the search",
            trigger: ".o_utility_query:focus",
        },
    ];
}

/** Open the row of the tray by keys: `down` rows below the latest. */
function reopen(down) {
    return [
        press("To the tray", ".o_utility_query:focus", "F8"),
        ...Array.from({length: down}, () =>
            press("One row down", ".o_utility_tray:focus", "ArrowDown")
        ),
        press("Open it", ".o_utility_tray:focus", "Enter"),
    ];
}

function add(name, steps) {
    registry.category("web_tour.tours").add(name, {
        url: URL,
        steps: () => steps().map((step) => ({timeout: PATIENCE, ...step})),
    });
}

add("utility_counter_sale", () => [...sell(), ...next()]);

add("utility_counter_follow", () => [
    ...find(),
    press("Open the meter's last sale", ".o_utility_amount:focus", "F9"),
    ...proved(),
    ...posted(),
    ...print("p", "the original"),
    ...reverse(),
    ...next(),
]);

add("utility_counter_reversed", () => [
    ...find(),
    press("Open the meter's last sale", ".o_utility_amount:focus", "F9"),
    {
        content: "The sale is reversed",
        trigger: ".o_utility_sale[data-phase=reversed]",
    },
    ...print("a", "copy 1"),
    ...next(),
    ...reopen(0),
    {
        content: "The tray opens it again",
        trigger: ".o_utility_sale[data-phase=reversed]:focus",
    },
]);

add("utility_counter_full", () => [
    ...sell(),
    ...proved(),
    ...next(),
    ...reopen(0),
    ...posted(),
    ...print("p", "the original"),
    ...reverse(),
    ...proved(),
    ...posted(),
    ...next(),
    ...reopen(1),
    {
        content: "The sale is reversed",
        trigger: ".o_utility_sale[data-phase=reversed]:focus",
    },
    ...print("a", "copy 1"),
]);
