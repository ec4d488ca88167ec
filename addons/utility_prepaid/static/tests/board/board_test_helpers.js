/** Rooms and meters as `utility.board` gives them. */

export function makeMeter(values = {}) {
    return {
        id: 1,
        vending_id: "100001",
        utility: "electricity",
        customer: "",
        balance: "50.00",
        total: "100.00",
        unit: "kWh",
        uom: "kWh",
        seen_at: "2026-11-20 04:00:00",
        supply: "on",
        days: 10,
        level: "good",
        alarms: [],
        waiting: "",
        ...values,
    };
}

export function makeRoom(id, meters, values = {}) {
    return {id, name: `${100 + id}`, floor_id: 1, meters, ...values};
}

/** A server that answers `utility.board`, and writes down what it was asked. */
export function makeServer(answers) {
    const asked = [];
    const call = async (method, ...args) => {
        asked.push([method, ...args]);
        const answer = answers[method];
        const found = typeof answer === "function" ? await answer(...args) : answer;
        if (found instanceof Error) {
            throw found;
        }
        return structuredClone(found);
    };
    return {asked, call};
}
