import {_t} from "@web/core/l10n/translation";
import {isLost, wordsOf} from "./counter_errors";
import {parseAmount, parseUnits} from "./counter_rules";

/**
 * One sale before it is saved. Its id is made with it and never changes: sending the form
 * again is the same sale, whatever became of the first answer.
 *
 * While `lost` (sent, no answer) nothing in it can be changed: the same id with another
 * amount would be another sale.
 */
export class SaleForm {
    /**
     * @param {Object} card the meter, as `utility.counter` gives it
     * @param {string} uuid
     * @param {{methods: Object[], digits: number, methodId: number|false}} desk payment
     *     methods open to the counter, decimals of the currency, method last used
     * @param {(method: string, ...args: any[]) => Promise<any>} call
     */
    constructor(card, uuid, {methods, digits, methodId}, call) {
        const known = methods.some(({id}) => id === methodId);
        Object.assign(this, {card, uuid, methods, digits, call});
        this.methodId = known ? methodId : methods[0]?.id || false;
        // What was typed is money, or the units that are wanted.
        this.byUnits = false;
        this.amount = "";
        this.value = "";
        this.step = "amount";
        this.quote = null;
        this.quoting = false;
        this.error = "";
        this.busy = false;
        this.lost = false;
        this.turn = 0;
    }

    /** A form that was kept over a reload of the page: its answer never came. */
    static restore(kept, desk, call) {
        const form = new this(kept.card, kept.uuid, desk, call);
        const {amount, value, byUnits, methodId, quote} = kept;
        const typed = {amount, value, byUnits: Boolean(byUnits)};
        return Object.assign(form, {...typed, methodId, quote, step: "method", lost: true});
    }

    get kept() {
        const {card, uuid, amount, value, byUnits, methodId, quote} = this;
        return {card, uuid, amount, value, byUnits, methodId, quote};
    }

    get frozen() {
        return this.busy || this.lost || !this.card.sellable;
    }

    get method() {
        return this.methods.find(({id}) => id === this.methodId) || null;
    }

    /** The money that the customer pays: as typed, or what the units cost. */
    get money() {
        return this.byUnits ? this.quote?.amount || "" : this.value;
    }

    /** What is odd about the sale: it takes a key that routine never needs. */
    get unusual() {
        return this.quote?.unusual || [];
    }

    /** Type units in place of money, or money again. */
    toggleUnits() {
        if (!this.frozen) {
            this.turn++;
            Object.assign(this, {byUnits: !this.byUnits, amount: "", value: "", error: ""});
            Object.assign(this, {step: "amount", quote: null, quoting: false});
        }
    }

    setAmount(text) {
        if (this.frozen) {
            return;
        }
        const {value, error} = this.byUnits ? parseUnits(text) : parseAmount(text, this.digits);
        if (value !== this.value) {
            this.turn++;
            Object.assign(this, {quote: null, quoting: false});
        }
        Object.assign(this, {amount: text, value, error, step: "amount"});
    }

    /** The price by the same code as the sale, and any refusal, before money is taken. */
    async askQuote() {
        if (!this.value || this.frozen) {
            return;
        }
        const turn = ++this.turn;
        this.quoting = true;
        let quote = null;
        let error = "";
        try {
            const asked = this.byUnits ? ["", this.value] : [this.value];
            quote = await this.call("quote", this.card.id, ...asked);
            error = quote.ok ? "" : quote.error;
        } catch (fault) {
            error = wordsOf(fault);
        }
        if (turn === this.turn) {
            Object.assign(this, {quote: error ? null : quote, error, quoting: false});
        }
    }

    async toMethod() {
        if (this.frozen) {
            return;
        }
        const {value} = this;
        if (!value) {
            const words = this.byUnits ? _t("Type the units first.") : _t("Type the amount first.");
            this.error = this.error || words;
            return;
        }
        if (!this.quote) {
            await this.askQuote();
        }
        if (this.quote && this.value === value) {
            this.step = "method";
        }
    }

    toAmount() {
        if (!this.frozen) {
            this.step = "amount";
        }
    }

    setMethod(methodId) {
        if (methodId && !this.frozen) {
            this.methodId = methodId;
        }
    }

    moveMethod(by) {
        const index = this.methods.findIndex(({id}) => id === this.methodId);
        const count = this.methods.length;
        this.setMethod(this.methods[(index + by + count) % count]?.id);
    }

    /**
     * Send the sale. A second Enter finds the form busy.
     *
     * @param {boolean} unusual the cashier said so of an unusual sale
     * @returns {Promise<Object|null>} status of the saved sale; null when it was refused or
     *     when nobody knows, see `error` and `lost`
     */
    async sell(unusual = false) {
        if (this.busy || this.step !== "method" || !this.money || !this.card.sellable) {
            return null;
        }
        if (this.unusual.length && !unusual && !this.lost) {
            this.error = _t("This sale is unusual: Y sells all the same.");
            return null;
        }
        if (!this.method) {
            this.error = _t("No payment method is open to the counter.");
            return null;
        }
        Object.assign(this, {busy: true, error: ""});
        try {
            const {uuid, card, money, methodId} = this;
            return await this.call("sell", uuid, card.id, money, methodId);
        } catch (fault) {
            const lost = isLost(fault);
            const words = lost
                ? _t(
                      "No answer from the server: the sale may have been saved. " +
                          "Enter sends it again; it stays the same sale."
                  )
                : wordsOf(fault);
            Object.assign(this, {busy: false, lost, error: words});
            return null;
        }
    }
}
