import {ConnectionAbortedError, ConnectionLostError} from "@web/core/network/rpc";
import {_t} from "@web/core/l10n/translation";

/**
 * @param {Error} error
 * @returns {boolean} whether it is unknown if the server has done what it was asked
 */
export function isLost(error) {
    return error instanceof ConnectionLostError || error instanceof ConnectionAbortedError;
}

/**
 * @param {Error} error
 * @returns {boolean} whether the act is only allowed with the approval of a second person
 */
export function needsSecondPerson(error) {
    return Boolean(error.exceptionName?.endsWith(".ApprovalNeeded"));
}

/**
 * @param {Error} error
 * @returns {string} the server's own words to a user; words about a fault otherwise
 */
export function wordsOf(error) {
    if (isLost(error)) {
        return _t("The server does not answer. Nothing is lost: try again.");
    }
    const {exceptionName, data} = error;
    if (exceptionName?.endsWith("SessionExpiredException")) {
        return _t("You have been logged out. Log in again in another tab, then try again.");
    }
    const words = exceptionName?.startsWith("odoo.exceptions.") || needsSecondPerson(error);
    if (words && data?.message) {
        return data.message;
    }
    return _t("The server could not do this: %s", data?.message || error.message);
}
