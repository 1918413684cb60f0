"""One number or range with its unit: its sign, its currency or prefix, its other end."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from keqiao.catalogue.quantities import NUMBER as NUMBER_KIND
from keqiao.catalogue.quantities import convert, read_unit
from keqiao.matching.reading import doubts, wording
from keqiao.matching.reading.doubts import is_year
from keqiao.matching.reading.numbers import Number, number_at
from keqiao.matching.reading.types import Figure
from keqiao.matching.reading.units_in_text import NUMERAL, SIZES, extended, unit_at

WINDOW = 36
PLUS_MINUS = re.compile(r"(?:,? {0,9}(?=±)| ?)(?:±|\+/-|\+-) ?")
TOLERANCE_BEFORE = re.compile(r"(?:±|\+/-|\+-) ?$")  # ±0.25 mm, ±0.4 mm are two bounds
CURRENCIES = {"¥": "CNY", "￥": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "RMB": "CNY", "US$": "USD"}
CURRENCY_BEFORE = re.compile(r"(US\$|[¥￥$€£]|\b(?:CNY|RMB|USD|EUR|GBP)\b) {0,2}$", re.IGNORECASE)
NUMERAL_OF_MONEY = re.compile(NUMERAL.pattern, re.IGNORECASE)
NAMED_AGAIN = re.compile(r" (?:USD|dollars?|EUR|euros?|RMB|yuan)\b|元", re.IGNORECASE)
MONEY_SIZE = re.compile(r" ?([kKmMbB])(?:(?![A-Za-z/])|(?<=[KMB])(?=/[a-z]))")
PREFIXED = re.compile(
    r"(?:(?P<trl>(?<![A-Za-z])TRLs?\)?|(?:技术)?(?:成熟度|就绪度)(?:等级)?|readiness levels?(?: ?\(TRLs?\))?)"
    r"|(?P<ph>(?<![A-Za-z])(?-i:p ?H|PH))"
    r"|(?P<mach>\bMach|马赫数?(?: ?M(?:a(?![A-Za-z]))?)?|(?<![A-Za-z])Ma(?= ?[=\d]|$)|(?:(?<=to )|(?<=at )"
    r"|(?<=from ))M(?= ?=)))(?: ?值| numbers?"
    r"| values?| levels?)?(?: start| end| target| goal)?(?: equal(?: to)? or)?"
    rf"(?:(?: ?(?:{wording.alternatives(wording.BEFORE_WORDS)}|是|is|在|(?:in the )?ranges?|between|from|范围|at))? ?"
    rf"(?:[=:of为约(]|of|in)?){{0,3}}[ -]?$",
    re.IGNORECASE,
)
PREFIX_UNITS = {"trl": "TRL", "ph": "pH", "mach": "Mach"}
STRONGEST_BASE = 14
FACTOR_OF = re.compile(
    r"(?:\b(?:an?|by|the|within|some) |^)factors?[- ]of[- ](?:about |up to |at least |more than |over |[<>≥~] ?)?$",
    re.IGNORECASE,
)


def single(text: str, at: int) -> Figure:
    number = number_at(text, at)
    if number is None:
        return Figure(at, at, Decimal(0))
    spread = PLUS_MINUS.match(text, number.end)
    plus = number_at(text, spread.end()) if spread else None
    end = plus.end if plus else number.end
    return Figure(number.start, end, number.value, spread=plus.value if plus else None)


def with_unit(text: str, figure: Figure) -> Figure:
    figure = _with_prefix(text, figure)
    unit, unit_end = _unit_after(text, figure)
    figure = replace(figure, unit=unit, unit_end=unit_end)
    second = _second(text, figure)
    if second is not None:
        figure = second
    elif not figure.unit and figure.spread is None:
        spread = PLUS_MINUS.match(text, figure.end)
        figure = replace(figure, unit_end=figure.end) if spread is None else figure
    elif (
        figure.unit
        and figure.spread is None
        and not TOLERANCE_BEFORE.search(text[max(0, figure.start - 4) : figure.start])
    ):
        spread = PLUS_MINUS.match(text, figure.unit_end)
        plus = number_at(text, spread.end()) if spread else None
        if plus is not None:
            unit, unit_end = unit_at(text, plus.end)
            figure = replace(figure, spread=plus.value, end=plus.end, unit_end=max(unit_end, plus.end))
    return doubts.mended(text, figure)


def _with_prefix(text: str, figure: Figure) -> Figure:
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
    if prefixed and not (prefixed["ph"] and figure.value > STRONGEST_BASE):  # pH (212) was 2-12
        kind = next(name for name in PREFIX_UNITS if prefixed[name])
        return replace(
            figure,
            unit=PREFIX_UNITS[kind],
            prefix_start=figure.start - len(before) + prefixed.start(),
            unit_end=figure.end,
        )
    return figure


def _unit_after(text: str, figure: Figure) -> tuple[str, int]:
    if figure.unit:
        return figure.unit, figure.end
    more = MORE_THAN.match(text, figure.end) or UNCERTAIN.match(text, figure.end)
    at = more.end() if more else figure.end
    opened = OPENED.search(text[max(0, figure.start - 4) : figure.start]) or figure.spread is not None
    if opened and (closed := re.match(r" ?\)(?: ?\))? ?(?=[%‰A-Za-zμ°℃\u4e00-\u9fff])", text[at:])):
        unit, end = unit_at(text, at + closed.end())
        if unit and not is_bare(unit) and unit not in {"F", "C", "A", "S"}:  # D (1.145) F (0.7265)
            return unit, end
    if figure.currency:
        return _of_money(text, figure, at)
    spelling, end = _in_context(text, figure.start, at)
    return (spelling, end) if spelling else unit_at(text, at)


def _of_money(text: str, figure: Figure, at: int) -> tuple[str, int]:
    """What follows in "$45 million" and "$4.5/kg"."""
    size, numeral = MONEY_SIZE.match(text, at), NUMERAL_OF_MONEY.match(text, at)
    if size:
        word, end = SIZES[size[1].lower()], size.end()
    elif numeral:
        word, end = numeral[1].lower(), numeral.end()
        named = NAMED_AGAIN.match(text, end)  # $57 billion USD
        end = named.end() if named else end
    else:
        word, end = "", at
    whole, rest = extended(text[end : end + WINDOW], figure.currency, 0)
    return f"{word} {whole}".strip(), end + rest


def _in_context(text: str, start: int, at: int) -> tuple[str, int]:
    """Units that are units only beside certain words: U of enzymes, 月 and 日 that are no dates."""
    before = text[max(0, start - WINDOW) : start]
    if text.startswith("月", at) and (MONTHS_BEFORE.search(before) or "." in text[start:at]):
        return "月", at + 1
    if text.startswith("日", at) and (DAYS_AFTER.match(text, at) or DAYS_BEFORE.search(before)):
        return "日", at + 1
    for context, letter in LETTERS_IN_CONTEXT:
        found = letter.match(text, at) if context.search(before) else None
        if found:
            whole, rest = extended(text[at : at + WINDOW], found[0].strip(), found.end() - at)
            return whole or found[0].strip(), at + (rest if whole else found.end() - at)
    return "", at


# Single letters that are units only where the text speaks of what they measure.
LETTERS_IN_CONTEXT = (
    (re.compile(r"酶|enzym|activity", re.IGNORECASE), re.compile(r" ?U(?![A-Za-z])")),
    (re.compile(r"浓度|concentrat|molar", re.IGNORECASE), re.compile(r" ?M(?![A-Za-z-])")),
    (
        re.compile(r"[距星系盘核]|尺度|半径|distan|galax|stell?a|radi(?:us|i)", re.IGNORECASE),
        re.compile(r" ?p ?c(?![A-Za-z])"),
    ),
)
DAYS_AFTER = re.compile(r"日(?=以?内|之内|后|以上|期|债|均)")
DAYS_BEFORE = re.compile(r"(?:提前|届?满|至少|逾|超过|连续|为期|银行间|每隔?|不少于) ?$")
MONTHS_BEFORE = re.compile(
    r"(?:(?<!然)(?<!之)(?<!随)后|至少|长达|为期|[周天月年][、及和])[\d、,~-]{0,12}$"
)  # 术后 1、3、6月: no dates


MORE_THAN = re.compile(r"\+(?= ?[A-Za-z%])| ?[余多](?!次|种)")  # 7000余亩, 20+ liters: at least so many
UNCERTAIN = re.compile(r"(?<=\.\d\d)\(\d{1,2}\)|(?<=\.\d{3})\(\d{1,2}\)|(?<=\.\d{4})\(\d{1,2}\)")  # 1.7229(3) nm
OPENED = re.compile(r"[(\[] ?·? ?$")


def is_bare(unit: str) -> bool:
    return read_unit(unit).kind == NUMBER_KIND


def _second(text: str, figure: Figure) -> Figure | None:
    """The figure as a range, when a second end follows."""
    joint = _joint(text, figure)
    if joint is None:
        return None
    repeated = REPEATED_PREFIX.match(text, joint.end())
    number = number_at(text, repeated.end() if repeated else joint.end())
    if number is None or not _may_end_a_range(text, figure, joint[0].strip(), number):
        return None
    unit, unit_end = _unit_of_end(text, figure, number)
    is_priced = repeated is not None and repeated[0][0] in CURRENCIES  # in 2005 to $9.7 billion
    if not figure.unit and is_year(figure, text) and (unit in {"", "年"} or is_priced):
        return None
    is_apart = not unit or is_bare(unit) or figure.value >= number.value or figure.unit not in {"", unit}
    is_apart = is_apart or INTERVAL.match(text, unit_end) is not None  # 0.79 95 % CI
    is_apart = is_apart or _is_unlike(text, figure, number) or (unit == "年" and number.value > FIRST_YEAR)
    if joint[0] == " " and figure.unit == "%" and not unit and PERCENT_LOST.match(text, number.start):
        unit, unit_end = "%", number.end  # 9.1 % 37.8, as optical reading leaves it
        is_apart = figure.value >= number.value
    is_several = joint[0] == " " and "分别" in text[max(0, figure.start - 14) : figure.start]
    before = text[max(0, figure.start - WINDOW) : figure.start]
    is_several = is_several and not (PAIR_FOLLOWS.match(text, unit_end) or PAIR_BEFORE.search(before))
    if (joint[0] == " " and is_apart) or is_several:
        return None  # "50 70%" and "25 % 75 %" lost their dash to optical reading; other neighbours are no range
    if figure.unit and not unit and joint[0].strip() in DASHES:
        return None
    return _range(text, figure, number, unit, unit_end if unit else number.end)


def _is_unlike(text: str, figure: Figure, number: Number) -> bool:
    """1 14.89 % is no range: the ends of one are written with as many decimals."""
    ends = (text[figure.start : figure.end], text[number.start : number.end])
    return not figure.unit and len({len(end.partition(".")[2]) for end in ends}) > 1


def _joint(text: str, figure: Figure) -> re.Match[str] | None:
    """The dash, 至, to, or the "and" after "between", that stands after the first end."""
    at = max(figure.unit_end, figure.end)
    joint = wording.RANGE_SIGN.match(text, at)
    begin = figure.prefix_start if figure.prefix_start >= 0 else figure.start
    if joint is None and wording.BETWEEN.search(text[max(0, begin - 28) : begin]):
        joint = wording.AND_OF_BETWEEN.match(text, at)
        if joint and not joint[0].strip().endswith("and") and not wording.BETWEEN_WITHIN.match(text, joint.end()):
            joint = None  # 在饲粮中添加 250 和 500 g/t are two
    elif joint is None:
        joint = wording.BOTH_ENDS.match(text, at)
    return joint or LOST_DASH.match(text, at)


def _may_end_a_range(text: str, figure: Figure, joint: str, number: Number) -> bool:
    is_word = bool(joint) and joint not in DASHES
    before = text[max(0, figure.start - 60) : figure.prefix_start if figure.prefix_start >= 0 else figure.start]
    is_change = is_word and not UP_TO_BOTH.search(before) and wording.FROM_TO_CHANGE.search(before)
    return not is_change and not (joint == "-" and number.value < 0)


def _unit_of_end(text: str, figure: Figure, number: Number) -> tuple[str, int]:
    is_prefixed = figure.prefix_start >= 0 and not figure.currency  # TRL 6-8
    if is_prefixed or (figure.unit == "times" and figure.unit_end == figure.end):  # a factor of 2-4
        return figure.unit, number.end
    spread = PLUS_MINUS.match(text, number.end)  # 64.5±4.8 to 82.2±9.6 %
    plus = number_at(text, spread.end()) if spread else None
    end = plus.end if plus else number.end
    return _unit_after(text, replace(figure, end=end, value=number.value, unit=""))


def _range(text: str, figure: Figure, number: Number, unit: str, end: int) -> Figure | None:
    """Both ends in the unit of the first; None when they measure different things."""
    shared, high = figure.unit or unit, number.value
    if figure.unit and unit and figure.unit != unit:
        mine, yours = read_unit(figure.unit), read_unit(unit)
        if figure.unit in PLAIN_DEGREES and unit in {"℃", "℉"}:  # -40 degree to +80 degree Celsius
            shared = unit
        elif is_bare(figure.unit) or figure.unit == figure.currency:  # 3-5 万元, $75-100 million
            shared = figure.unit if is_bare(unit) else unit
        elif figure.currency and unit.startswith(f"{figure.unit} per "):
            shared = unit  # $2 billion to $2.5 billion per year
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


# Matured to TRL 4 to 6, an improvement of 2 to 3 orders: what is changed, or by how much, is itself a range.
UP_TO_BOTH = re.compile(
    r"(?:\b(?:to|of|by|about|approximately|roughly|around|nearly)(?: an?| the| a level of| factors? of)?|[至到了约近达为]) ?$",
    re.IGNORECASE,
)
FIRST_YEAR = 1900
PLAIN_DEGREES = {"degree", "degrees", "deg", "°"}
DASHES = {"-", "--", "~"}
REPEATED_PREFIX = re.compile(r"[¥￥$€£] ?|(?:EUR|USD|CNY|RMB|GBP) |(?:TRL|pH|Mach) ?")
PAIR_FOLLOWS = re.compile(r" ?[和与及、,，] ?\d+(?:\.\d+)? ?% \d+(?:\.\d+)? ?%")  # 分别为 1 % 2 % 和 3 % 4 %
PAIR_BEFORE = re.compile(r"\d ?% \d+(?:\.\d+)? ?% ?[和与及、,，] ?$")
INTERVAL = re.compile(r" ?(?:C ?I(?![A-Za-z])|置信|confidence)")
LOST_DASH = re.compile(r" (?=\d)")
PERCENT_LOST = re.compile(r"\d+\.\d+ ?[,，。;；]")
