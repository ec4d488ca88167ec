import {onWillUnmount} from "@odoo/owl";
import {ListController} from "@web/views/list/list_controller";
import {listView} from "@web/views/list/list_view";
import {registry} from "@web/core/registry";

const PERIOD = 2000;
const OPEN = new Set(["queued", "sent", "unknown"]);

/** A list of commands that looks again by itself while any of them is under way. */
export class CommandFollowController extends ListController {
    setup() {
        super.setup();
        this.followTimer = setInterval(() => this.follow(), PERIOD);
        onWillUnmount(() => clearInterval(this.followTimer));
    }

    /** Whether looking again could show anything new, and would not take a selection away. */
    get isFollowing() {
        const {root} = this.model;
        return (
            !document.hidden &&
            root.records.some((record) => OPEN.has(record.data.state)) &&
            !root.selection.length
        );
    }

    async follow() {
        if (this.isLooking || !this.isFollowing) {
            return;
        }
        this.isLooking = true;
        try {
            await this.model.root.load();
            this.model.notify();
        } catch {
            // What is shown stays; the next turn tries again.
        } finally {
            this.isLooking = false;
        }
    }
}

registry.category("views").add("meter_command_follow", {
    ...listView,
    Controller: CommandFollowController,
});
