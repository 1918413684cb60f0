"""What context makes of a unit: another one, or none, and which numbers were run together.

Degrees without their sign, full stops and closing quotation marks that optical reading took for degrees, names like 293T.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from keqiao.catalogue.quantities import Unit, read_unit
from keqiao.matching.reading.types import Figure
from keqiao.matching.reading.units_in_text import RISKY

CJK = re.compile(r"[\u4e00-\u9fff]")
HOT = re.compile(r"发酵|培养|孵育|temperature|\btemp\b|thermal|heat|cool|melt|anneal|furnace|温|热", re.IGNORECASE)
GRADE_BEFORE = re.compile(r"(?<![A-Za-z])[A-Z]{2,5} {1,2}$")
CAPACITOR = re.compile(r"电容|capacit", re.IGNORECASE)
MEMORY = frozenset(Decimal(2**n) for n in range(4, 13))
RATE_WORDS = re.compile(r"倍率|C-rate|charg|充电|放电|循环", re.IGNORECASE)
SPEED = re.compile(r"velocit|speed|bullet|projectile|ballistic|muzzle|rounds|impact", re.IGNORECASE)
LOST_INVERSE = re.compile(r"[mμn]?(?:mol|g)·(?:m?L|kg)|m?L·(?:min|h|s)|(?:k?g|t)·hm[2²]|[kMGT][Bb]·s")
ACCELERATED = re.compile(
    r"\b(?:acceleration|shocks?|g-loads?|g-forces?)[^.;,]{0,20}$|(?<!重力)加速度[^,，。;；]{0,8}$", re.IGNORECASE
)
FRAMES = re.compile(r" (?:video|frame|camera|imag)", re.IGNORECASE)
POINTS_OF_THOUSANDS = re.compile(r"\d{1,3}(?:\.000){1,3}")
WARM = re.compile(r"温度?(?:为|是|在|约|达到?|于|至|升?高?到)? ?$|temperature (?:of|is|was|at) $", re.IGNORECASE)
LETTER_BEFORE = re.compile(r"(?<![A-Za-z])(?!A )[A-Z] $")
ARTICLE = re.compile(r"(?<![A-Za-z])A $")
QUOTE_OPENED = re.compile(r'(?<![\w"])"[A-Za-z][^"]*$')  # so-called "quantum 2.0" technologies
OPENING = re.compile(r" [\"”][A-Za-z]")
QUOTED = re.compile(r"[‘'“][^’'”]{1,6}$|[’'”]、[^’'”]{1,5}$")
ANGULAR = re.compile(
    r"[角纬经坡旋转]|方[位向]|相位|视场|倾|偏|[东西南北][经纬偏]|°.*°|° ?[NSEW](?![A-Za-z])"
    r"|\b(?:lat|lon|angle|field|tilt|rotat|view)",
    re.IGNORECASE,
)
AFTER_A_STOP = re.compile(r"[A-Z\u4e00-\u9fff]|$")
LEAST_FAHRENHEIT = 20  # a bare F of at least so many is a temperature, as capacitors have less
MOST_FAHRENHEIT = 20_000
LEAST_CELSIUS, MOST_CELSIUS = 100, 4000
MOST_TESLA = 60
MAGNETIC = re.compile(r"magnet|tesla|field|flux|\bMR|NMR|MRI|磁|场强|超导|superconduct", re.IGNORECASE)
ENDS_BETWEEN, JOINED = re.compile(r" ?之间"), re.compile(r"\d[^,，。;；]*(?:[和与及至到、~-]|and|to) ?$")
CHAIN = re.compile(r"\d ?- ?\d{3,} ?- ?$")
FEWEST, LEAST_LONG, EIGHT, MOST_DIGITS = 4, 6, 8, 10
HOTTEST = 2000
LONGEST_LENGTHS = {
    "mm": 7,
    "m": 6,
    "km": 6,
    "cm": 6,
    "mL": 5,
    "bp": 9,
}  # digits of a length that nobody writes without a comma


def mended(text: str, figure: Figure) -> Figure:
    """2430F of a hot rim are degrees; 293T, API 5L, 64K and a closing quotation mark are no quantities."""
    if _is_no_unit(text, figure):
        return replace(figure, unit="", unit_end=figure.end)
    if POINTS_OF_THOUSANDS.fullmatch(text, figure.start, figure.end) and read_unit(figure.unit).is_money:
        return replace(figure, value=Decimal(text[figure.start : figure.end].replace(".", "")))  # 120.000 euro
    if (other := _meant(text, figure)) != figure.unit:
        return replace(figure, unit=other)
    is_letter = figure.unit[:1] in {"F", "C"} and figure.unit[1:2] in {"", "/"}
    return _with_degrees(text, figure) if is_letter else figure


def _meant(text: str, figure: Figure) -> str:
    """The unit that the words around show to be meant."""
    before = text[max(0, figure.start - 40) : figure.start]
    if figure.unit == "fps" and SPEED.search(before) and not FRAMES.match(text, figure.unit_end):
        return "ft/s"
    if figure.unit == '"' and CJK.search(text) and ANGULAR.search(before[-30:]):
        return "″"  # 转动误差优于 1"
    if figure.unit == "g" and ACCELERATED.search(before):
        return "gn"  # sensing an acceleration of 100g
    if figure.unit == "W/mK":
        return "W/(m·K)"
    if figure.unit == "°" and WARM.search(before[-16:]):
        return "℃"
    return figure.unit.replace("·", "/") if LOST_INVERSE.fullmatch(figure.unit) else figure.unit  # 1.50 mmol·L


def _with_degrees(text: str, figure: Figure) -> Figure:
    """Is a bare C or F a temperature, a rate of charging, a capacity or nothing?"""
    around = text[max(0, figure.start - 160) : figure.end + 80]
    is_rate = figure.unit == "C" and RATE_WORDS.search(around)
    is_capacity = figure.unit[0] == "F" and (figure.value < LEAST_FAHRENHEIT or CAPACITOR.search(around))
    if is_rate or (is_capacity and (figure.unit != "F" or not HOT.search(around))):
        return figure
    if figure.unit == "F" and figure.value > MOST_FAHRENHEIT:
        return replace(figure, unit="", unit_end=figure.end)
    if figure.unit == "C" and not LEAST_CELSIUS <= figure.value <= MOST_CELSIUS and not HOT.search(around):
        return replace(figure, unit="", unit_end=figure.end)
    return replace(figure, unit=("℉" if figure.unit[0] == "F" else "℃") + figure.unit[1:])


def _is_no_unit(text: str, figure: Figure) -> bool:
    is_opening = figure.unit.endswith((' "', " '"))  # 50 billion "smart" things
    if is_opening or text[figure.unit_end : figure.unit_end + 1] >= "\ue000":  # a sign that was not decoded
        return True
    if figure.unit == '"':
        quoted = QUOTE_OPENED.search(text[max(0, figure.start - 60) : figure.start])
        return (
            is_year(figure, text)
            or quoted is not None
            or bool(OPENING.match(text, figure.end))
            or text.startswith("s ", figure.unit_end)
        )
    if figure.unit == "°":
        return _is_no_degree(text, figure)
    is_letter = len(figure.unit) == 1 and (figure.unit == "a" or figure.unit.isupper())
    near = text[max(0, figure.start - 3) : figure.start]
    is_named = LETTER_BEFORE.search(near) or (ARTICLE.search(near) and CJK.search(text))
    if is_named and (figure.unit in RISKY or is_letter):
        return True  # F 1 牛 are hybrids, C 33 A a line of cells, C Y P 735 A an enzyme
    at = figure.end + (figure.unit == "T" and text.startswith(" ", figure.end))  # D S M 30104 T: the type strain
    is_capital = figure.unit.isupper() and text[at : at + 1] == figure.unit
    return is_capital and _is_of_a_name(text, figure)


def _is_of_a_name(text: str, figure: Figure) -> bool:
    """293T cells, 6T batteries, 64K of memory, API 5L."""
    around = text[max(0, figure.start - 160) : figure.end + 160]
    is_apart = text[figure.end : figure.end + 1] == " " and not CJK.search(text)
    is_cell_line = figure.unit == "T" and (figure.value > MOST_TESLA or not (is_apart or MAGNETIC.search(around)))
    is_memory = figure.unit == "K" and figure.value in MEMORY
    is_grade = figure.value % 1 == 0 and GRADE_BEFORE.search(text[max(0, figure.start - 8) : figure.start])
    return is_cell_line or is_memory or bool(is_grade)


def _is_no_degree(text: str, figure: Figure) -> bool:
    """In ‘浚单20 ° it was a closing quotation mark, in "MOI 为 50 ° PDGF 处理" the Chinese full stop."""
    if QUOTED.search(text[max(0, figure.start - 8) : figure.start]):
        return True
    is_apart = text[figure.end : figure.end + 1] == " " and AFTER_A_STOP.match(text[figure.unit_end :].lstrip(" "))
    if figure.value % 15 == 0 or not CJK.search(text) or not is_apart:
        return False
    return ANGULAR.search(text[max(0, figure.start - 60) : figure.unit_end + 30]) is None


def is_glued(text: str, figure: Figure, unit: Unit) -> bool:
    """3060 cm was 30–60 cm before optical reading lost the dash: beyond reading, as nobody can be sure."""
    if not CJK.search(text):
        return False
    digits = text[figure.start : figure.end].lstrip("-+ ")
    if figure.high is not None and figure.unit == "m":
        return any(len(end) >= LONGEST_LENGTHS["m"] for end in re.findall(r"\d+", digits))
    if figure.high is not None or not digits.isdigit():
        return False
    unit_end = max(figure.unit_end, figure.end)
    if (
        figure.unit != "°"
        and ENDS_BETWEEN.match(text, unit_end)
        and not JOINED.search(text[max(0, figure.start - 12) : figure.start])
    ):
        return True  # 113 dB 之间 was 1-13
    is_chained = CHAIN.search(text[max(0, figure.start - 14) : figure.start])  # 0-1010-20 was 0-10, 10-20
    return bool(is_chained) or (_are_two_ends(digits) and _is_too_much(digits, figure.unit.replace(" ", ""), unit))


def _are_two_ends(digits: str) -> bool:
    low, high = digits[: len(digits) // 2], digits[len(digits) // 2 :]
    return FEWEST <= len(digits) <= MOST_DIGITS and not high.startswith("0") and int(low) < int(high)


def _is_too_much(digits: str, spelling: str, unit: Unit) -> bool:
    """Nobody writes so many in this unit."""
    is_product = "·" in spelling or ("/" in spelling and not unit.is_money)
    is_strong = spelling in {"nm", "g/L", "g·L-1"} or spelling.startswith("mmol")
    if (len(digits) > FEWEST and is_strong) or (len(digits) >= LEAST_LONG and is_product):
        return True
    if len(digits) >= LONGEST_LENGTHS.get(spelling, MOST_DIGITS + 1):
        return True
    if unit.kind == "[length]^1":
        return spelling in {"cm", "μm"} or (spelling == "m" and len(digits) == EIGHT)
    if unit.kind == "temperature":
        return int(digits) > HOTTEST
    if spelling == "ms":
        return len(digits) >= LEAST_LONG
    return unit.kind in {"[time]^1", "fraction"} and spelling not in {"年", "s", "Ma", "Ga", "ka"}


def is_year(figure: Figure, text: str) -> bool:
    return bool(re.fullmatch(r"(?:19|20)\d\d", text[figure.start : figure.end]))
