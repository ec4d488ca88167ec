"""What happened on the wire, in words that a cashier understands and in the reader's language."""

# Bits of a refused money function, recharge protocol section 3.
REFUSALS = 11


def failure(env, event, meter):
    """Words for a job that ended without what was asked of it.

    :param event: ``jobs.Failed``
    :param meter: `utility.meter` record
    """
    _ = env._
    code = event.code
    if code == "link_down":
        return _("Concentrator %s cannot be reached.", meter.concentrator_id.name)
    if code == "no_line":
        return _("The port of this meter is not served by any worker.")
    if code == "no_reply":
        return _("The meter does not answer.")
    if code == "backed_off":
        return _("The meter did not answer lately and is left alone for a while.")
    if code == "wrong_reply":
        return _("The meter's answer could not be read, or is not signed with its key.")
    if code == "refused":
        return refused(env, event, meter)
    if code == "not_confirmed":
        return _(
            "The meter took the command, but its status does not show it. Look at the meter: it "
            "may have been carried out."
        )
    if code == "no_key":
        return meter._key_refusal() or _(
            "The key or the password is not installed: %s", event.words
        )
    if code == "no_encryptor":
        return _("The program that makes the meter's codes cannot be used: %s", event.words)
    if code == "bad_value":
        return _("The meter cannot keep this value: %s", event.words)
    if code in ("bad_job", "bad_dialect"):
        return _("This meter cannot do that over its line: %s", event.words)
    if code == "stopped":
        return _("The line was given back before the meter was asked.")
    return _("The question could not be put to the meter: %s", event.words)


def problem(env, error):
    """Words for a ``WireError`` that kept a command from becoming a job."""
    _ = env._
    if error.code == "no_key":
        return _("The key or the password is not installed: %s", error.words)
    if reason := getattr(error, "reason", None):
        return raw_refusal(env, reason, error.words)
    if error.code == "bad_value":
        return _("The meter cannot keep this value: %s", error.words)
    return _("This meter cannot do that over its line: %s", error.words)


def refused(env, event, meter):
    """Words for a question that the meter refused, by the bits that it sent along."""
    _ = env._
    bits = getattr(event, "refusal", None)
    dialect = meter.sudo()._dialect()
    protocol = dialect.protocol if dialect else "dlt645_2007"
    if bits is None:
        return _("The meter refuses: %s.", event.words)
    own = _own_error(dialect, bits)
    said = own or "; ".join(_bits(env, protocol, bits)) or event.words
    return _("The meter refuses: %s.", said)


def _own_error(dialect, bits):
    """The maker's own words for a whole refusal, where its dialect has some."""
    errors = dialect.errors if dialect else {}
    return next((words for (__, code), words in errors.items() if code == bits), "")


def _bits(env, protocol, bits):
    """Labels of the error bits: ERR of DL/T 645, status word of CJ/T 188."""
    _ = env._
    if protocol.startswith("cjt188"):
        # ST, low byte first: bits 0-1 valve (00 open, 01 closed, 11 fault), bit 2 battery.
        found = []
        if bits & 0b11 == 0b11:
            found.append(_("the valve does not move"))
        elif bits & 0b11 == 0b01:
            found.append(_("the valve is closed"))
        if bits & 0b100:
            found.append(_("the battery is low"))
        return found
    labels = {
        0: _("other error"),
        1: _("it has no such data"),
        2: _("wrong password, or not allowed; a clock that is off has the same effect"),
        3: _("the line speed cannot be changed"),
        4: _("too many year zones"),
        5: _("too many day slots"),
        6: _("too many tariffs"),
        7: _("a reserved error bit"),
    }
    if protocol == "dlt645_1997":
        labels.update(
            {
                0: _("not a value that it takes"),
                1: _("it has no such data"),
                2: _("wrong password"),
                3: _("other error"),
            }
        )
    return [words for bit, words in labels.items() if bits >> bit & 1]


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


def raw_refusal(env, reason, detail):
    """Words why a frame that an engineer entered is not sent.

    :param reason: of ``raw.RawRefused``
    :param detail: its English words, for what is not in the table
    """
    _ = env._
    reasons = {
        "checksum": _("The checksum is missing or wrong: complete the frame first."),
        "reply": _("This is what a meter says, not what it is told."),
        "broadcast": _("This address calls every meter on the line."),
        "address": _("An address or a number of the meter is not changed by hand."),
        "wildcard": _("Only a question may go to whoever is there."),
        "money": _("This carries money: only the desk charges meters."),
        "clear": _("Nothing is cleared by hand: what would be gone cannot be brought back."),
        "key": _("Keys are not changed by hand."),
        "password": _("Passwords are not changed by hand."),
        "secret": _(
            "Write ** for the three bytes of the password, and nowhere else: it is filled in from "
            "the key file when the frame is sent."
        ),
        "switching": _(
            "Supply is switched by the remote operations: they expire, and are proved by the meter."
        ),
        "line": _("Clock and line speed are not set by hand on a shared line."),
    }
    if reason in reasons:
        return reasons[reason]
    if reason == "frame":
        return _("This is not a frame: %s.", detail)
    return _("This is not understood, and what is not understood is not sent: %s.", detail)
