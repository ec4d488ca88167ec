import {_t} from "@web/core/l10n/translation";
import {wordsOf} from "./counter_errors";

/** What can be done with the sale on the screen; made anew for each sale shown. */
export class SaleActs {
    /**
     * @param {number} vendId
     * @param {(method: string, ...args: any[]) => Promise<any>} call
     */
    constructor(vendId, call) {
        Object.assign(this, {vendId, call});
        this.busy = false;
        this.error = "";
        this.printed = "";
        this.ask = null;
    }

    /**
     * Ask inline for the reason.
     *
     * @param {"reverse"|"refund"} kind
     * @param {string} uuid id of the reversal, made here so that asking twice is one
     */
    startAsk(kind, uuid) {
        if (!this.busy) {
            this.error = "";
            this.ask = {kind, uuid, reason: "", error: "", busy: false};
        }
    }

    cancelAsk() {
        if (!this.ask?.busy) {
            this.ask = null;
        }
    }

    /** @returns {Promise<Object|null>} status of the reversal, or of the refunded sale */
    async confirm() {
        const {ask} = this;
        if (!ask || ask.busy) {
            return null;
        }
        const reason = ask.reason.trim();
        if (!reason) {
            ask.error = _t("Say why: it is kept with the sale.");
            return null;
        }
        Object.assign(ask, {busy: true, error: ""});
        try {
            const status =
                ask.kind === "reverse"
                    ? await this.call("reverse", ask.uuid, this.vendId, reason)
                    : await this.call("refund", this.vendId, reason);
            this.ask = null;
            return status;
        } catch (fault) {
            Object.assign(ask, {busy: false, error: wordsOf(fault)});
            return null;
        }
    }

    /** @returns {Promise<Object|undefined>} status of the sale */
    retry() {
        return this._do(() => this.call("retry", this.vendId));
    }

    /**
     * Count the print and send its page to the printer.
     *
     * @param {"80mm"|"a5"} paper
     * @param {(url: string) => Promise<string>} send returns words of what went wrong
     */
    async print(paper, send) {
        await this._do(async () => {
            const {url, copy} = await this.call("print_receipt", this.vendId, paper);
            this.error = await send(url);
            if (!this.error) {
                this.printed = copy ? _t("Printed: copy %s.", copy) : _t("Printed: the original.");
            }
        });
    }

    async _do(work) {
        if (this.busy) {
            return undefined;
        }
        Object.assign(this, {busy: true, error: "", printed: ""});
        try {
            return await work();
        } catch (fault) {
            this.error = wordsOf(fault);
            return undefined;
        } finally {
            this.busy = false;
        }
    }
}
