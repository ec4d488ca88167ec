/** What a cashier puts right or takes beside sales, by keys and the forms that they open. */
import {registry} from "@web/core/registry";

const URL = "/odoo/utility-counter";
/** How long a step waits for what it is about, on a busy machine: the most that Odoo allows. */
const PATIENCE = 60000;

function find() {
    return [
        {
            content: "Type the meter's address",
            trigger: ".o_utility_query:focus",
            run: "edit 202611000001",
        },
        {
            content: "A single exact hit skips the list",
            trigger: ".o_utility_query:focus",
            run: "press Enter",
        },
    ];
}

function add(name, steps) {
    registry.category("web_tour.tours").add(name, {
        url: URL,
        steps: () => steps().map((step) => ({timeout: PATIENCE, ...step})),
    });
}

add("utility_counter_wrong_room", () => [
    ...find(),
    {
        content: "Open the meter's last sale",
        trigger: ".o_utility_amount:focus",
        run: "press F9",
    },
    {
        content: "It went to the wrong room",
        trigger: ".o_utility_sale:focus:has(.o_utility_wrong_room)",
        run: "press w",
    },
    {
        content: "Type the meter it was meant for",
        trigger: ".modal .o_field_widget[name=meter_id] input",
        run: "edit 202611000002 && press Enter",
    },
    {
        content: "Whose it is stands beside",
        trigger: ".modal .o_field_widget[name=partner_id]:contains(Room 102 tenant)",
    },
    {
        content: "Say why",
        trigger: ".modal .o_field_widget[name=reason] input",
        run: "edit Meant for room 102",
    },
    {
        content: "Put right",
        trigger: ".modal button[name=action_confirm]",
        run: "click",
    },
    {
        content: "Back at the counter",
        trigger: "body:not(:has(.modal)) .o_utility_sale",
    },
]);

add("utility_counter_invoices", () => [
    ...find(),
    {
        content: "Other invoices of this customer",
        trigger: ".o_utility_amount:focus",
        run: "press F6",
    },
    {
        content: "They are listed with what is open",
        trigger: ".modal .o_data_row:contains(Property fee):contains(300.00)",
    },
    {
        content: "Leave it",
        trigger: ".modal .modal-footer button:contains(Discard)",
        run: "click",
    },
    {
        content: "The keys are back where they were",
        trigger: "body:not(:has(.modal)) .o_utility_amount:focus",
    },
]);
