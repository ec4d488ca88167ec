import {expect, test} from "@odoo/hoot";
import {queryAllTexts} from "@odoo/hoot-dom";
import {mountWithCleanup} from "@web/../tests/web_test_helpers";
import {SaleFormPanel} from "@utility_prepaid/counter/sale_form_panel";
import {fillForm, makeCounter, makeQuote} from "./counter_test_helpers";

async function mountQuote(values) {
    const {model} = await makeCounter({quote: (id, amount) => makeQuote(amount, values)});
    await fillForm(model, "40");
    await mountWithCleanup(SaleFormPanel, {props: {model, act: () => {}}});
}

test("how much more there is at this step's price, and the price after it", async () => {
    await mountQuote({
        step: {left_units: "20.00", left_money: "10.00", price: "0.5000", next_price: "0.8000"},
    });
    const [words] = queryAllTexts(".o_utility_step");
    expect(words.replaceAll("\u00a0", " ")).toBe(
        "20.00 kWh more at ¥ 0.5000 for ¥ 10.00, then ¥ 0.8000."
    );
});

test("one price has no next step", async () => {
    await mountQuote({step: null});
    expect(".o_utility_quote").toHaveCount(1);
    expect(".o_utility_step").toHaveCount(0);
});
