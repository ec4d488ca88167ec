/** What a room looks like on the building board: plain rules without DOM or requests. */
import {_t} from "@web/core/l10n/translation";

/** The worst first: a room takes the level of its worst meter. */
export const LEVELS = ["out", "low", "soon", "good", "unknown", "postpaid", "vacant", "empty"];

/**
 * @param {string} level one of LEVELS
 * @param {{low_days: number, soon_days: number}} limits
 * @returns {string}
 */
export function levelWords(level, {low_days, soon_days}) {
    const words = {
        out: _t("Credit used up"),
        low: _t("Low, up to %s days", low_days),
        soon: _t("Soon low, up to %s days", soon_days),
        good: _t("Enough"),
        unknown: _t("Never read"),
        postpaid: _t("Not prepaid"),
        vacant: _t("No contract"),
        empty: _t("No meter"),
    };
    return String(words[level]);
}

/**
 * What is drawn of a room.
 *
 * @param {Object} room as `utility.board` gives it
 * @param {string} utility only meters of this one; empty for all
 * @returns {{id: number, name: string, level: string, days: number|null, alarms: string[],
 *     waiting: boolean, customers: string, text: string}}
 */
export function faceOf(room, utility = "") {
    const meters = room.meters.filter((meter) => !utility || meter.utility === utility);
    const rank = meters.map(({level}) => LEVELS.indexOf(level));
    const days = meters.map((meter) => meter.days).filter((number) => number !== null);
    const customers = [...new Set(meters.map(({customer}) => customer).filter(Boolean))].join(", ");
    return {
        id: room.id,
        name: room.name,
        level: meters.length ? LEVELS[Math.min(...rank)] : "empty",
        days: days.length ? Math.min(...days) : null,
        alarms: [...new Set(meters.flatMap(({alarms}) => alarms))],
        waiting: meters.some(({waiting}) => waiting),
        customers,
        text: [room.name, customers, ...meters.map(({vending_id}) => vending_id)]
            .join(" ")
            .toLowerCase(),
    };
}

/**
 * @param {Object} face from `faceOf`
 * @param {{level: string, alarms: boolean, text: string}} filter
 * @returns {boolean}
 */
export function isShown(face, {level, alarms, text}) {
    return (
        (!level || face.level === level) &&
        (!alarms || face.alarms.length > 0) &&
        face.text.includes(text.trim().toLowerCase())
    );
}

/**
 * The room that an arrow key goes to.
 *
 * @param {Array<Array<number>>} rows ids of the rooms shown, floor by floor
 * @param {number|null} id where the keys are
 * @param {string} key of the keyboard event
 * @returns {number|null} null when the key goes nowhere
 */
export function stepTo(rows, id, key) {
    const shown = rows.filter((row) => row.length);
    if (!shown.length) {
        return null;
    }
    const y = shown.findIndex((row) => row.includes(id));
    if (y < 0) {
        return shown[0][0];
    }
    const row = shown[y];
    const x = row.indexOf(id);
    const clip = (line) => line?.[Math.min(x, line.length - 1)];
    const targets = {
        ArrowLeft: row[x - 1] ?? shown[y - 1]?.at(-1),
        ArrowRight: row[x + 1] ?? shown[y + 1]?.[0],
        ArrowUp: clip(shown[y - 1]),
        ArrowDown: clip(shown[y + 1]),
        Home: row[0],
        End: row.at(-1),
    };
    return targets[key] ?? null;
}
