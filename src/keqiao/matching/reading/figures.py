"""From a text to its figures: numbers, ranges and lists of numbers with their units and the words that compare them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise

from keqiao.catalogue.quantities import NUMBER as NUMBER_KIND
from keqiao.catalogue.quantities import Unit, convert, read_unit
from keqiao.matching.reading import bare, names, wording
from keqiao.matching.reading.masks import NO_FIGURE
from keqiao.matching.reading.numbers import NUMBER, Number, even_form, mended, number_at
from keqiao.matching.reading.roles import Sentences, role_of
from keqiao.matching.reading.types import Reading, Role
from keqiao.matching.reading.units_in_text import RISKY, SIZES, extended, is_count, unit_at

LONGEST_TEXT = 20_000  # characters that are read
MOST = 400  # figures of one text
MOST_OF_A_QUERY = 120
MOST_NUMBERS = 600  # numbers of one text that are looked at
MOST_IN_A_LIST = 12
WINDOW = 36
CJK = re.compile(r"[\u4e00-\u9fff]")
ALONE_TOLERANCE = re.compile(r"(?:±|\+/-|\+-|\bplus or minus) {0,12}$", re.IGNORECASE)
PLUS_MINUS = re.compile(r" ?(?:±|\+/-|\+-) ?")
LIST_SIGN = re.compile(
    r" ?[x×X*] ?(?=[-+]?\d)|(?:-(?= (?:and|or) ))? ?(?:\([^()\d]{1,10}\)|\)(?= ?[、,和及与] ?\())? ?"
    r"(?:[、,;/](?: ?(?:and|or))?|和|及|与|或|\band\b|\bor\b|\bvs\b\.?|\.(?=\d)) ?(?:(?<=[、,和及与])\(|(?<=[、,和及与] )\()?(?=[-+]? ?\d)"
)
CURRENCIES = {"¥": "CNY", "￥": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "RMB": "CNY", "US$": "USD"}
CURRENCY_BEFORE = re.compile(r"(US\$|[¥￥$€£]|\b(?:CNY|RMB|USD|EUR|GBP)\b) {0,2}$", re.IGNORECASE)
MONEY_SIZE = re.compile(r" ?([kKmMbB])(?![A-Za-z/])")
PREFIXED = re.compile(
    r"(?:(?P<trl>(?<![A-Za-z])TRLs?\)?|(?:技术)?(?:成熟度|就绪度)(?:等级)?|readiness levels?(?: ?\(TRLs?\))?)|(?P<ph>(?<![A-Za-z])p ?H)"
    r"|(?P<mach>\bMach|马赫数?(?: ?M(?:a(?![A-Za-z]))?)?|(?<![A-Za-z])Ma(?= ?[=\d]|$)|(?:(?<=to )|(?<=at )|(?<=from ))M(?= ?=)))(?: ?值| numbers?"
    r"| values?| levels?)?(?: start| end| target| goal)?(?: equal(?: to)? or)?"
    rf"(?:(?: ?(?:{wording.alternatives(wording.BEFORE_WORDS)}|是|在|in the range|between|from|范围|at))? ?(?:[=:of为约(]|of"
    rf"|in)?){{0,3}}[ -]?$",
    re.IGNORECASE,
)
PREFIX_UNITS = {"trl": "TRL", "ph": "pH", "mach": "Mach"}
FACTOR_OF = re.compile(r"(?:\b(?:an?|by|the|within|some) |^)factors? of (?:about |up to |at least |more than |over )?$", re.IGNORECASE)
HUNDREDTHS = re.compile(r"百分之(?P<digits>\d{1,3}(?:\.\d{1,3})?|[一二三四五六七八九十百零两]{1,5})")
PROTECTION = re.compile(r"(?<![A-Za-z0-9])IP ?(?P<grade>[0-6][0-9])(?![0-9])")


@dataclass(frozen=True)
class _Figure:
    """One number or range before its words are looked at."""

    start: int
    end: int  # of the number
    value: Decimal
    high: Decimal | None = None
    spread: Decimal | None = None
    unit: str = ""
    unit_end: int = 0
    currency: str = ""
    prefix_start: int = -1  # where "TRL" or "$" begins


# --- Figures of a text ------------------------------------------------------------------------------------------------


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
    found = _equivalents(even, _listed_names(even, found))
    sentences = Sentences(even)
    return [
        replace(reading, status=sentences.status(reading), condition=condition)
        for reading, condition in zip(found, sentences.conditions(text, found), strict=True)
    ]


LIST_GAP = re.compile(r"[ 、,，/;]{0,2}(?:和|及|与|或|and |or )? ?| ?[x×] ?", re.IGNORECASE)


def _listed_names(text: str, found: Sequence[Reading]) -> list[Reading]:
    """A list of figures, each with its unit, has one name, or one name each after 分别."""
    named: list[Reading] = []
    at = 0
    while at < len(found):
        end = at + 1
        while end < len(found) and LIST_GAP.fullmatch(text, found[end - 1].last, found[end].start):
            end += 1
        listed = list(found[at:end])
        own = names.before(text, _before(text, listed[0].start)[1], 0, len(listed)) if len(listed) > 1 else []
        is_spread = len({name for name, _start in own}) > 1
        listed = _equally_compared(text, listed)
        for place, reading in enumerate(listed):
            name = own[place][0] if is_spread else listed[0].name
            named.append(replace(reading, name=name, role=listed[0].role) if place or is_spread else reading)
        at = end
    return named


JOINT = re.compile(r"[、和及与或]|and |or ")
BOUNDS = {">=", "<="}


def _equally_compared(text: str, listed: list[Reading]) -> list[Reading]:
    """A comparison before the first or behind the last of a list of one kind holds for all: 至少 5 mm、6 mm."""
    head, tail = listed[0], listed[-1]
    are_alike = len({read_unit(one.unit).kind for one in listed}) == 1
    if len(listed) == 1 or not (are_alike or _are_joined(text, listed)):
        return listed
    if tail.comparator in BOUNDS and all(one.comparator == "=" for one in listed[:-1]):
        if text[tail.end : tail.last].strip():
            return [replace(one, comparator=tail.comparator, is_stated=True) for one in listed]
    is_open = OPEN_NUMBER.search(text[head.start : head.end])  # 2000 多: of this figure alone
    if head.comparator in BOUNDS and not is_open and all(one.comparator == "=" for one in listed[1:]):
        return [replace(one, comparator=head.comparator, is_stated=True) for one in listed]
    return listed


def _are_joined(text: str, listed: Sequence[Reading]) -> bool:
    """By "and" or 、; after a mere comma a figure of another kind stands for itself."""
    return all(JOINT.search(text, one.last, other.start) for one, other in pairwise(listed))


EQUIVALENT = re.compile(r" ?\( ?(?:or |i\.e\.,? |about |approximately |approx\.? |即|约|相当于)?")
NEARLY = Fraction(8, 100)


def _equivalents(text: str, found: Sequence[Reading]) -> list[Reading]:
    """In "at least 150 mm (5.9 in)" the same length stands twice, and the comparison holds for both."""
    told: list[Reading] = []
    for reading in found:
        first = told[-1] if told else None
        if first and EQUIVALENT.fullmatch(text, first.last, reading.start) and _are_the_same(first, reading):
            reading = replace(reading, comparator=first.comparator, is_stated=first.is_stated, name=first.name)
        told.append(reading)
    return told


def _are_the_same(one: Reading, other: Reading) -> bool:
    mine, yours = read_unit(one.unit), read_unit(other.unit)
    if mine.kind != yours.kind or one.unit == other.unit or one.high is not None or other.high is not None:
        return False
    base = Fraction(one.value) * mine.factor + mine.offset
    return abs(base - (Fraction(other.value) * yours.factor + yours.offset)) <= abs(base) * NEARLY


def _groups(text: str, taken: Sequence[tuple[int, int]]) -> Iterator[list[_Figure]]:
    """Figures that share their unit and their words: "92.2 %、92.8 % and 92.1 %" are three groups, "0、40 和 80 g" is one."""
    position = looked_until = 0
    for hundredth in HUNDREDTHS.finditer(text):
        taken = [*taken, (hundredth.start("digits"), hundredth.end())]
    special = sorted([*_hundredths(text), *_protections(text)], key=lambda figure: figure.start)
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


def _hundredths(text: str) -> Iterator[_Figure]:
    for found in HUNDREDTHS.finditer(text):
        value = _chinese_number(found["digits"])
        if value is not None:
            yield _Figure(found.start(), found.end(), value, unit="%", unit_end=found.end())


def _protections(text: str) -> Iterator[_Figure]:
    for found in PROTECTION.finditer(text):
        yield _Figure(found.start(), found.end(), Decimal(found["grade"]), unit="IP", unit_end=found.end())


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


def _group(text: str, at: int, until: int) -> tuple[list[_Figure], int]:
    """The figures that share a unit from here on, up to `until`, and how far was looked for it."""
    first = _with_unit(text, _single(text, at))
    if first.unit in MOST_OF_PREFIXED and first.prefix_start >= 0:
        return _prefixed(text, first)
    listed = [first]
    while listed[-1].end < until and not first.currency and not listed[-1].unit and len(listed) < MOST_IN_A_LIST:
        sign = LIST_SIGN.match(text, listed[-1].end)
        if sign is None or sign.end() >= until or _is_year(listed[-1], text):
            break
        following = _single(text, sign.end())
        if following.end == following.start:
            break
        listed.append(_with_unit(text, following))
    last = listed[-1]
    if len(listed) > 1 and last.unit and not _is_bare(last.unit):
        return [*(replace(one, unit=last.unit) for one in listed[:-1]), last], last.end
    if _are_shares(text, listed):
        return listed, last.end
    return [first], last.end


def _are_shares(text: str, listed: Sequence[_Figure]) -> bool:
    """Correlations of 0.87 and 0.91; among fractions also a plain 0 or 1."""
    spelled = [text[one.start : one.end] for one in listed if not one.unit]
    fractional = sum("." in one for one in spelled)
    return (
        len(spelled) == len(listed) and fractional * 2 > len(listed) and all("." in s or len(s) == 1 for s in spelled)
    )


MOST_OF_PREFIXED = {"TRL": 9, "pH": 14, "Mach": 40}


def _prefixed(text: str, first: _Figure) -> tuple[list[_Figure], int]:
    """In "pH 3.0 和 4.0" what stands before the first number counts for the others."""
    listed = [first]
    while len(listed) < MOST_IN_A_LIST and (sign := LIST_SIGN.match(text, listed[-1].end)):
        following = _with_unit(text, _single(text, sign.end()))
        if following.unit or following.end == following.start or following.value > MOST_OF_PREFIXED[first.unit]:
            break
        listed.append(replace(following, unit=first.unit, unit_end=following.end))
    return listed, listed[-1].end


def _is_year(figure: _Figure, text: str) -> bool:
    return bool(re.fullmatch(r"(?:19|20)\d\d", text[figure.start : figure.end]))


def _single(text: str, at: int) -> _Figure:
    number = number_at(text, at)
    if number is None:
        return _Figure(at, at, Decimal(0))
    spread = PLUS_MINUS.match(text, number.end)
    plus = number_at(text, spread.end()) if spread else None
    end = plus.end if plus else number.end
    return _Figure(number.start, end, number.value, spread=plus.value if plus else None)


def _with_unit(text: str, figure: _Figure) -> _Figure:
    figure = _with_prefix(text, figure)
    unit, unit_end = _unit_after(text, figure)
    figure = replace(figure, unit=unit, unit_end=unit_end)
    second = _second(text, figure)
    if second is not None:
        figure = second
    elif not figure.unit and figure.spread is None:
        spread = PLUS_MINUS.match(text, figure.end)
        figure = replace(figure, unit_end=figure.end) if spread is None else figure
    elif figure.unit and figure.spread is None:
        spread = PLUS_MINUS.match(text, figure.unit_end)
        plus = number_at(text, spread.end()) if spread else None
        if plus is not None:
            unit, unit_end = unit_at(text, plus.end)
            figure = replace(figure, spread=plus.value, end=plus.end, unit_end=max(unit_end, plus.end))
    return _mended(text, figure)


def _with_prefix(text: str, figure: _Figure) -> _Figure:
    before = text[max(0, figure.start - WINDOW) : figure.start]
    currency = CURRENCY_BEFORE.search(before)
    if currency:
        code = currency[1].upper()
        return replace(
            figure, currency=CURRENCIES.get(code, code), prefix_start=figure.start - len(before) + currency.start()
        )
    if FACTOR_OF.search(before):
        return replace(figure, unit="times", unit_end=figure.end)
    prefixed = PREFIXED.search(before)
    if prefixed:
        kind = next(name for name in PREFIX_UNITS if prefixed[name])
        return replace(
            figure,
            unit=PREFIX_UNITS[kind],
            prefix_start=figure.start - len(before) + prefixed.start(),
            unit_end=figure.end,
        )
    return figure


def _unit_after(text: str, figure: _Figure) -> tuple[str, int]:
    if figure.unit:
        return figure.unit, figure.end
    more = MORE_THAN.match(text, figure.end)
    at = more.end() if more else figure.end
    opened = OPENED.search(text[max(0, figure.start - 4) : figure.start])
    if opened and (closed := re.match(r" ?\){1,2} ?(?=[%‰A-Za-zμ°℃\u4e00-\u9fff])", text[at:])):
        unit, end = unit_at(text, at + closed.end())
        if unit and not _is_bare(unit):
            return unit, end
    if figure.currency:
        size = MONEY_SIZE.match(text, at)
        word, end = (SIZES[size[1].lower()], size.end()) if size else unit_at(text, at)
        if not size and word and not _is_bare(word):
            word, end = "", at
        whole, rest = extended(text[end : end + WINDOW], figure.currency, 0)
        return f"{word} {whole}".strip(), end + rest
    for context, letter in LETTERS_IN_CONTEXT:
        found = letter.match(text, at) if context.search(text[max(0, figure.start - 32) : figure.start]) else None
        if found:
            whole, rest = extended(text[at : at + WINDOW], found[0].strip(), found.end() - at)
            return whole or found[0].strip(), at + (rest if whole else found.end() - at)
    if text.startswith("月", at) and MONTHS_BEFORE.search(text[max(0, figure.start - 16) : figure.start]):
        return "月", at + 1
    if DAYS_AFTER.match(text, at) or (
        text.startswith("日", at) and DAYS_BEFORE.search(text[max(0, figure.start - 6) : figure.start])
    ):
        return "日", at + 1
    return unit_at(text, at)


# Single letters that are units only where the text speaks of what they measure.
LETTERS_IN_CONTEXT = (
    (re.compile(r"酶|enzym|activity", re.IGNORECASE), re.compile(r" ?U(?![A-Za-z])")),
    (re.compile(r"浓度|concentrat|molar", re.IGNORECASE), re.compile(r" ?M(?![A-Za-z-])")),
)
DAYS_AFTER = re.compile(r"日(?=以?内|之内|后|以上|期|债|均)")
DAYS_BEFORE = re.compile(r"(?:提前|届?满|至少|逾|超过|连续|为期|银行间|每隔?|[不]少于) ?$")
MONTHS_BEFORE = re.compile(r"(?:后|至少|长达|为期|[周天月年][、及和])[\d、,~-]{0,12}$")  # 术后 1、3、6月: no dates


MORE_THAN = re.compile(r"\+(?= ?[A-Za-z%])| ?[余多](?!次|种)")  # 7000余亩, 20+ liters: at least so many
OPEN_NUMBER = re.compile(r"\d ?[+余多]")
OPENED = re.compile(r"[(\[] ?·? ?$")


def _is_bare(unit: str) -> bool:
    return read_unit(unit).kind == NUMBER_KIND


def _second(text: str, figure: _Figure) -> _Figure | None:
    """The figure as a range, when a second end follows."""
    joint = _joint(text, figure)
    if joint is None:
        return None
    repeated = REPEATED_PREFIX.match(text, joint.end())
    number = number_at(text, repeated.end() if repeated else joint.end())
    if number is None or not _may_end_a_range(text, figure, joint[0].strip(), number):
        return None
    unit, unit_end = _unit_of_end(text, figure, number)
    if unit in {"", "年"} and not figure.unit and _is_year(figure, text):
        return None
    is_apart = not unit or _is_bare(unit) or figure.value >= number.value or figure.unit not in {"", unit}
    if joint[0] == " " and figure.unit == "%" and not unit and PERCENT_LOST.match(text, number.start):
        unit, unit_end, is_apart = "%", number.end, figure.value >= number.value  # 9.1 % 37.8, as optical reading leaves it
    if joint[0] == " " and is_apart:
        return None  # "50 70%" and "25 % 75 %" lost their dash to optical reading; other neighbours are no range
    if figure.unit and not unit and joint[0].strip() in DASHES:
        return None
    return _range(text, figure, number, unit, unit_end if unit else number.end)


def _joint(text: str, figure: _Figure) -> re.Match[str] | None:
    """The dash, 至, to, or the "and" after "between", that stands after the first end."""
    at = max(figure.unit_end, figure.end)
    joint = wording.RANGE_SIGN.match(text, at)
    begin = figure.prefix_start if figure.prefix_start >= 0 else figure.start
    if joint is None and wording.BETWEEN.search(text[max(0, begin - 20) : begin]):
        joint = wording.AND_OF_BETWEEN.match(text, at)
        if joint and not joint[0].strip().endswith("and") and not wording.BETWEEN_WITHIN.match(text, joint.end()):
            joint = None  # 在饲粮中添加 250 和 500 g/t are two
    return joint or LOST_DASH.match(text, at)


def _may_end_a_range(text: str, figure: _Figure, joint: str, number: Number) -> bool:
    if joint == "-" and number.value < 0:
        return False
    if joint and joint not in DASHES and wording.FROM_TO_CHANGE.search(text[max(0, figure.start - 40) : figure.start]):
        return False
    return True


def _unit_of_end(text: str, figure: _Figure, number: Number) -> tuple[str, int]:
    if figure.prefix_start >= 0 and not figure.currency:  # TRL 6-8
        return figure.unit, number.end
    spread = PLUS_MINUS.match(text, number.end)  # 64.5±4.8 to 82.2±9.6 %
    plus = number_at(text, spread.end()) if spread else None
    end = plus.end if plus else number.end
    return _unit_after(text, replace(figure, end=end, value=number.value, unit=""))


def _range(text: str, figure: _Figure, number: Number, unit: str, end: int) -> _Figure | None:
    """Both ends in the unit of the first; None when they measure different things."""
    shared, high = figure.unit or unit, number.value
    if figure.unit and unit and figure.unit != unit:
        mine, yours = read_unit(figure.unit), read_unit(unit)
        if figure.unit in PLAIN_DEGREES and unit in {"℃", "℉"}:  # -40 degree to +80 degree Celsius
            shared = unit
        elif _is_bare(figure.unit) or figure.unit == figure.currency:  # 3-5 万元, $75-100 million
            shared = figure.unit if _is_bare(unit) else unit
        elif mine.kind != yours.kind:
            return None
        else:
            high = number.value if mine.factor == yours.factor else convert(number.value, yours, mine)
    low = figure.value
    is_plain = text[figure.start : figure.end].replace(".", "").isdigit()
    if number.power and is_plain and not figure.unit and figure.value * Decimal(10) ** number.power < high:
        low = figure.value.scaleb(number.power)  # 2-4 × 10⁸: the power is of both
    low, high = sorted((low, high))
    return replace(figure, end=number.end, value=low, high=high, unit=shared, unit_end=max(end, number.end))


PLAIN_DEGREES = {"degree", "degrees", "deg", "°"}
DASHES = {"-", "--", "~"}
REPEATED_PREFIX = re.compile(r"[¥￥$€£] ?|(?:EUR|USD|CNY|RMB|GBP) |(?:TRL|pH|Mach) ?")
LOST_DASH = re.compile(r" (?=\d)")
PERCENT_LOST = re.compile(r"\d+\.\d+ ?[,，。;；]")
HOT = re.compile(r"temperature|thermal|heat|cool|melt|anneal|furnace|温|热", re.IGNORECASE)
GRADE_BEFORE = re.compile(r"(?<![A-Za-z])[A-Z]{2,5} $")
CAPACITOR = re.compile(r"电容|capacit", re.IGNORECASE)
MEMORY = frozenset(Decimal(2**n) for n in range(4, 13))
RATE_WORDS = re.compile(r"倍率|C-rate|charg|充电|放电|循环", re.IGNORECASE)


SPEED = re.compile(r"velocit|speed", re.IGNORECASE)
POINTS_OF_THOUSANDS = re.compile(r"\d{1,3}(?:\.000){1,3}")


WARM = re.compile(r"温度?(?:为|是|在|约|达到?|于|至|升?高?到)? ?$|temperature (?:of|is|was|at) $", re.IGNORECASE)


def _mended(text: str, figure: _Figure) -> _Figure:
    """2430F of a hot rim are degrees; 293T, API 5L, 64K and a closing quotation mark are no quantities."""
    if _is_no_unit(text, figure):
        return replace(figure, unit="", unit_end=figure.end)
    if figure.unit == "fps" and SPEED.search(text[max(0, figure.start - 40) : figure.start]):
        return replace(figure, unit="ft/s")
    if POINTS_OF_THOUSANDS.fullmatch(text, figure.start, figure.end) and read_unit(figure.unit).is_money:
        return replace(figure, value=Decimal(text[figure.start : figure.end].replace(".", "")))  # 120.000 euro
    if figure.unit == "°" and WARM.search(text[max(0, figure.start - 16) : figure.start]):
        return replace(figure, unit="℃")
    if figure.unit[:1] not in {"F", "C"} or figure.unit[1:2] not in {"", "/"}:
        return figure
    around = text[max(0, figure.start - 160) : figure.end + 80]
    is_rate = figure.unit == "C" and RATE_WORDS.search(around)
    is_capacity = figure.unit[0] == "F" and (figure.value < LEAST_FAHRENHEIT or CAPACITOR.search(around))
    if is_rate or (is_capacity and (figure.unit != "F" or not HOT.search(around))):
        return figure
    if figure.unit == "C" and not LEAST_CELSIUS <= figure.value <= MOST_CELSIUS and not HOT.search(around):
        return replace(figure, unit="", unit_end=figure.end)
    return replace(figure, unit=("℉" if figure.unit[0] == "F" else "℃") + figure.unit[1:])


def _is_no_unit(text: str, figure: _Figure) -> bool:
    if text[figure.unit_end : figure.unit_end + 1] >= "\ue000":  # a sign that was not decoded
        return True
    if figure.unit == '"':
        return _is_year(figure, text) or bool(OPENING.match(text, figure.end)) or text.startswith("s ", figure.unit_end)
    if figure.unit in RISKY and LETTER_BEFORE.search(text[max(0, figure.start - 3) : figure.start]):
        return True  # F 1 牛 are hybrids
    if figure.unit == "°" and text[figure.end : figure.end + 1] == " " and _is_full_stop(text, figure):
        return True
    if figure.unit == "°" and QUOTED.search(text[max(0, figure.start - 8) : figure.start]):
        return True  # ‘浚单20 ° was a closing quotation mark
    if not figure.unit.isupper() or text[figure.end : figure.end + 1] != figure.unit:
        return False
    around = text[max(0, figure.start - 160) : figure.end + 160]
    is_cell_line = figure.unit == "T" and (figure.value > MOST_TESLA or not MAGNETIC.search(around))
    is_memory = figure.unit == "K" and figure.value in MEMORY
    return is_cell_line or is_memory or bool(GRADE_BEFORE.search(text[max(0, figure.start - 8) : figure.start]))


LETTER_BEFORE = re.compile(r"(?<![A-Za-z])[A-Z] $")
OPENING = re.compile(r" [\"”][A-Za-z]")
QUOTED = re.compile(r"[‘'“][^’'”]{1,6}$|[’'”]、[^’'”]{1,5}$")
ANGULAR = re.compile(
    r"[角纬经坡旋转]|方[位向]|相位|视场|倾|偏|[东西南北][经纬偏]|°.*°|° ?[NSEW](?![A-Za-z])|\b(?:lat|lon|angle|field|tilt|rotat|view)",
    re.IGNORECASE,
)
AFTER_A_STOP = re.compile(r"[A-Z\u4e00-\u9fff]|$")


def _is_full_stop(text: str, figure: _Figure) -> bool:
    """In "MOI 为 50 ° PDGF 处理" optical reading took the Chinese full stop for a degree."""
    if figure.value % 15 == 0 or not CJK.search(text) or not AFTER_A_STOP.match(text[figure.unit_end :].lstrip(" ")):
        return False
    return ANGULAR.search(text[max(0, figure.start - 60) : figure.unit_end + 30]) is None


LEAST_FAHRENHEIT = 20  # a bare F of at least so many is a temperature, as capacitors have less
LEAST_CELSIUS, MOST_CELSIUS = 100, 4000
MOST_TESLA = 60
MAGNETIC = re.compile(r"magnet|tesla|field|flux|\bMR|NMR|MRI|磁|场强|超导|superconduct", re.IGNORECASE)


# --- Their words ------------------------------------------------------------------------------------------------------


def _worded(text: str, group: Sequence[_Figure], earliest: int, *, is_query: bool) -> Iterator[Reading]:
    head, tail = group[0], group[-1]
    begin = head.prefix_start if head.prefix_start >= 0 else head.start
    before, first = _before(text, begin)
    if before == ">=" and _is_during(text, first, begin, read_unit(tail.unit)):
        before = ""
    if head.prefix_start >= 0 and not head.currency:
        inside = _before(text, head.start)[0]
        before = before or inside
    unit = read_unit(tail.unit)
    after, last = _after(text, max(tail.unit_end, tail.end), unit)
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
        comparator = after if after and before in {"", "="} else before
        following = text[last : last + LOOKED_AFTER]
        comparator = _direction(comparator, own_name or name or following, figure, unit)
        if comparator in {">=", "<="} and wording.THAN_A_GROUP.search(text[max(0, first - 4) : begin]):
            is_compared = wording.SIGNIFICANTLY.search(text[max(0, first - 4) : first])
            comparator = "=" if is_compared or wording.GROUP.match(following) else comparator
        if figure.spread is None and ALONE_TOLERANCE.search(text[max(0, figure.start - 15) : figure.start]):
            comparator = "<="
        if text.startswith("+", figure.end) or MORE_THAN.match(text, figure.end):  # 30+ m
            comparator = ">="
        if not unit.kind or _is_glued(text, figure, unit):
            continue
        if (
            _lacks_unit(figure)
            and not _is_named_number(text, head, own_name if is_query else tied, comparator, is_query=is_query)
            and not _is_listed_number(text, figure, earliest)
        ):
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
            is_count=is_count(unit) or _is_of_events(text, figure),
            is_money=unit.is_money,
        )


def _is_of_events(text: str, figure: _Figure) -> bool:
    """2次调查 counts surveys; 寿命 1000 次 is a figure."""
    following = text[figure.unit_end : figure.unit_end + 2]
    if figure.unit in {"万次", "亿次"}:
        return "次数" in text[max(0, figure.start - 8) : figure.start]
    return figure.unit == "次" and bool(re.match(r"(?!以|左|及|或|后|以内)[\u4e00-\u9fff]", following))


def _lacks_unit(figure: _Figure) -> bool:
    return not figure.unit or _is_bare(figure.unit)


def _before(text: str, at: int) -> tuple[str, int]:
    """The comparison that stands before the figure, and where it begins."""
    window = text[max(0, at - WINDOW) : at]
    opened = window.endswith("(")
    window = window.removesuffix("(")
    offset = max(0, at - WINDOW)
    extreme = wording.EXTREME_OF.search(window)
    if extreme:
        return (">=" if extreme["least"] else "<="), offset + extreme.start()
    most = wording.AT_MOST_VERB.search(window)
    if most and not opened:
        return "<=", offset + most.start()
    stated = wording.STATED_BEFORE.search(window)
    if stated and wording.LACKING.fullmatch(stated["word"]) and opened:
        return "", at  # 氮肥供应不足(0.05 mmol/L)
    if (
        stated
        and not wording.WITH_ARTICLE.match(stated[0])
        and not (opened and wording.EXTREME.fullmatch(stated["word"]))
    ):
        reaches = wording.EXTREME.fullmatch(stated["word"]) and re.search("[达为是]", stated[0])
        return "=" if reaches else wording.BEFORE_WORDS[stated["word"].casefold()], offset + stated.start()
    return "", at


CHAIN = re.compile(r"\d ?- ?\d{3,} ?- ?$")
FEWEST, LEAST_LONG, MOST_DIGITS = 4, 6, 8
HOTTEST = 2000


def _is_glued(text: str, figure: _Figure, unit: Unit) -> bool:
    """3060 cm was 30–60 cm before optical reading lost the dash: beyond reading, as nobody can be sure."""
    digits = text[figure.start : figure.end]
    if (
        figure.high is not None
        or not CJK.search(text)
        or not digits.isdigit()
    ):
        return False
    if CHAIN.search(text[max(0, figure.start - 14) : figure.start]):
        return True  # the last end of 0-10、10-20 without its comma
    if not FEWEST <= len(digits) <= MOST_DIGITS:
        return False
    low, high = digits[: len(digits) // 2], digits[len(digits) // 2 :]
    if high.startswith("0") or int(low) >= int(high):
        return False
    spelling = figure.unit.replace(" ", "")
    if len(digits) >= LEAST_LONG and (spelling == "nm" or "·" in spelling or ("/" in spelling and not unit.is_money)):
        return True
    if unit.kind == "[length]^1":
        return spelling in {"cm", "μm"} or (spelling == "m" and len(digits) == MOST_DIGITS)
    if unit.kind == "temperature":
        return int(digits) > HOTTEST
    return unit.kind in {"[time]^1", "fraction"} and spelling not in {"年", "s", "ms"}


LOOKED_AFTER = 28
DURING = re.compile(r"over (?:about |approximately )?$", re.IGNORECASE)
HAS_OVER = re.compile(
    r"\b(?:ha(?:s|ve|d)|with|for|of|is|are|was|lasts?|stores?|takes?|took|to|by|in|than) $|[(]$", re.IGNORECASE
)


def _is_during(text: str, first: int, begin: int, unit: Unit) -> bool:
    """Data collected over 2 months; but a life of over 2 months is longer."""
    if unit.kind != "[time]^1" or not DURING.fullmatch(text[first:begin]):
        return False
    return HAS_OVER.search(text[max(0, first - 12) : first]) is None


WITHIN_KINDS = re.compile(r"^\[(?:time|length|[A-Z]{3})\]\^1$|fraction")


def _after(text: str, at: int, unit: Unit) -> tuple[str, int]:
    plus = wording.OPEN_PLUS.match(text, at)
    if plus:
        return ">=", plus.end()
    aside = ASIDE.match(text, at)  # 10 kg (22 lbs) or less
    stated = wording.STATED_AFTER.match(text, aside.end() if aside else at)
    if stated and not (stated[0] == "内" and not WITHIN_KINDS.search(unit.kind)):
        return wording.AFTER_WORDS[stated[0].strip().casefold()], stated.end()
    return "", at


ASIDE = re.compile(r" ?(?:\([^()]{2,24}\)|\))(?= (?:or|and) )")


SMALL_KINDS = re.compile(r"^\[(?:length|time|angle)\]\^1$")  # better than 10 m: a position, a delay


def _direction(comparator: str, name: str, figure: _Figure, unit: Unit) -> str:
    if comparator == "better":
        is_share = unit.kind == "fraction" and figure.value > 50
        is_small = wording.SMALLER_IS_BETTER.search(name) or (
            SMALL_KINDS.search(unit.kind) and not wording.LARGER_IS_BETTER.search(name)
        )
        return "<=" if is_small and not is_share else ">="
    return comparator


def _is_named_number(text: str, figure: _Figure, name: str, comparator: str, *, is_query: bool) -> bool:
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


def _is_listed_number(text: str, figure: _Figure, previous: int) -> bool:
    """准确率和 AUC 分别为 79.5 % 和 0.88: the second has no unit, and stands in a list of figures."""
    return (
        0 < previous < figure.start
        and "." in text[figure.start : figure.end]
        and text[previous : figure.start].strip() != ""
        and LIST_GAP.fullmatch(text, previous, figure.start) is not None
        and bare.ENDS.match(text, figure.end) is not None
    )
