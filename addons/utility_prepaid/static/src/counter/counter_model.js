/**
 * The counter's state machine. It knows no DOM: what it needs of the outside (requests,
 * waiting, storage, ids) is handed to it, so that tests drive it in plain JavaScript.
 *
 *     search --pick--> form --sell--> sale --back--> search
 *
 * The cashier never waits: a sale goes on in the tray while the next customer is served. A
 * form that was sent and not answered is parked there too, with its id: sending it again is
 * the same sale.
 */
import {_t} from "@web/core/l10n/translation";
import {isLost, wordsOf} from "./counter_errors";
import {READ_ENDED, isOnWay, isStale, newUuid} from "./counter_rules";
import {CounterSearch} from "./counter_search";
import {SaleActs} from "./sale_acts";
import {SaleForm} from "./sale_form";

/** How often (milliseconds) and how many times a live read is asked after: 15 s in all. */
export const READ_EVERY = 300;
export const READ_TIMES = 50;
/** Sales kept in the tray. */
const TRAY_SIZE = 30;
/** Polls without any news after which only every fifth is done. */
const QUIET_AFTER = 30;

export class CounterModel {
    /**
     * @param {Object} outside
     * @param {(method: string, ...args: any[]) => Promise<any>} outside.call a method of
     *     `utility.counter`
     * @param {(milliseconds: number) => Promise<void>} outside.wait
     * @param {{load: () => Object|null, save: (data: Object) => void}} outside.store keeps
     *     the tray over a reload of the page
     * @param {(url: string) => Promise<string>} outside.send prints a page; returns words of
     *     what went wrong
     * @param {() => string} [outside.makeUuid]
     */
    constructor({call, wait, store, send, makeUuid = newUuid}) {
        Object.assign(this, {call, wait, store, send, makeUuid});
        this.config = null;
        this.fault = "";
        this.offline = false;
        this.notice = "";
        this.search = new CounterSearch(call);
        this.card = null;
        this.reading = {busy: false, failed: false, message: ""};
        this.form = null;
        this.acts = null;
        this.entries = [];
        this.parked = [];
        this.tray = {focus: false, index: 0};
        // The list of what else can be done with the meter, while it is open.
        this.more = null;
        this.help = false;
        this.methodId = false;
        // Grows with every customer: an answer for the one before is not shown.
        this.turn = 0;
        this.polls = {done: 0, quiet: 0};
    }

    // -- where the cashier is ---------------------------------------------------------

    get stage() {
        if (this.acts) {
            return "sale";
        }
        return this.form ? "form" : "search";
    }

    /** What `actOf` wants to know. */
    get place() {
        const {stage, form, acts, tray, more} = this;
        return {
            stage,
            step: form?.step,
            asking: Boolean(acts?.ask),
            tray: tray.focus,
            more: Boolean(more),
        };
    }

    get current() {
        return this.entries.find(({id}) => id === this.acts?.vendId) || null;
    }

    /** Rows of the tray: first the forms that have had no answer, then the sales. */
    get rows() {
        return [
            ...this.parked.map((form) => ({uuid: form.uuid, form})),
            ...this.entries.map((status) => ({uuid: status.uuid, status})),
        ];
    }

    get desk() {
        const {methods = [], currency} = this.config || {};
        return {methods, digits: currency?.digits ?? 2, methodId: this.methodId};
    }

    // -- start ------------------------------------------------------------------------

    async start() {
        const {ids = [], parked = [], methodId = false} = this.store.load() || {};
        this.methodId = methodId;
        await this.refreshConfig();
        this.parked = parked.map((kept) => SaleForm.restore(kept, this.desk, this.call));
        if (ids.length && !this.fault) {
            try {
                this.entries = await this.call("status", ids);
            } catch (error) {
                this.notice = wordsOf(error);
            }
        }
    }

    /** Methods and rights, and whether meters are served: asked before each customer. */
    async refreshConfig() {
        try {
            this.config = await this.call("get_config");
            Object.assign(this, {fault: "", offline: false});
        } catch (error) {
            this.offline = isLost(error);
            this.fault = this.config ? "" : wordsOf(error);
        }
    }

    /** What a reload of the page must not lose. A form on its way may have been saved. */
    _save() {
        const {form, parked} = this;
        const unanswered = form?.busy || form?.lost ? [form, ...parked] : parked;
        this.store.save({
            ids: this.entries.map(({id}) => id),
            parked: unanswered.map(({kept}) => kept),
            methodId: this.methodId,
        });
    }

    // -- customer and meter -----------------------------------------------------------

