"""What the protocols' words and fields have in common."""

from ..errors import FrameError


def name_in(functions, frame):
    """The function of a frame, and that it is a reply to it."""
    name = functions.get(frame.function, f"function {frame.function:02X}")
    return f"reply to {name}" if frame.is_reply else name


def head_fields(frame, functions, bits):
    """The fields that every frame of DL/T 645 has; ``bits`` is the table of ERR."""
    found = {
        "address": frame.address,
        "control": f"{frame.control:02X}",
        "direction": "reply" if frame.is_reply else "request",
        "abnormal": frame.is_abnormal,
        "more": frame.has_more,
        "function": functions.get(frame.function, f"function {frame.function:02X}"),
        "length": len(frame.data),
    }
    if frame.is_abnormal and len(frame.data) == 1:
        found["err_byte"] = f"{frame.data[0]:02X}"
        found["err_bits"] = [name for bit, (name, _) in enumerate(bits) if frame.data[0] >> bit & 1]
    return found


def need(frame, size, functions):
    """:raises FrameError: fewer than ``size`` data bytes"""
    if len(frame.data) < size:
        raise FrameError(
            f"{len(frame.data)} data bytes are too few for {functions[frame.function]}"
        )


def value_text(value, unit):
    """A value, or several, with their unit."""
    if value is None:
        return "not available"
    if isinstance(value, bytes):
        return value.hex().upper()
    values = value if isinstance(value, tuple) else (value,)
    text = ", ".join("-" if one is None else str(one) for one in values)
    return f"{text} {unit}" if unit else text
