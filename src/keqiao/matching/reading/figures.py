"""From a text to its figures: numbers, ranges and lists of numbers with their units and the words that compare them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice

from keqiao.catalogue.quantities import Unit, read_unit
from keqiao.matching.reading import bare, comparing, doubts, lists, names, wording
from keqiao.matching.reading.masks import NO_FIGURE
from keqiao.matching.reading.numbers import NUMBER, even_form, mended
from keqiao.matching.reading.roles import Sentences, role_of
from keqiao.matching.reading.spans import MORE_THAN, is_bare, single, with_unit
from keqiao.matching.reading.types import Figure, Reading, Role
from keqiao.matching.reading.units_in_text import is_count

LONGEST_TEXT = 20_000  # characters that are read
MOST = 400  # figures of one text
MOST_OF_A_QUERY = 120
MOST_NUMBERS = 600  # numbers of one text that are looked at
MOST_IN_A_LIST = 12
CJK = re.compile(r"[\u4e00-\u9fff]")
ALONE_TOLERANCE = re.compile(r"(?:±|\+/-|\+-|\bplus or minus) {0,12}$", re.IGNORECASE)
LIST_SIGN = re.compile(
    r" ?[x×X*] ?(?=[-+]?\d)|(?:-(?= (?:and|or) ))? ?(?:\([^()\d]{1,10}\)|\)(?= ?[、,和及与] ?\())? ?"
    r"(?:[、,;/](?: ?(?:and|or))?|和|及|与|或|\band\b|\bor\b|\b(?:v ?s|vS|Us)\b\.?|\.(?=\d)) ?(?:(?<=[、,和及与])\("
    r"|(?<=[、,和及与] )\()?(?:(?<=\() (?=\d))?(?=[-+]? ?\d)"
)
RAISED_TO = re.compile(r" ?(?:\bto\b|至|到) ?(?=[-+]?\d)")
HUNDREDTHS = re.compile(r"百分之(?P<digits>\d{1,3}(?:\.\d{1,3})?|[一二三四五六七八九十百零两]{1,5})")
# The spans of a bridge: (55+135+55) m.
SPANS = re.compile(r"\( ?(?P<lengths>\d{1,4}(?:\.\d{1,2})?(?: ?\+ ?\d{1,4}(?:\.\d{1,2})?){1,12}) ?\) ?m(?![A-Za-z0-9])")
# Before its number stands the scale: 硬度达到 HRC90-HRC92.
HARDNESS = re.compile(
    r"(?<![A-Za-z])(?P<scale>HRC|HRA|HRB) ?(?P<low>\d{1,3}(?:\.\d)?)"
    r"(?: ?[-~至] ?(?:(?P=scale))? ?(?P<high>\d{1,3}(?:\.\d)?))?(?![\d.]*\d)"
)
PROTECTION = re.compile(r"(?<![A-Za-z0-9])IP ?(?P<grade>[0-6][0-9])(?![0-9])")
LOOKED_AFTER = 28
CLAUSE = 60  # characters before a comparison


def readings(text: str, *, is_query: bool = False) -> list[Reading]:
    """All figures of the text in order. `is_query`: in a search any named and compared number counts (通量 15 以上)."""
    even = even_form(text[:LONGEST_TEXT]) if is_query else mended(even_form(text[:LONGEST_TEXT]))
    taken = [found.span() for found in NO_FIGURE.finditer(even)] if not is_query else []
    found: list[Reading] = []
    previous = 0
    for group in islice(_groups(even, taken), MOST_OF_A_QUERY if is_query else MOST_NUMBERS):
        if len(found) >= MOST:
            break
        for reading in _worded(even, group, previous, is_query=is_query):
            found.append(reading)
            previous = reading.last
    if is_query:
        return found
    found = lists.equivalents(even, lists.listed(even, found))
    sentences = Sentences(even)
    return [
        replace(reading, status=sentences.status(reading), condition=condition)
        for reading, condition in zip(found, sentences.conditions(text, found), strict=True)
    ]


def _groups(text: str, taken: Sequence[tuple[int, int]]) -> Iterator[list[Figure]]:
    """Figures that share their unit and their words: "92.2 %、92.8 % and 92.1 %" are three groups, "0、40 和 80 g" is one."""
    position = looked_until = 0
    for hundredth in HUNDREDTHS.finditer(text):
        taken = [*taken, (hundredth.start("digits"), hundredth.end())]
    for row in SPANS.finditer(text):
        taken = [*taken, row.span()]
    for hard in HARDNESS.finditer(text):
        taken = [*taken, hard.span()]
    special = sorted(
        [*_hundredths(text), *_protections(text), *_spans(text), *_hardnesses(text)], key=lambda figure: figure.start
    )
    while position < len(text):
        found = NUMBER.search(text, position)
        while special and (found is None or special[0].start <= found.start()):
            yield [special.pop(0)]
        if found is None:
            return
        if found["plain"] and found["plain"][0] == "." and CJK.search(text):
            position = found.start("plain") + 1  # in Chinese a stray full stop, in English .83
            continue
        blocked = next(
            (end for start, end in taken if start <= found.start("plain" if found["plain"] else "alone") < end), 0
        )
        if blocked:
            position = max(blocked, found.start() + 1)
            continue
        until = next((start for start, _end in sorted(taken) if start > found.start()), len(text))
        group, looked = _group(text, found.start(), until if found.start() >= looked_until else 0)
        looked_until = max(looked_until, looked)
        yield group
        position = max(group[-1].unit_end, group[-1].end, found.start() + 1)


def _hundredths(text: str) -> Iterator[Figure]:
    for found in HUNDREDTHS.finditer(text):
        value = _chinese_number(found["digits"])
        if value is not None:
            yield Figure(found.start(), found.end(), value, unit="%", unit_end=found.end())


def _protections(text: str) -> Iterator[Figure]:
    for found in PROTECTION.finditer(text):
        yield Figure(found.start(), found.end(), Decimal(found["grade"]), unit="IP", unit_end=found.end())


def _hardnesses(text: str) -> Iterator[Figure]:
    for found in HARDNESS.finditer(text):
        low, high = Decimal(found["low"]), Decimal(found["high"]) if found["high"] else None
        yield Figure(found.start(), found.end(), low, high, unit=found["scale"], unit_end=found.end())


def _spans(text: str) -> Iterator[Figure]:
    for row in SPANS.finditer(text):
        for found in re.finditer(r"\d+(?:\.\d+)?", row["lengths"]):
            start, end = row.start("lengths") + found.start(), row.start("lengths") + found.end()
            is_last = end == row.end("lengths")
            yield Figure(start, end, Decimal(found[0]), unit="m", unit_end=row.end() if is_last else end)


CHINESE_DIGITS = {digit: n for n, digit in enumerate("零一二三四五六七八九")} | {"两": 2}


def _chinese_number(text: str) -> Decimal | None:
    if text[0].isdigit():
        return Decimal(text)
    if text == "百":
        return Decimal(100)
    tens, ten, ones = text.partition("十")
    if not ten:
        return Decimal(CHINESE_DIGITS[text]) if text in CHINESE_DIGITS else None
    if (tens and tens not in CHINESE_DIGITS) or (ones and ones not in CHINESE_DIGITS):
        return None
    return Decimal(10 * CHINESE_DIGITS.get(tens, 1) + CHINESE_DIGITS.get(ones, 0))


def _group(text: str, at: int, until: int) -> tuple[list[Figure], int]:
    """The figures that share a unit from here on, up to `until`, and how far was looked for it."""
    first = with_unit(text, single(text, at))
    if first.unit in MOST_OF_PREFIXED and first.prefix_start >= 0:
        return _prefixed(text, first)
    listed = [first]
    while listed[-1].end < until and not first.currency and not listed[-1].unit and len(listed) < MOST_IN_A_LIST:
        sign = LIST_SIGN.match(text, listed[-1].end) or _raised_to(text, listed[-1])
        if sign is None or sign.end() >= until or (doubts.is_year(listed[-1], text) and "、" not in sign[0]):
            break
        following = single(text, sign.end())
        is_half_open = sign[0].endswith("( ") and ")" not in sign[0]  # ) 1、 ( 103
        if following.end == following.start or is_half_open:
            break
        listed.append(with_unit(text, following))
    last = listed[-1]
    if len(listed) > 1 and last.unit and not is_bare(last.unit):
        return [*(replace(one, unit=last.unit) for one in listed[:-1]), last], last.end
    if _are_shares(text, listed):
        return listed, last.end
    return [first], last.end


def _raised_to(text: str, figure: Figure) -> re.Match[str] | None:
    """Doubled from 6 to 12 GeV: two figures, and the unit is of both."""
    is_change = wording.FROM_TO_CHANGE.search(text[max(0, figure.start - 60) : figure.start])
    return RAISED_TO.match(text, figure.end) if is_change else None


def _are_shares(text: str, listed: Sequence[Figure]) -> bool:
    """Correlations of 0.87 and 0.91; among fractions also a plain 0 or 1."""
    spelled = [text[one.start : one.end] for one in listed if not one.unit]
    fractional = sum("." in one for one in spelled)
    return (
        len(spelled) == len(listed) and fractional * 2 > len(listed) and all("." in s or len(s) == 1 for s in spelled)
    )


MOST_OF_PREFIXED = {"TRL": 9, "pH": 14, "Mach": 40}


def _prefixed(text: str, first: Figure) -> tuple[list[Figure], int]:
    """In "pH 3.0 和 4.0" what stands before the first number counts for the others."""
    listed = [first]
    while len(listed) < MOST_IN_A_LIST and (sign := LIST_SIGN.match(text, listed[-1].end)):
        following = with_unit(text, single(text, sign.end()))
        if following.unit or following.end == following.start or following.value > MOST_OF_PREFIXED[first.unit]:
            break
        listed.append(replace(following, unit=first.unit, unit_end=following.end))
    return listed, listed[-1].end


# --- Their words ------------------------------------------------------------------------------------------------------


def _worded(text: str, group: Sequence[Figure], earliest: int, *, is_query: bool) -> Iterator[Reading]:
    head, tail = group[0], group[-1]
    begin = head.prefix_start if head.prefix_start >= 0 else head.start
    before, first = comparing.before(text, begin)
    if before == ">=" and comparing.is_during(text, first, begin, read_unit(tail.unit)):
        before = ""
    if earliest and text[earliest:first].strip() == "" and text[first : first + 1] in {"<", ">"}:
        before = ""  # 15 cm × 15 cm > 10 cm × 15 cm puts in order
    if head.prefix_start >= 0 and not head.currency:
        inside = comparing.before(text, head.start)[0]
        before = before or inside
    unit = read_unit(tail.unit)
    after, last = comparing.after(text, max(tail.unit_end, tail.end), unit)
    if tail.high is not None and (between := wording.BETWEEN_END.match(text, last)):
        last = between.end()
    found_names = names.before(text, first, earliest, len(group))
    tied = found_names[0][0] if len(group) == 1 else names.before(text, first, earliest)[0][0]
    name = found_names[0][0]
    ends = (tail.start, max(tail.unit_end, tail.end))
    role = Role.FIGURE if is_query else role_of(text, ends, (first, last), unit)
    if head.prefix_start >= 0 and not head.currency:
        found_names = [(head.unit, first)] * len(group)
    for figure, (own_name, name_start) in zip(group, found_names, strict=True):
        stated = _Stated(before, after, first, last, begin)
        comparator = _comparator(text, figure, stated, own_name or name, unit)
        is_bare_number = _lacks_unit(figure) and not (
            _is_named_number(text, head, own_name if is_query else tied, comparator, is_query=is_query)
            or _is_listed_number(text, figure, earliest)
        )
        if not unit.kind or is_bare_number or doubts.is_glued(text, figure, unit):
            continue
        is_range = figure.high is not None and figure.high != figure.value
        yield Reading(
            start=figure.prefix_start if figure.prefix_start >= 0 else figure.start,
            end=max(figure.unit_end, figure.end),
            first=min(name_start, first) if figure is head else figure.start,
            last=last if figure is tail else max(figure.unit_end, figure.end),
            value=figure.value,
            high=figure.high if is_range else None,
            spread=figure.spread,
            unit=figure.unit or ("pH" if own_name.casefold() == "ph" else ""),
            comparator="range" if is_range else comparator or "=",
            is_stated=comparator not in {"", "="},
            name=own_name or names.after(text, max(figure.unit_end, figure.end)) if not is_query else own_name,
            role=role,
            is_count=is_count(unit) or _is_of_events(text, tail if figure.unit == tail.unit else figure),
            is_money=unit.is_money,
        )


@dataclass(frozen=True)
class _Stated:
    """The comparing words of a group: which stand before and behind it, and where they and the number begin."""

    before: str
    after: str
    first: int
    last: int
    begin: int


def _comparator(text: str, figure: Figure, stated: _Stated, name: str, unit: Unit) -> str:
    is_raised = stated.before == "<=" and stated.after == ">="  # up to 1.1 or greater
    is_open = stated.before in {"", "="} or is_raised
    following = text[stated.last : stated.last + LOOKED_AFTER]
    comparator = comparing.direction(
        stated.after if stated.after and is_open else stated.before,
        name or following,
        figure,
        unit,
        clause=text[max(0, stated.first - CLAUSE) : stated.first],
    )
    if comparator in lists.BOUNDS and comparing.is_of_a_group(text, stated.first, stated.begin, following):
        comparator = "="
    if figure.spread is None and ALONE_TOLERANCE.search(text[max(0, figure.start - 15) : figure.start]):
        comparator = "<="
    is_open = bool(wording.OPEN_PLUS.match(text, figure.end)) or text.startswith("+ ", figure.end)
    is_more = is_open or MORE_THAN.match(text, figure.end) or AND_MORE.match(text, figure.unit_end)
    return ">=" if is_more else comparator  # 30+ m


AND_MORE = re.compile(r" ?[余多](?=[,，、。;；的来前后间,]|$)")  # 1年余

EVERY = re.compile(r"每 ?(?:\d{1,3} ?)?(?:[日天周月年]|h |小时|个月)[^,，。;；]*$")


def _is_of_events(text: str, figure: Figure) -> bool:
    """2次调查 counts surveys; 寿命 1000 次 is a figure."""
    if figure.unit == "次" and EVERY.search(text[max(0, figure.start - 12) : figure.start]):
        return True  # 每周仅需注射1次
    if figure.unit == "次" and text[: figure.start].rstrip(" ").endswith("重复"):
        return True
    following = text[figure.unit_end : figure.unit_end + 2].lstrip('"“')
    if figure.unit == "次" and "." in text[figure.start : figure.end]:
        return False  # 1.6次和1.8次: nothing is counted in parts
    if figure.unit in {"万次", "亿次"}:
        return "次数" in text[max(0, figure.start - 8) : figure.start]
    return figure.unit == "次" and bool(re.match(r"(?!以|左|及|或|后|以内)[\u4e00-\u9fff]|\d", following))


def _lacks_unit(figure: Figure) -> bool:
    return not figure.unit or is_bare(figure.unit)


def _is_named_number(text: str, figure: Figure, name: str, comparator: str, *, is_query: bool) -> bool:
    """A number without a unit is a figure only when it is tied to a measure."""
    if is_query:
        return bool(name or figure.unit)
    return not figure.unit and bare.is_measure(
        text,
        figure.start,
        figure.end,
        name=name,
        compared=comparator not in {"", "="},
        is_range=figure.high is not None,
    )


def _is_listed_number(text: str, figure: Figure, previous: int) -> bool:
    """准确率和 AUC 分别为 79.5 % 和 0.88: the second has no unit, and stands in a list of figures."""
    return (
        0 < previous < figure.start
        and "." in text[figure.start : figure.end]
        and text[previous : figure.start].strip() != ""
        and lists.LIST_GAP.fullmatch(text, previous, figure.start) is not None
        and bare.ENDS.match(text, figure.end) is not None
    )
