"""Units as people write them in offers and wishes, and the comparison of two values.

The allowed units are the rows of `units.tsv`; pint supplies their sizes and dimensions (its own parser would read
pH as picohenry). Sizes are exact fractions, so that 60 min is 1 h and not 0.9999 h.
Kinds of their own, such as pH, TRL, HRC, IP67, 级, dB and each currency, never compare with anything else.
A unit that nobody listed is opaque: it compares only with the identical spelling.

How ambiguous spellings are read:

- everything after a slash up to the next slash is in the denominator, as in Chinese practice: W/m·K is W/(m·K);
- a bare ℃ or K is a temperature (offset); inside a product (10⁻⁶/℃) or marked (Δ℃) it is a difference;
- a year has 365 days and a month a twelfth of it, as in capacity figures (t/d, 万吨/年);
- 99.9 % and 99.9 wt% do not compare: whether a bare percentage is by mass, volume or substance is a question to ask;
- mg/L and ppm do not compare: that holds only for dilute water.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

from keqiao.catalogue.units import (
    FRACTION_DIMENSION,
    INVISIBLE,
    LARGEST_MAGNITUDE,
    LONGEST_UNIT,
    NUMERALS,
    THERMOMETERS,
    Product,
    Reader,
    Unreadable,
    atom,
    normal_form,
    single,
    table,
)

TEMPERATURE = "temperature"
FRACTION = "fraction"
NUMBER = "number"

Dimensions = Mapping[str, Fraction]


class UnknownUnit(ValueError):
    """The text is not a unit that Keqiao knows, or the two units measure different things."""

    def __init__(self, text: str, other: str = "") -> None:
        self.text = text
        self.other = other
        detail = f"{text!r} cannot be converted to {other!r}" if other else f"{text!r} is not a known unit"
        super().__init__(f"{detail}; for example mg/L, LMH/bar, 万元/年")


@dataclass(frozen=True)
class Unit:
    """What is measured (`kind`) and how large one of it is, in the base unit of that kind.

    base value = value * factor + offset; only temperatures have an offset.
    """

    kind: str
    factor: Fraction
    spelling: str  # as written, trimmed
    offset: Fraction = Fraction(0)

    @property
    def is_opaque(self) -> bool:
        return self.kind.startswith("opaque:")

    @property
    def is_money(self) -> bool:
        return any(f"[{currency}]" in self.kind for currency in CURRENCIES)


@dataclass(frozen=True)
class Quantity:
    """A value and its unit."""

    value: Decimal
    unit: Unit

    @classmethod
    def of(cls, value: str | int | Decimal, unit: str) -> Quantity:
        return cls(Decimal(value), read_unit(unit))

    def __str__(self) -> str:
        return write_quantity(self.value, self.unit.spelling)


CURRENCIES = ("CNY", "USD", "EUR", "GBP", "JPY", "HKD", "KRW", "CHF", "SGD")


# --- From what was read to a unit -------------------------------------------------------------------------------------

DIFFERENCE_MARKS = re.compile(r"^(?:Δ|±|delta[_ ]?)|\((?:温差|差|差值|温升)\)$", re.IGNORECASE)
GRADES = (  # value and kind in one spelling: the number may be left in the unit
    (re.compile(r"IP ?[0-6X][0-9X]?K?", re.IGNORECASE), "ip"),
    (re.compile(r"TRL ?[1-9]", re.IGNORECASE), "trl"),
    (re.compile(r"HV ?[0-9]{1,3}(?:\.[0-9])?", re.IGNORECASE), "hv"),
)
TRAILING_NOTE = re.compile(r"\([^()]*\)$")
NORMAL_CUBIC_METRE = re.compile(r"(?<![A-Za-z])[NS]m\^?3")  # before Nm is read as newton metre
TONNE_PER_TIME = re.compile(r"(?<![A-Za-z])T ?/ ?(?=[dha](?![A-Za-z])|天|日|年|小时|时)")  # nobody offers tesla per day
MONEY_PAIR = re.compile(r"(?:人民币|RMB|CNY)(?=.*元)|(?<=元)(?:人民币|RMB|CNY)", re.IGNORECASE)


def read_unit(text: str, *, strict: bool = False) -> Unit:
    """The unit that `text` spells. Any text is accepted; an unlisted one is opaque, or UnknownUnit when `strict`."""
    unit = _read(text[: LONGEST_UNIT * 2])
    if strict and unit.is_opaque:
        raise UnknownUnit(text.strip()[:LONGEST_UNIT])
    return unit


def listed_spellings() -> Mapping[str, object]:
    """Every spelling of a single unit that is listed, in its own capitals; 万 and million are no units."""
    return table().exact


def is_numeral(spelling: str) -> bool:
    """万, 亿, million: they multiply and measure nothing."""
    return spelling in NUMERALS


@lru_cache(maxsize=4096)
def _read(text: str) -> Unit:
    shown = INVISIBLE.sub("", text).strip()[:LONGEST_UNIT]
    plain = normal_form(text)
    if not plain or plain in {"1", "-", "无", "无量纲", "none", "None"}:
        return Unit(NUMBER, Fraction(1), shown)
    opaque = Unit("opaque:" + plain.replace(" ", "").casefold()[:LONGEST_UNIT], Fraction(1), shown)
    if len(plain) > LONGEST_UNIT:
        return opaque
    return _own_kind(plain, shown) or _difference(plain) or _compound(plain, shown) or opaque


def _own_kind(plain: str, shown: str) -> Unit | None:
    compact = plain.replace(" ", "")
    found = atom(compact)
    if found and found.kind:
        return Unit(found.kind, found.factor, shown)
    for pattern, kind in GRADES:
        if pattern.fullmatch(plain):
            return Unit(kind, Fraction(1), shown)
    if found and found.is_thermometer:
        fahrenheit = found.factor == Fraction(5, 9)
        celsius = found.factor == 1 and compact not in THERMOMETERS
        offset = Fraction(45967, 180) if fahrenheit else Fraction(27315, 100) if celsius else Fraction(0)
        return Unit(TEMPERATURE, found.factor, shown, offset)
    if found and " " in plain:  # "mm Hg", "Shore A": spaces inside one symbol
        return Unit(_kind(single(compact)), found.factor, shown)
    return None


def _difference(plain: str) -> Unit | None:
    """Δ℃, ±K, ℃(温差): a difference of temperatures."""
    rest = DIFFERENCE_MARKS.sub("", plain)
    return as_difference(_read(rest)) if rest not in {plain, ""} else None


def _compound(plain: str, shown: str) -> Unit | None:
    clean = NORMAL_CUBIC_METRE.sub("标方", TONNE_PER_TIME.sub("t/", MONEY_PAIR.sub("", plain)))
    without_note = TRAILING_NOTE.sub("", clean)
    # "% (干基)" is not "%": what a percentage refers to is never a mere note.
    for candidate in (clean,) if "%" in clean else (clean, without_note):
        try:
            product = Reader(candidate).whole()
        except Unreadable:
            continue
        return Unit(_kind(product), product.factor, shown)
    return None


RATIO_NAMES = {  # so that mg/g compares with wt%, mL/L with vol%, mmol/mol with mol%, μm/m with με
    "[mass]^1": "mass",
    "[length]^3": "volume",
    "[substance]^1": "substance",
    "[length]^1": "length",
}


def _kind(product: Product) -> str:
    dimensions = {key: power for key, power in product.dimensions.items() if power and key != FRACTION_DIMENSION}
    if dimensions:
        return _written(dimensions)
    if product.dimensions.get(FRACTION_DIMENSION) or (product.atoms == 0 and product.factor < 1):
        return FRACTION  # %, ‰, ppm, 10⁻⁶
    above = {key: power for key, power in product.above.items() if power}
    if not above:
        return NUMBER
    written = _written(above)
    return f"fraction of {RATIO_NAMES.get(written, written)}"


def _written(dimensions: Dimensions) -> str:
    return "·".join(f"{key}^{power}" for key, power in sorted(dimensions.items()))


def as_difference(unit: Unit) -> Unit:
    """The same degrees as a difference of temperatures: 10 ℃ warmer is 10 K warmer. Other units stay as they are."""
    if unit.kind != TEMPERATURE:
        return unit
    return replace(unit, kind="[temperature]^1", offset=Fraction(0))


# --- Comparing --------------------------------------------------------------------------------------------------------


def same_kind(unit_a: Unit | str, unit_b: Unit | str) -> bool:
    """Do the two units measure the same thing, so that their values can be compared?"""
    return _unit(unit_a).kind == _unit(unit_b).kind


def compare(value: Decimal, unit: Unit | str, other_value: Decimal, other_unit: Unit | str) -> int | None:
    """-1, 0 or 1 as the first quantity is less than, equal to or more than the second; None if they do not compare."""
    first, second = _unit(unit), _unit(other_unit)
    if first.kind != second.kind or not (_is_usable(value) and _is_usable(other_value)):
        return None
    a, b = _base(value, first), _base(other_value, second)
    return (a > b) - (a < b)


def convert(value: Decimal, unit: Unit | str, to_unit: Unit | str) -> Decimal:
    """The value in `to_unit`, to 28 digits. Raises UnknownUnit when the units do not compare."""
    source, target = _unit(unit), _unit(to_unit)
    if source.kind != target.kind or not _is_usable(value):
        raise UnknownUnit(source.spelling, target.spelling)
    exact = (_base(value, source) - target.offset) / target.factor
    with localcontext(prec=28):
        return Decimal(exact.numerator) / Decimal(exact.denominator)


def write_number(value: Decimal, digits: int = 6) -> str:
    """Without an exponent where it is short enough to read, rounded to `digits` significant figures."""
    if not value.is_finite():
        return str(value)
    with localcontext(prec=max(digits, 1)):
        rounded = (+value).normalize()
    if rounded == value:
        rounded = value
    exponent = rounded.adjusted() if rounded else 0
    if not -5 <= exponent <= 12:
        return f"{rounded.normalize():E}".replace("E+", "e").replace("E", "e")
    plain = f"{rounded:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain and rounded is not value else plain


PREFIX_KINDS = {"trl": "TRL", "ip": "IP", "ph": "pH"}  # written before the number


def write_quantity(value: Decimal, unit: str) -> str:
    """For example "15 LMH/bar", "92 %", "TRL 6", "pH 7"."""
    return _with_unit(write_number(value), unit)


def write_range(low: Decimal, high: Decimal, unit: str) -> str:
    """For example "20–30 μm", "-40 to 85 ℃" as "-40–85 ℃", "pH 1–2"."""
    return _with_unit(f"{write_number(low)}–{write_number(high)}", unit)


def _with_unit(number: str, unit: str) -> str:
    prefix = PREFIX_KINDS.get(read_unit(unit).kind)
    return f"{prefix} {number}" if prefix else f"{number} {unit.strip()}".strip()


def _unit(unit: Unit | str) -> Unit:
    return unit if isinstance(unit, Unit) else read_unit(unit)


def _is_usable(value: Decimal) -> bool:
    return value.is_finite() and (not value or abs(value.adjusted()) <= LARGEST_MAGNITUDE)


def _base(value: Decimal, unit: Unit) -> Fraction:
    return Fraction(value) * unit.factor + unit.offset
