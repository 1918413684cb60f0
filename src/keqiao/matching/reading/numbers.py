"""Numbers as texts write them: full width, thousands, powers of ten, signs; their places are places in the text as typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

FULL_WIDTH = {0xFF01 + i: chr(0x21 + i) for i in range(94)} | {0x3000: " ", 0x2009: " ", 0x202F: " ", 0xA0: " "}
SIGNS = str.maketrans("−–—〜≧≦⩾⩽﹣∼µ˜", "---~≥≤≥≤-~μ~")
EVEN = FULL_WIDTH | SIGNS


def even_form(text: str) -> str:
    """Half width, character by character, so that places in it are places in the text as typed."""
    return text.translate(EVEN)


PLAIN = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,12})(?:\.\d{1,9})?|\.\d{1,6}(?!\.\d))(?:[eE][-+]?\d{1,2}(?![\dA-Za-z]))?"
SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹"
TEN_TO = (
    rf"10(?:\^ ?\(?(?P<power{{n}}>[-+]?\d{{{{1,2}}}})\)?|(?P<raised{{n}}>[⁻⁺]?[{SUPERSCRIPT}]{{{{1,2}}}})"
    rf"|(?P<flat{{n}}>-[1-9]\d?|1?[0-9])(?!\d))"
)
TIMES_TEN = rf"(?: ?[×✕xX*·] ?{TEN_TO.format(n=1)})?"
SIGN_GUARD = r"(?:(?<=[为是约达至到于在过了下和、:=(,~≥≤<> ])|(?<![^\n]))"
GUARD = r"(?:(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]\.)(?<![A-Za-z]-)|(?<=TRL)|(?<=TRL-)|(?<=pH)|(?<=[^A-Za-z]Ma))"
NUMBER = re.compile(
    rf"(?P<sign>{SIGN_GUARD}[-+](?: (?=\d+(?:\.\d+)?[°‰℃]))?)?{GUARD}"
    rf"(?:(?P<alone>10(?=\^|[⁻⁺{SUPERSCRIPT}]| -\d{{1,2}} [A-Z]))(?:(?:\^| (?=-)) ?\(?(?P<power0>[-+]?\d{{1,2}})\)?"
    rf"|(?P<raised0>[⁻⁺]?[{SUPERSCRIPT}]{{1,2}}))"
    rf"|(?P<plain>{PLAIN}){TIMES_TEN})"
)
NUMBER_AT = re.compile(NUMBER.pattern.replace(GUARD, "").replace(SIGN_GUARD, ""))
SUPERSCRIPT_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


@dataclass(frozen=True)
class Number:
    """Where it stands, and what it is worth."""

    start: int
    end: int
    value: Decimal


def number_at(text: str, at: int) -> Number | None:
    found = NUMBER_AT.match(text, at)
    if found is None:
        return None
    power = found["power0"] or found["raised0"] or found["power1"] or found["raised1"] or found["flat1"] or ""
    base = Decimal((found["plain"] or "1").replace(",", ""))
    exponent = int(power.translate(SUPERSCRIPT_DIGITS)) if power else 0
    try:
        value = base.scaleb(exponent) * (-1 if (found["sign"] or "").strip() == "-" else 1)
    except InvalidOperation:
        return None
    return Number(found.start(), found.end(), value)
