import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import float_compare

TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
DAY = re.compile(r"(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])")
MOMENT = "%Y-%m-%d %H:%M"


class MeterCommandField(models.Model):
    """One register that a device command reads or sets, and what may be typed for it."""

    _name = "meter.command.field"
    _description = "Value of a Device Command"
    _order = "type_id, sequence, id"

    type_id = fields.Many2one("meter.command.type", required=True, index=True, ondelete="cascade")
    sequence = fields.Integer(default=10)
    name = fields.Char("Label", required=True, translate=True)
    register = fields.Char(required=True, help="The register's name in the meter's dialect.")
    value_type = fields.Selection(
        [
            ("decimal", "Number"),
            ("digits", "Digits"),
            ("moment", "Date and time"),
            ("decimals", "List of numbers"),
            ("slots", "Day slots"),
            ("zones", "Year zones"),
        ],
        "Value type",
        required=True,
        default="decimal",
    )
    required = fields.Boolean(default=True)
    minimum = fields.Float(digits=(16, 4), min_display_digits=0)
    maximum = fields.Float(
        digits=(16, 4), min_display_digits=0, help="Zero for no limit but the register's own."
    )
    example = fields.Char(translate=True, help="Shown where the value is typed.")

    _register_once = models.Constraint(
        "UNIQUE(type_id, register)", "A command sets a register once."
    )
    _limits_ordered = models.Constraint(
        "CHECK(maximum = 0 OR maximum IS NULL OR minimum <= maximum)",
        "The highest value is below the lowest.",
    )

    def _parse(self, typed, register=None):
        """A typed value as it is kept in a command: texts, and lists of them.

        :param typed: text as typed
        :param register: the dialect's register, for the digits that the meter keeps
        :raises UserError: with words for who typed it
        """
        self.ensure_one()
        text = str(typed).strip()
        value = getattr(self, f"_parse_{self.value_type}")(text)
        if register and self.value_type in ("decimal", "decimals"):
            places = register.places
            for number in value if isinstance(value, list) else [value]:
                if -Decimal(number).as_tuple().exponent > places:
                    raise UserError(
                        self.env._(
                            "%(label)s: the meter keeps %(places)s digits behind the point.",
                            label=self.name,
                            places=places,
                        )
                    )
        return value

    def _parse_decimal(self, text):
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise UserError(
                self.env._("%(label)s: “%(text)s” is not a number.", label=self.name, text=text)
            )
        low, high = (
            float_compare(float(number), limit, precision_digits=4)
            for limit in (self.minimum, self.maximum)
        )
        if low < 0 or (self.maximum and high > 0):
            limits = (
                f"{self.minimum:g} … {self.maximum:g}" if self.maximum else (f"≥ {self.minimum:g}")
            )
            raise UserError(
                self.env._(
                    "%(label)s: %(text)s is outside the limits (%(limits)s).",
                    label=self.name,
                    text=text,
                    limits=limits,
                )
            )
        number = number.normalize()
        return f"{number:f}"

    def _parse_digits(self, text):
        if not re.fullmatch(r"[0-9]{1,16}", text):
            raise UserError(self.env._("%s: digits only.", self.name))
        return text

    def _parse_moment(self, text):
        try:
            # The meter's own time; it knows no zone.
            moment = datetime.strptime(text.replace("T", " ")[:16], MOMENT)  # noqa: DTZ007
        except ValueError:
            raise UserError(
                self.env._("%s: write the moment as 2026-12-31 00:00.", self.name)
            ) from None
        return moment.strftime(MOMENT)

    def _parse_decimals(self, text):
        return [self._parse_decimal(part) for part in re.split(r"[\s,;]+", text) if part]

    def _parse_slots(self, text):
        """ "06:00 2, 22:00 4": from when on which tariff counts, earliest first."""
        slots = [
            [f"{int(time[1]):02d}:{time[2]}", number] for time, number in self._pairs(text, TIME)
        ]
        self._check_order(slots)
        return slots

    def _parse_zones(self, text):
        """ "01-01 1, 07-01 2": from which day on which table of day slots counts."""
        zones = [
            [f"{int(day[1]):02d}-{int(day[2]):02d}", number]
            for day, number in self._pairs(text, DAY)
        ]
        self._check_order(zones)
        return zones

    def _pairs(self, text, pattern):
        pairs = []
        for part in re.split(r"[,;\n]+", text):
            if not part.strip():
                continue
            start, __, number = part.strip().partition(" ")
            match = pattern.fullmatch(start)
            number = number.strip()
            if not match or not number.isdecimal() or not 1 <= int(number) <= 63:
                raise UserError(
                    self.env._(
                        "%(label)s: “%(part)s” is not understood; for example %(example)s.",
                        label=self.name,
                        part=part.strip(),
                        example=self.example or "06:00 2, 22:00 4",
                    )
                )
            pairs.append((match, int(number)))
        return pairs

    def _check_order(self, pairs):
        starts = [start for start, __ in pairs]
        if starts != sorted(set(starts)):
            raise UserError(self.env._("%s: each begins later than the one before it.", self.name))
        if len(pairs) > 14:
            raise UserError(self.env._("%s: a meter keeps 14 of them at most.", self.name))
