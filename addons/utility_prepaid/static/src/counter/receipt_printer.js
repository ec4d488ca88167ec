import {_t} from "@web/core/l10n/translation";
import {browser} from "@web/core/browser/browser";

/** A page that has not come by then will not: the cashier is told. */
const PATIENCE = 20000;

/**
 * Print a receipt's page through a hidden frame: the browser's own printing, no file between.
 *
 * @param {string} url page of the receipt
 * @returns {Promise<string>} words of what went wrong; empty when the page went to the printer
 */
export async function printReceipt(url) {
    const frame = document.createElement("iframe");
    frame.className = "o_utility_print_frame";
    frame.setAttribute("aria-hidden", "true");
    frame.src = url;
    const loaded = new Promise((resolve) => {
        frame.addEventListener("load", () => resolve(true));
        browser.setTimeout(() => resolve(false), PATIENCE);
    });
    // The former print's frame stays until now: a browser may still be reading from it.
    document.querySelectorAll(".o_utility_print_frame").forEach((old) => old.remove());
    document.body.append(frame);
    const arrived = await loaded;
    if (!arrived || !frame.contentDocument?.querySelector(".o_utility_receipt")) {
        frame.remove();
        return _t("The receipt's page did not come: print it again.");
    }
    frame.contentWindow.focus();
    frame.contentWindow.print();
    return "";
}
