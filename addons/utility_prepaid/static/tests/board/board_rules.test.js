import {describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";
import {faceOf, isShown, levelWords, stepTo} from "@utility_prepaid/board/board_rules";
import {makeMeter, makeRoom} from "./board_test_helpers";

describe.current.tags("headless");

test("a room takes the level of its worst meter and the fewest days", () => {
    const room = makeRoom(1, [
        makeMeter({level: "good", days: 20}),
        makeMeter({level: "low", days: 2, utility: "water"}),
    ]);
    expect(faceOf(room)).toMatchObject({level: "low", days: 2});
    expect(faceOf(room, "electricity")).toMatchObject({level: "good", days: 20});
    expect(faceOf(makeRoom(2, []))).toMatchObject({level: "empty", days: null});
    expect(faceOf(room, "gas").level).toBe("empty");
});

test("a customer of two meters is named once, alarms too", () => {
    const meter = makeMeter({customer: "Room 101 tenant", alarms: ["Battery low"]});
    const face = faceOf(makeRoom(1, [meter, makeMeter(meter)]));
    expect(face.customers).toBe("Room 101 tenant");
    expect(face.alarms).toEqual(["Battery low"]);
});

test("zero days are days", () => {
    expect(faceOf(makeRoom(1, [makeMeter({level: "out", days: 0})])).days).toBe(0);
});

test("rooms are found by their name, customer and vending ID", () => {
    const face = faceOf(makeRoom(1, [makeMeter({customer: "Room 101 tenant"})]));
    const filter = {level: "", alarms: false, text: ""};
    for (const text of ["", "101", " TENANT ", "100001"]) {
        expect(isShown(face, {...filter, text})).toBe(true);
    }
    expect(isShown(face, {...filter, text: "102"})).toBe(false);
    expect(isShown(face, {...filter, level: "low"})).toBe(false);
    expect(isShown(face, {...filter, level: face.level})).toBe(true);
    expect(isShown(face, {...filter, alarms: true})).toBe(false);
});

test("arrows go through the rooms shown, over floors without any", () => {
    const rows = [[1, 2, 3], [], [4, 5]];
    expect(stepTo(rows, null, "ArrowRight")).toBe(1);
    expect(stepTo(rows, 1, "ArrowRight")).toBe(2);
    expect(stepTo(rows, 3, "ArrowRight")).toBe(4);
    expect(stepTo(rows, 4, "ArrowLeft")).toBe(3);
    expect(stepTo(rows, 3, "ArrowDown")).toBe(5);
    expect(stepTo(rows, 5, "ArrowUp")).toBe(2);
    expect(stepTo(rows, 5, "Home")).toBe(4);
    expect(stepTo(rows, 1, "End")).toBe(3);
    expect(stepTo(rows, 1, "ArrowLeft")).toBe(null);
    expect(stepTo(rows, 5, "ArrowDown")).toBe(null);
    expect(stepTo([[], []], 1, "ArrowDown")).toBe(null);
});

test("the words of a level name the company's days", () => {
    allowTranslations();
    const limits = {low_days: 3, soon_days: 7};
    expect(levelWords("low", limits)).toBe("Low, up to 3 days");
    expect(levelWords("soon", limits)).toBe("Soon low, up to 7 days");
});
