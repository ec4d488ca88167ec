import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";
import {ConnectionLostError} from "@web/core/network/rpc";
import {BoardModel} from "@utility_prepaid/board/board_model";
import {makeMeter, makeRoom, makeServer} from "./board_test_helpers";

describe.current.tags("headless");
beforeEach(allowTranslations);

const CONFIG = {
    buildings: [
        {id: 7, name: "North / One"},
        {id: 8, name: "North / Two"},
    ],
    can_sell: true,
    acts: [],
    low_days: 3,
    soon_days: 7,
};

function makeFloors() {
    return [
        {
            id: 2,
            name: "2",
            rooms: [makeRoom(3, [makeMeter({level: "low", days: 1})], {floor_id: 2})],
        },
        {
            id: 1,
            name: "1",
            rooms: [makeRoom(1, [makeMeter()]), makeRoom(2, [], {name: "102"})],
        },
    ];
}

async function startBoard(answers = {}, buildingId = 8) {
    const server = makeServer({
        get_config: CONFIG,
        load: {at: "T1", floors: makeFloors()},
        changes: {at: "T2", rooms: []},
        ...answers,
    });
    const model = new BoardModel(server.call);
    await model.start(buildingId);
    return {model, server, answers};
}

test("the building asked for is shown; the first when there is no such", async () => {
    expect((await startBoard()).model.buildingId).toBe(8);
    expect((await startBoard({}, 99)).model.buildingId).toBe(7);
    const {model, server} = await startBoard({get_config: {...CONFIG, buildings: []}});
    expect(model.buildingId).toBe(false);
    expect(server.asked).toEqual([["get_config"]]);
});

test("rooms of each level are counted whatever level is chosen", async () => {
    const {model} = await startBoard();
    expect(model.counts).toMatchObject({low: 1, good: 1, empty: 1});
    model.setFilter({level: "low"});
    expect(model.rows).toEqual([[3], []]);
    expect(model.counts).toMatchObject({low: 1, good: 1, empty: 1});
    model.setFilter({level: "", text: "10"});
    expect(model.rows.flat()).toEqual([3, 1, 2]);
});

test("news touches only the floor that it is about", async () => {
    const room = makeRoom(1, [makeMeter({level: "out", days: 0})]);
    const {model, server} = await startBoard({changes: {at: "T2", rooms: [room]}});
    const [second, first] = model.floors.map(({shown}) => shown);
    await model.refresh();
    expect(server.asked.at(-1)).toEqual(["changes", 8, "T1"]);
    expect(model.floors[0].shown).toBe(second);
    expect(model.floors[1].shown).not.toBe(first);
    expect(model.floors[1].shown[0].level).toBe("out");
    const shown = model.floors[1].shown;
    await model.refresh();
    expect(server.asked.at(-1)).toEqual(["changes", 8, "T2"]);
    // the same again is no news
    expect(model.floors[1].shown).toBe(shown);
});

test("a room that was not there makes the board load anew", async () => {
    const {model, server} = await startBoard({
        changes: {at: "T2", rooms: [makeRoom(9, [])]},
    });
    await model.refresh();
    expect(server.asked.map(([method]) => method)).toEqual([
        "get_config",
        "load",
        "changes",
        "load",
    ]);
    expect(model.at).toBe("T1");
});

test("now and then all is loaded, since time alone changes things", async () => {
    const {model, server} = await startBoard();
    for (let count = 0; count < 30; count++) {
        await model.refresh();
    }
    const methods = server.asked.map(([method]) => method);
    expect(methods.filter((method) => method === "load")).toHaveLength(2);
    expect(methods.at(-1)).toBe("load");
});

test("a lost connection keeps the picture and says so; it ends with the next answer", async () => {
    let lost = true;
    const {model} = await startBoard({
        changes: () => (lost ? new ConnectionLostError("/") : {at: "T2", rooms: []}),
    });
    await model.refresh();
    expect([model.offline, model.fault, model.floors.length]).toEqual([true, "", 2]);
    lost = false;
    await model.refresh();
    expect(model.offline).toBe(false);
});

test("a building that cannot be shown is said in words and asked for again", async () => {
    let broken = true;
    const fault = Object.assign(new Error(), {
        exceptionName: "odoo.exceptions.UserError",
        data: {message: "There is no such building."},
    });
    const {model} = await startBoard({
        load: () => (broken ? fault : {at: "T1", floors: makeFloors()}),
    });
    expect(model.fault).toBe("There is no such building.");
    broken = false;
    await model.refresh();
    expect([model.fault, model.floors.length]).toEqual(["", 2]);
});

test("an answer for the building before is not shown", async () => {
    const {promise, resolve} = Promise.withResolvers();
    const {model} = await startBoard(
        {
            load: async (id) => {
                if (id === 8) {
                    await promise;
                }
                return {at: "T1", floors: id === 8 ? makeFloors() : []};
            },
        },
        7
    );
    const late = model.open(8);
    await model.open(7);
    resolve();
    await late;
    expect([model.buildingId, model.floors, model.busy]).toEqual([7, [], false]);
});

test("arrows, Tab and clicks keep to the rooms shown", async () => {
    const {model} = await startBoard();
    expect(model.tabId).toBe(3);
    expect(model.move("ArrowDown")).toBe(true);
    expect(model.move("ArrowDown")).toBe(true);
    expect(model.focusId).toBe(1);
    model.pick(2);
    expect([model.room.name, model.tabId]).toEqual(["102", 2]);
    model.setFilter({level: "low"});
    expect(model.tabId).toBe(3);
    model.close();
    expect(model.room).toBe(null);
});
