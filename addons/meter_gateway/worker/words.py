"""What happened on the wire, in words that a cashier understands and in the reader's language."""

# Bits of a refused money function, recharge protocol section 3.
REFUSALS = 11


def failure(env, event, meter):
    """Words for a job that ended without an answer.

    :param event: ``jobs.Failed``
    :param meter: `utility.meter` record
    """
    _ = env._
    code = event.code
    if code == "link_down":
        return _("Concentrator %s cannot be reached.", meter.concentrator_id.name)
    if code == "no_reply":
        return _("The meter does not answer.")
    if code == "backed_off":
        return _("The meter did not answer lately and is left alone for a while.")
    if code == "wrong_reply":
        return _("The meter's answer could not be read, or is not signed with its key.")
    if code == "refused":
        return _("The meter refuses the question: %s", event.words)
    if code == "no_key":
        return meter._key_refusal() or _("The recharge key is not installed.")
    return _("The question could not be put to the meter: %s", event.words)


def refusal(env, reply):
    """Words for a refused money function.

    :param reply: ``recharge.Refusal``
    """
    _ = env._
    by_bit = (
        _("other error"),
        _("this purchase number was already used"),
        _("the order is not signed with the meter's key"),
        _("the meter does not know this key version"),
        _("the customer number is not the meter's, or the meter is already opened"),
        _("the purchase number is not the next one"),
        _("the balance would pass the hoarding limit"),
        _("the order is laid out wrongly"),
        _("recharging is suspended"),
        _("it was not the last purchase, or the meter no longer holds the amount"),
        _("the amount is out of range"),
    )
    words = [by_bit[bit] for bit in range(REFUSALS) if reply.code >> bit & 1]
    return _("The meter refuses: %s.", "; ".join(words) or reply.words)