    async pick() {
        const {turn} = this;
        const meterId = await this.search.pick();
        if (meterId && turn === this.turn) {
            await this.openMeter(meterId);
        }
    }

    async openMeter(meterId) {
        const waiting = this.parked.find(({card}) => card.id === meterId);
        if (waiting) {
            return this.openParked(waiting.uuid);
        }
        const turn = ++this.turn;
        let card;
        try {
            card = await this.call("card", meterId);
        } catch (error) {
            this.search.error = wordsOf(error);
            return;
        }
        if (turn !== this.turn) {
            return;
        }
        this._leave();
        this.card = card;
        this.form = new SaleForm(card, this.makeUuid(), this.desk, this.call);
        if (card.sellable && this.config?.worker.ok) {
            await this.readMeter();
        }
    }

    async refreshCard(meterId = this.card?.id) {
        const {turn} = this;
        try {
            const card = await this.call("card", meterId);
            if (turn === this.turn) {
                this.card = card;
            }
        } catch {
            // What is shown stays: it says when it was read.
        }
    }

    /** Ask the meter now. What was last read stays shown until it has answered. */
    async readMeter() {
        if (!this.card || this.reading.busy) {
            return;
        }
        const {turn} = this;
        this.reading = {busy: true, failed: false, message: ""};
        const answer = await this._read(this.card.id, () => turn !== this.turn);
        if (turn === this.turn) {
            if (!answer.failed) {
                await this.refreshCard();
            }
            this.reading = {busy: false, ...answer};
        }
    }

    async _read(meterId, gone) {
        try {
            const commandId = await this.call("request_read", meterId);
            for (let time = 0; time < READ_TIMES && !gone(); time++) {
                await this.wait(READ_EVERY);
                const {state, message} = await this.call("read_status", commandId);
                if (state === "done") {
                    return {failed: false, message: _t("Read just now.")};
                }
                if (READ_ENDED.includes(state)) {
                    return {failed: true, message: message || _t("It could not be read.")};
                }
            }
        } catch (error) {
            return {failed: true, message: wordsOf(error)};
        }
        return {
            failed: true,
            message: _t("The meter has not answered yet: this is what was last read."),
        };
    }

    // -- selling ----------------------------------------------------------------------

    /** @param {boolean} unusual the cashier said so of an unusual sale */
    async sell(unusual = false) {
        const {form} = this;
        if (!form) {
            return;
        }
        this.notice = "";
        this.methodId = form.methodId;
        const selling = form.sell(unusual);
        this._save();
        const status = await selling;
        if (status) {
            return this._sold(form, status);
        }
        if (form.error && this.form?.uuid !== form.uuid) {
            // The cashier went on to the next customer meanwhile.
            this.notice = form.error;
        }
        this._save();
    }

    _sold(form, status) {
        this.parked = this.parked.filter(({uuid}) => uuid !== form.uuid);
        this._list(status);
        if (this.form?.uuid === form.uuid) {
            this.form = null;
            this.acts = new SaleActs(status.id, this.call);
            this.reading.message = "";
        }
        this._save();
    }

    /** Put a movement in the tray, or its news. */
    _list(status) {
        if (this.entries.some(({id}) => id === status.id)) {
            this._update(status);
        } else {
            this.entries = [status, ...this.entries].slice(0, TRAY_SIZE);
            this.polls.quiet = 0;
        }
    }

    /**
     * News of a movement, by the bus or by polling. A movement that is not of this tray is
     * none of its business, except that it answers a form whose own answer got lost.
     *
     * @param {Object} status
     */
    receive(status) {
        const form = [this.form, ...this.parked].find((each) => each?.uuid === status.uuid);
        if (form && (form.busy || form.lost)) {
            this._sold(form, status);
        } else {
            this._update(status);
        }
    }

    _update(status) {
        const index = this.entries.findIndex(({id}) => id === status.id);
        const shown = this.entries[index];
        if (!shown || isStale(shown, status)) {
            return;
        }
        if (JSON.stringify(shown) !== JSON.stringify(status)) {
            this.polls.quiet = 0;
            this.entries[index] = status;
            if (status.steps.proved && !shown.steps.proved && this._isCardOf(status)) {
                this.refreshCard();
            }
        }
    }

    _isCardOf(status) {
        return this.card?.id === status.meter_id;
    }

