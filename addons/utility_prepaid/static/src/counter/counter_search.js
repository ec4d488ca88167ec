import {wordsOf} from "./counter_errors";

/** The search box and its list. */
export class CounterSearch {
    /** @param {(method: string, ...args: any[]) => Promise<any>} call */
    constructor(call) {
        this.call = call;
        // Only the answer to the last question counts.
        this.turn = 0;
        this.clear();
    }

    clear() {
        this.turn++;
        Object.assign(this, {text: "", found: "", results: [], index: 0});
        Object.assign(this, {busy: false, error: "", asked: "", asking: null});
    }

    get wanted() {
        return this.text.trim();
    }

    /** Whether the list shown answers what is typed. */
    get settled() {
        return !this.busy && this.found === this.wanted;
    }

    /** Ask for what is typed; once, also when typing and Enter both ask. */
    async find() {
        const text = this.wanted;
        if (!text) {
            return this.clear();
        }
        if (!this.busy || this.asked !== text) {
            this.asked = text;
            this.asking = this._find(text);
        }
        return this.asking;
    }

    async _find(text) {
        const turn = ++this.turn;
        this.busy = true;
        let results = [];
        let error = "";
        try {
            results = await this.call("find", text);
        } catch (fault) {
            error = wordsOf(fault);
        }
        if (turn !== this.turn) {
            return;
        }
        const index = Math.max(
            results.findIndex((row) => row.exact),
            0
        );
        Object.assign(this, {found: error ? "" : text, results, index, busy: false, error});
    }

    /**
     * Enter. With the list on the screen it takes the marked row; a scanner's Enter comes
     * before any list, and then only a single hit is taken.
     *
     * @returns {Promise<number|false>} id of the meter
     */
    async pick() {
        const text = this.wanted;
        if (!text) {
            return false;
        }
        if (this.settled) {
            return this.results[this.index]?.id || false;
        }
        await this.find();
        if (!this.settled || this.wanted !== text) {
            return false;
        }
        const exact = this.results.filter((row) => row.exact);
        const hits = exact.length === 1 ? exact : this.results;
        return hits.length === 1 && hits[0].id;
    }

    move(by) {
        const last = Math.max(this.results.length - 1, 0);
        this.index = Math.min(Math.max(this.index + by, 0), last);
    }
}
