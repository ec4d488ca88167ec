import {deserializeDateTime, toLocaleDateTimeString} from "@web/core/l10n/dates";

/**
 * @param {string|false} text the server's UTC time
 * @returns {string} the same moment in the user's time zone and language
 */
export function formatMoment(text) {
    return text ? toLocaleDateTimeString(deserializeDateTime(text)) : "";
}
