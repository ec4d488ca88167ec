import {markRaw} from "@odoo/owl";
import {isLost, wordsOf} from "../counter/counter_errors";
import {LEVELS, faceOf, isShown, stepTo} from "./board_rules";

/** Every so many refreshes all is loaded anew: time passes, too, without any news of a meter. */
const WHOLE_EVERY = 30;

/**
 * The board's state. It knows no DOM; requests are handed to it.
 *
 * Rooms are drawn from faces, which are made anew only for what changed: with thousands of rooms
 * a floor in which nothing happened is not drawn again.
 */
export class BoardModel {
    /**
     * @param {(method: string, ...args: any[]) => Promise<any>} call a method of `utility.board`
     */
    constructor(call) {
        this.call = call;
        this.config = null;
        this.buildingId = false;
        this.floors = [];
        this.filter = {utility: "", level: "", alarms: false, text: ""};
        this.roomId = null;
        this.focusId = null;
        this.busy = false;
        this.offline = false;
        this.fault = "";
        this.at = "";
        this.turn = 0;
        this.refreshes = 0;
    }

    async start(buildingId) {
        try {
            this.config = await this.call("get_config");
        } catch (error) {
            this.fault = wordsOf(error);
            return;
        }
        const {buildings} = this.config;
        const known = buildings.find(({id}) => id === buildingId) || buildings[0];
        if (known) {
            await this.open(known.id);
        }
    }

    /** Show a building. An answer for the one before is not shown. */
    async open(buildingId) {
        const turn = ++this.turn;
        Object.assign(this, {buildingId, roomId: null, focusId: null, busy: true, fault: ""});
        try {
            const {at, floors} = await this.call("load", buildingId);
            if (turn === this.turn) {
                this.at = at;
                // Thousands of rooms are replaced as wholes: nobody watches inside them.
                this.floors = floors.map((floor) => ({...floor, rooms: markRaw(floor.rooms)}));
                this.floors.forEach((floor) => this._draw(floor));
                this.offline = false;
            }
        } catch (error) {
            if (turn === this.turn) {
                this.floors = [];
                this.fault = wordsOf(error);
            }
        } finally {
            if (turn === this.turn) {
                this.busy = false;
            }
        }
    }

    /** Take in what changed since the last answer. */
    async refresh() {
        const {turn, buildingId} = this;
        if (!buildingId || this.busy) {
            return;
        }
        if (this.fault) {
            return this.open(buildingId);
        }
        try {
            const whole = ++this.refreshes % WHOLE_EVERY === 0;
            const news = whole
                ? await this.call("load", buildingId)
                : await this.call("changes", buildingId, this.at);
            if (turn === this.turn) {
                this.at = news.at;
                this.offline = false;
                this._take(news.rooms || news.floors.flatMap((floor) => floor.rooms));
            }
        } catch (error) {
            if (turn === this.turn) {
                this.offline = isLost(error);
                this.fault = this.offline ? "" : wordsOf(error);
            }
        }
    }

    _take(rooms) {
        const touched = new Set();
        for (const room of rooms) {
            const floor = this.floors.find(({id}) => id === room.floor_id);
            const index = floor ? floor.rooms.findIndex(({id}) => id === room.id) : -1;
            if (index < 0) {
                // Built or moved since: the order of things is the server's to say.
                return this.open(this.buildingId);
            }
            if (JSON.stringify(floor.rooms[index]) !== JSON.stringify(room)) {
                floor.rooms[index] = room;
                touched.add(floor);
            }
        }
        touched.forEach((floor) => this._draw(floor));
    }

    _draw(floor) {
        const {utility} = this.filter;
        floor.faces = markRaw(floor.rooms.map((room) => faceOf(room, utility)));
        this._sieve(floor);
    }

    _sieve(floor) {
        const {filter} = this;
        floor.shown = markRaw(floor.faces.filter((face) => isShown(face, filter)));
    }

    // -- what is shown ----------------------------------------------------------------

    /** @param {Object} changes of the filter: utility, level, alarms, text */
    setFilter(changes) {
        const {utility} = this.filter;
        this.filter = {...this.filter, ...changes};
        const draw = this.filter.utility === utility ? "_sieve" : "_draw";
        this.floors.forEach((floor) => this[draw](floor));
    }

    /** How many rooms there are of each level, whatever level is chosen. */
    get counts() {
        const counts = Object.fromEntries(LEVELS.map((level) => [level, 0]));
        const filter = {...this.filter, level: ""};
        for (const {faces} of this.floors) {
            for (const face of faces) {
                counts[face.level] += isShown(face, filter);
            }
        }
        return counts;
    }

    get utilities() {
        const rooms = this.floors.flatMap((floor) => floor.rooms);
        return [...new Set(rooms.flatMap(({meters}) => meters.map(({utility}) => utility)))].sort();
    }

    get room() {
        for (const {rooms} of this.floors) {
            const room = rooms.find(({id}) => id === this.roomId);
            if (room) {
                return room;
            }
        }
        return null;
    }

    // -- keys -------------------------------------------------------------------------

    get rows() {
        return this.floors.map(({shown}) => shown.map(({id}) => id));
    }

    /** The one room that Tab reaches; arrows go on from there. */
    get tabId() {
        const ids = this.rows.flat();
        return ids.includes(this.focusId) ? this.focusId : (ids[0] ?? null);
    }

    /** @returns {boolean} whether the key led somewhere */
    move(key) {
        const id = stepTo(this.rows, this.focusId, key);
        if (id === null) {
            return false;
        }
        this.focusId = id;
        return true;
    }

    pick(roomId) {
        this.focusId = roomId;
        this.roomId = roomId;
    }

    close() {
        this.roomId = null;
    }
}
