import {_t} from "@web/core/l10n/translation";
import {needsSecondPerson, wordsOf} from "./counter_errors";

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
            this.ask = {kind, uuid, reason: "", error: "", busy: false, second: null};
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
            if (ask.second?.pin && !(await this._approveByPin(ask))) {
                return null;
            }
            const status =
                ask.kind === "reverse"
                    ? await this.call("reverse", ask.uuid, this.vendId, reason)
                    : await this.call("refund", this.vendId, reason);
            this.ask = null;
            return status;
        } catch (fault) {
            await this._refused(ask, fault);
            return null;
        } finally {
            ask.busy = false;
        }
    }

    /** Ask for a second person who answers in a session of their own; then confirm again. */
    async askSecond() {
        const {ask} = this;
        if (!ask?.second || ask.busy) {
            return;
        }
        Object.assign(ask, {busy: true, error: ""});
        try {
            await this.call("ask_approval", ...this._approval(ask));
            ask.second.asked = true;
        } catch (fault) {
            ask.error = wordsOf(fault);
        } finally {
            ask.busy = false;
        }
    }

    /** What is to be approved: the act and what it is about. */
    _approval({kind, reason}) {
        const act = kind === "reverse" ? "reversal" : "refund";
        return [act, {vend_id: this.vendId, reason: reason.trim()}];
    }

    async _approveByPin(ask) {
        const {second} = ask;
        const {ok, error} = await this.call(
            "approve_with_pin",
            ...this._approval(ask),
            second.approverId,
            second.pin
        );
        Object.assign(second, {pin: ""});
        ask.error = error;
        return ok;
    }

    async _refused(ask, fault) {
        ask.error = wordsOf(fault);
        if (needsSecondPerson(fault) && !ask.second) {
            try {
                const approvers = await this.call("approvers");
                const approverId = approvers[0]?.id || null;
                ask.second = {approvers, approverId, pin: "", asked: false};
            } catch (other) {
                ask.error = wordsOf(other);
            }
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
