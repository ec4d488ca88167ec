"""What is fixed about a meter, shared by all meters that were described alike."""

from decimal import Decimal

#: types with four tariff registers: sharp, peak, flat, valley
MULTI_TARIFF = ("c_07", "d_smart", "d_three")

#: attribute and its default; amounts in steps of 0.01, prices in steps of 0.0001, times in seconds
ATTRIBUTES = {
    "type": "",
    "protocol": "dlt645_2007",
    "credit": None,
    "actuator": "none",
    "multi_tariff": False,
    "phases": 1,
    "load": Decimal(0),  # units an hour
    "profile": None,  # 24 factors of the load, by hour
    "hoard": 0,
    "overdraft": 0,
    "alarm_1": 0,
    "alarm_2": 0,
    "permit_limit": 0,
    "power_limit": 0,  # steps of 0.0001 kW; 0: none
    "prices": NotImplemented,  # of the four tariffs
    "shape": None,
    "recharge": None,  # options of the shape
    "algorithm": "3des",
    "key_version": 1,
    "passwords": NotImplemented,  # level: six digits
    "relay_seconds": 0.0,
    "button": False,  # 1B waits for the customer
    "drift": 0.0,  # seconds a day
    "clock_offset": 0.0,
    "battery": 100,
    "type_byte": 0x10,
    "di_order": "high_first",
    "unit_byte": 0x2C,
    "frame_limit": 200,  # data bytes of one reply; more follow in further frames
}


class Kind:
    """See ``ATTRIBUTES``; the fields are read-only by agreement."""

    __slots__ = tuple(ATTRIBUTES)

    def __init__(self, **values):
        for name, default in ATTRIBUTES.items():
            setattr(self, name, values.pop(name, default))
        if values:
            raise TypeError(f"no such attribute: {', '.join(values)}")
        if self.prices is NotImplemented:
            self.prices = (0, 0, 0, 0)
        if self.passwords is NotImplemented:
            self.passwords = dict.fromkeys((2, 3, 4), "000000")
        if self.credit and self.shape is None:
            self.shape = "a013" if self.protocol.startswith("cjt188") else "sealed"
