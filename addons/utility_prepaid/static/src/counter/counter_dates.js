import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";

/**
 * @param {string|false} text the server's UTC time
 * @returns {string} the same moment in the user's time zone and format
 */
export function formatMoment(text) {
    return text ? formatDateTime(deserializeDateTime(text), {showSeconds: false}) : "";
}
