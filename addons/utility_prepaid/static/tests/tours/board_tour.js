/** A cashier looks at the building, opens a room by keys and sells to its meter. */
import {registry} from "@web/core/registry";

/** How long a step waits for what it is about, on a busy machine: the most that Odoo allows. */
const PATIENCE = 60000;

registry.category("web_tour.tours").add("utility_board", {
    url: "/odoo/utility-board",
    steps: () =>
        [
            {
                content: "Room 101 is low, and says for how long it lasts",
                trigger: ".o_utility_room[data-level=low]:contains(101):contains(2 d)",
            },
            {
                content: "Only rooms that are low",
                trigger: ".o_utility_level[data-level=low]:contains(1)",
                run: "click",
            },
            {
                content: "Room 102 has no meter and is gone; all again",
                trigger: ".o_utility_floors:not(:contains(102))",
            },
            {
                trigger: ".o_utility_level[data-level=low].active",
                run: "click",
            },
            {
                content: "The arrow goes to the next room",
                trigger: ".o_utility_room:contains(101)",
                run: (helpers) => {
                    helpers.anchor.focus();
                    return helpers.press("ArrowRight");
                },
            },
            {
                content: "And back",
                trigger: ".o_utility_room:focus:contains(102)",
                run: "press ArrowLeft",
            },
            {
                content: "Enter opens the room",
                trigger: ".o_utility_room:focus:contains(101)",
                run: "press Enter",
            },
            {
                content: "Escape closes it",
                trigger: ".o_utility_board_room:contains(Room 101 tenant)",
                run: "press Escape",
            },
            {
                content: "The keys are where they were",
                trigger: ".o_utility_room:focus:contains(101)",
                run: "press Enter",
            },
            {
                content: "Sell to its meter",
                trigger: ".o_utility_board_room .o_utility_board_sell",
                run: "click",
            },
            {
                content: "The counter has opened the meter: type an amount",
                trigger: ".o_utility_counter .o_utility_amount:focus",
            },
        ].map((step) => ({timeout: PATIENCE, ...step})),
});
