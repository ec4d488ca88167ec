import {useEffect, useRef} from "@odoo/owl";

/**
 * Keys go where the screen says: each panel marks by `data-counter-focus` the one element that
 * takes them now, or none. Whenever a panel marks another one, that gets the focus.
 *
 * @param {string} name of the panel's `t-ref`
 */
export function useCounterFocus(name) {
    const ref = useRef(name);
    useEffect(
        (element) => element?.focus(),
        () => {
            const mark = "[data-counter-focus]";
            return [ref.el?.matches(mark) ? ref.el : ref.el?.querySelector(mark)];
        }
    );
}