    /** The bus may be down: what is on its way is asked after, less often when it is quiet. */
    async poll() {
        const {polls} = this;
        const ids = this.entries.filter(isOnWay).map(({id}) => id);
        polls.done++;
        if (!ids.length) {
            return this.offline ? this.refreshConfig() : undefined;
        }
        if (++polls.quiet > QUIET_AFTER && polls.done % 5) {
            return;
        }
        try {
            for (const status of await this.call("status", ids)) {
                this.receive(status);
            }
            this.offline = false;
        } catch (error) {
            this.offline = isLost(error);
        }
    }

    // -- a saved sale -----------------------------------------------------------------

    startAsk(kind) {
        const sale = this.current;
        if (kind === "reverse" ? sale?.can_reverse : sale?.can_refund) {
            this.acts.startAsk(kind, this.makeUuid());
        }
    }

    async confirm() {
        const {acts, turn} = this;
        const status = await acts?.confirm();
        if (!status) {
            return;
        }
        this._list(status);
        this._save();
        if (status.id !== acts.vendId) {
            if (turn === this.turn) {
                this.acts = new SaleActs(status.id, this.call);
            }
            await this._ask([acts.vendId]);
        }
    }

    async _ask(ids) {
        try {
            (await this.call("status", ids)).forEach((status) => this.receive(status));
        } catch (error) {
            this.offline = isLost(error);
        }
    }

    async retry() {
        if (this.current?.can_retry) {
            const status = await this.acts.retry();
            if (status) {
                this.receive(status);
            }
        }
    }

    async print(paper) {
        await this.acts?.print(paper, this.send);
    }

    /** Show a sale that may be of another session: the meter's last or open one. */
    openStatus(status) {
        if (status) {
            this._list(status);
            this._save();
            this.openEntry(status.id);
        }
    }

    openEntry(vendId) {
        const status = this.entries.find(({id}) => id === vendId);
        if (status) {
            const card = this._isCardOf(status) ? this.card : null;
            this._leave();
            this.acts = new SaleActs(vendId, this.call);
            this.card = card;
            if (!card) {
                this.refreshCard(status.meter_id);
            }
        }
    }

    openParked(uuid) {
        const form = this.parked.find((each) => each.uuid === uuid);
        this._leave();
        this.parked = this.parked.filter((each) => each.uuid !== uuid);
        this.form = form;
        this.card = form.card;
    }

    // -- going on ---------------------------------------------------------------------

    back() {
        if (this.help) {
            this.help = false;
        } else if (this.more) {
            this.more = null;
        } else if (this.tray.focus) {
            this.tray.focus = false;
        } else if (this.acts?.ask) {
            this.acts.cancelAsk();
        } else {
            this.nextCustomer();
        }
    }

    nextCustomer() {
        const served = this.stage !== "search";
        this._leave();
        this.search.clear();
        if (served) {
            this.refreshConfig();
        }
    }

    /** Leave what is open. A form that may have been saved is not forgotten. */
    _leave() {
        this.turn++;
        if (this.form?.busy || this.form?.lost) {
            this.parked = [this.form, ...this.parked];
        }
        Object.assign(this, {form: null, acts: null, card: null, notice: ""});
        this.reading = {busy: false, failed: false, message: ""};
        this.tray = {focus: false, index: 0};
        this.more = null;
    }

    // -- what else can be done --------------------------------------------------------

    /** Open the list of other acts for the meter on the screen, or close it. */
    async toggleMore() {
        if (this.more || !this.card) {
            this.more = null;
            return;
        }
        const {turn} = this;
        try {
            const items = await this.call("acts", this.card.id);
            if (turn === this.turn) {
                this.more = {items, index: 0};
            }
        } catch (error) {
            this.notice = wordsOf(error);
        }
    }

    moveMore(by) {
        const last = this.more.items.length - 1;
        this.more.index = Math.min(Math.max(this.more.index + by, 0), last);
    }

    /**
     * @param {number} [number] place in the list, from 1; without it the one that is marked
     * @returns {Promise<Object|null>} the action to do
     */
    async startAct(number) {
        const item = this.more?.items[number ? number - 1 : this.more.index];
        if (!item) {
            return null;
        }
        this.more = null;
        try {
            return await this.call("start_act", this.card.id, item.name);
        } catch (error) {
            this.notice = wordsOf(error);
            return null;
        }
    }

    toggleTray() {
        this.tray = {focus: !this.tray.focus && this.rows.length > 0, index: 0};
    }

    moveTray(by) {
        const last = this.rows.length - 1;
        this.tray.index = Math.min(Math.max(this.tray.index + by, 0), last);
    }

    openTray(row = this.rows[this.tray.index]) {
        if (row?.form) {
            this.openParked(row.uuid);
        } else if (row) {
            this.openEntry(row.status.id);
        }
    }
}
