import {
    Component,
    onPatched,
    onWillStart,
    onWillUnmount,
    useExternalListener,
    useRef,
    useState,
} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";
import {useDebounced} from "@web/core/utils/timing";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";
import {BoardFloor} from "./board_floor";
import {BoardModel} from "./board_model";
import {BoardRoom} from "./board_room";
import {LEVELS, levelWords} from "./board_rules";

/** How often the board asks what changed, in milliseconds. */
const REFRESH_EVERY = 10000;
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

/** A building at a glance: floors and rooms, coloured by the days that their credit lasts. */
export class Board extends Component {
    static template = "utility_prepaid.Board";
    static components = {BoardFloor, BoardRoom};
    static props = {...standardActionServiceProps};

    setup() {
        this.root = useRef("root");
        this.ui = useService("ui");
        this.action = useService("action");
        this.orm = useService("orm");
        this.model = useState(
            new BoardModel((method, ...args) => this.orm.silent.call("utility.board", method, args))
        );
        this.pick = (roomId) => this.model.pick(roomId);
        this.act = this.act.bind(this);
        this.close = this.close.bind(this);
        this.type = useDebounced((text) => this.model.setFilter({text}), 150);
        const key = `utility_prepaid.board.${user.userId}`;
        this.remember = (id) => browser.localStorage.setItem(key, id);
        onWillStart(async () => {
            const wanted = this.props.action.context?.building_id;
            await this.model.start(wanted || Number(browser.localStorage.getItem(key)));
            this.timer = browser.setInterval(() => {
                // Nobody looks: nothing is asked.
                if (!document.hidden) {
                    this.model.refresh();
                }
            }, REFRESH_EVERY);
        });
        onWillUnmount(() => browser.clearInterval(this.timer));
        onPatched(() => this.follow());
        useExternalListener(browser, "keydown", (event) => this.onKeydown(event));
    }

    get levels() {
        const {counts, config} = this.model;
        return LEVELS.filter((level) => counts[level] || this.model.filter.level === level).map(
            (level) => ({level, count: counts[level], words: levelWords(level, config)})
        );
    }

    /** The floors that have something to show, each with what of the keys is on it. */
    get floors() {
        const {floors, roomId, tabId} = this.model;
        const on = (shown, id) => (shown.some((face) => face.id === id) ? id : null);
        return floors
            .filter(({shown}) => shown.length)
            .map(({id, name, shown}) => ({
                id,
                name,
                shown,
                roomId: on(shown, roomId),
                tabId: on(shown, tabId),
            }));
    }

    async onBuilding(event) {
        const id = Number(event.target.value);
        this.remember(id);
        await this.model.open(id);
    }

    toggleLevel(level) {
        this.model.setFilter({level: this.model.filter.level === level ? "" : level});
    }

    onKeydown(event) {
        if (this.ui.activeElement !== document || event.ctrlKey || event.altKey || event.metaKey) {
            return;
        }
        if (event.key === "Escape" && this.model.roomId) {
            event.preventDefault();
            this.close();
        } else if (
            ARROWS.includes(event.key) &&
            event.target.closest?.(".o_utility_rooms") &&
            this.model.move(event.key)
        ) {
            event.preventDefault();
            this.following = true;
        }
    }

    onFocusin(event) {
        const id = Number(event.target.dataset.room);
        if (id) {
            this.model.focusId = id;
        }
    }

    /** The keys go with the room that an arrow chose. */
    follow() {
        if (this.following) {
            this.following = false;
            this.focusRoom();
        }
    }

    focusRoom() {
        this.root.el.querySelector(`[data-room="${this.model.focusId}"]`)?.focus();
    }

    close() {
        this.model.close();
        this.focusRoom();
    }

    /**
     * @param {string} what "sell", "open", or a method of `utility.meter` that may return an action
     * @param {number} meterId
     */
    async act(what, meterId) {
        if (what === "sell") {
            await this.action.doAction("utility_prepaid.utility_counter_action", {
                additionalContext: {meter_id: meterId},
            });
        } else if (what === "open") {
            await this.action.doAction({
                type: "ir.actions.act_window",
                res_model: "utility.meter",
                res_id: meterId,
                views: [[false, "form"]],
            });
        } else {
            const next = await this.orm.call("utility.meter", what, [[meterId]]);
            if (next && next.type) {
                await this.action.doAction(next, {onClose: () => this.model.refresh()});
            }
        }
    }
}

registry.category("actions").add("utility_prepaid.board", Board);
