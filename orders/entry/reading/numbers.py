"""Numbers as people and spreadsheets write them, whose decimal sign depends on the country.

"1.000" is a thousand where the comma is the decimal sign and one where the point is. A number that both
read, and read differently, is refused with both readings unless the sign is said.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum

from brokers.formats import decimal_text

#: What separates thousands and is a decimal sign nowhere: spaces of all widths, the Swiss apostrophe.
SPACED = re.compile(r"([+-]?[1-9]\d{0,2})((?:[ \u2009\u202f\u00a0'\u2019]\d{3})+)(?=[.,]\d+$|$)", re.ASCII)
#: Lakhs and crores, as India writes them: 1,50,000 is 150,000.
LAKHS = r"[1-9]\d?(?:,\d{2})+,\d{3}"
SHORTENED = re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+", re.ASCII | re.IGNORECASE)


class DecimalSign(StrEnum):
    """Which sign stands before the decimals; the other one may stand between thousands."""

    POINT = "point"
    COMMA = "comma"

    @property
    def signs(self) -> tuple[str, str]:
        """(the decimal sign, the one between thousands)."""
        return (".", ",") if self == DecimalSign.POINT else (",", ".")


class UnclearNumber(ValueError):
    """The text is no number, or two; the words say which."""


def plain_number(text: str, sign: DecimalSign | None = None) -> str:
    """The number in plain notation; what is no number in any country stays as it is, for its field to refuse.

    Raises UnclearNumber.
    """
    if SHORTENED.fullmatch(text):
        raise UnclearNumber(f"{text} is a number that a spreadsheet has shortened: write all of its digits.")
    together = SPACED.sub(lambda found: found[1] + re.sub(r"\D", "", found[2]), text)
    readings = {each: value for each in DecimalSign if (value := reading(together, each)) is not None}
    if sign and readings and sign not in readings:
        raise UnclearNumber(f"{text} is no number where the {sign} is the decimal sign.")
    if sign in readings:
        readings = {sign: readings[sign]}
    if len(set(readings.values())) > 1:
        by_point, by_comma = (decimal_text(readings[each]) for each in DecimalSign)
        raise UnclearNumber(
            f"{text} is {by_point} where the point is the decimal sign and {by_comma} where the comma is:"
            " say which it is, or write it without thousands."
        )
    return f"{next(iter(readings.values())):f}" if readings else text


def typed_number(name: str, text: str) -> str:
    """The same for a field of the desk's own pages. Raises UnclearNumber.

    Their decimal sign is the point, so a price of three decimals is what it says; a quantity such as 1.000,
    and whatever has a comma, may come from elsewhere.
    """
    return plain_number(text) if "," in text or name.endswith("_qty") else text


def reading(text: str, sign: DecimalSign) -> Decimal | None:
    """The number that a text means where this is the decimal sign; None where it is none."""
    point, between = map(re.escape, sign.signs)
    whole = rf"[1-9]\d{{0,2}}(?:{between}\d{{3}})+|\d+"
    if sign == DecimalSign.POINT:
        whole = rf"{whole}|{LAKHS}"
    if not re.fullmatch(rf"-?(?:{whole})(?:{point}\d+)?", text, re.ASCII):
        return None
    decimal, thousands = sign.signs
    return Decimal(text.replace(thousands, "").replace(decimal, "."))
