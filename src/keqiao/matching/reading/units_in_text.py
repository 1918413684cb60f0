"""Where does the unit after a number end? The longest run that is a unit, in running text of either language.

A unit is one atom or several with a sign between them (W/(m·K), 万元/年, feet per second): words that merely stand side
by side are no product, so that 16%时 is a percentage and not a percentage times an hour.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from keqiao.catalogue.quantities import Unit, read_unit
from keqiao.catalogue.units import NUMERALS, normal_form, table

LONGEST = 40

# Spellings of running text that are no row of the table: pattern → the unit as the table spells it.
ALIASES = tuple(
    (re.compile(pattern, re.IGNORECASE), unit)
    for pattern, unit in (
        (r"(?:deg(?:ree)?s?\.? ?|[°º˚] ?|o )(?:C|Celsius|centigrade)(?![A-Za-z])", "℃"),
        (r"(?:deg(?:ree)?s?\.? ?|[°º˚] ?|o )(?:F|Fahrenheit)(?![A-Za-z])", "℉"),
        (r"(?:deg(?:ree)?s?\.? ?|[°º˚] ?|o )(?:K|Kelvin)(?![A-Za-z])", "K"),
        (r"arc[- ]?sec(?:ond)?s?(?![A-Za-z])", "arcsec"),
        (r"arc[- ]?min(?:ute)?s?(?![A-Za-z])", "arcmin"),
        (r"per ?cent(?![A-Za-z])", "%"),
        (r"percentage points?", "个百分点"),
        (r"parts?[- ]per[- ]million(?: \(ppm\))?", "ppm"),
        (r"parts?[- ]per[- ]billion(?: \(ppb\))?", "ppb"),
        (r"parts?[- ]per[- ]trillion(?: \(ppt\))?", "ppt"),
        (r"orders? of magnitude|个?数?量级(?!别)", "个数量级"),
        (r"(?:nautical miles?|n\. ?miles?)(?![A-Za-z])", "nmi"),
    )
)
# One-character units that are parts of many words: only where no other character follows at once.
RISKY = frozenset("巴分时节开安法西特牛帕托角坎勒转圈微方斤两卡焦亨乏泊埃摩库折回位档等星代层路道里寸亩度")
AFTER_RISKY = re.compile(r"(?![\u4e00-\u9fff])|(?=[以左及的每至和与、，])")
NOT_ALONE = frozenset({"时", "分", "日", "月", "年度", "西", "名", "种", "项", "道", "号"})
WORD_GOES_ON = re.compile(
    r"(?:周|星期)[龄期边围岁密向]|年[代生级份龄轮均际间月后]?(?<=年[代生级份龄轮均际])|天[然空线津体气牛麻]|米[粉饭制糠汤]"
    r"|升[高级温至华压降]|克[服隆氏]|秒差|元[素件器组]|次[级要方数生品序]|倍[频增率数体]|吨位|度[数量]|小时候|分钟前后|伏[击安特]安"
)
LETTER_AND_NUMBER = re.compile(r" \d")  # "W 3 K 2" names a treatment
MODEL_NUMBER = re.compile(r"-\d{2,} ?")  # the MC-130
FOLLOWED_BY = {  # Latin units of one letter that mean something else before these
    "S": re.compile(r" ?(?:r?RNA|rDNA|and|or|\d)"),
    "A": re.compile(r" [A-Za-z]|型|组|类"),
    "a": re.compile(r" [A-Za-z]|蛋白|基因|型|类|[)]"),
    "degree": re.compile(r" of "),
    "degrees": re.compile(r" of "),
    "g": re.compile(r" ?-?force|'s"),
}
REFUSED = frozenset("b B x X U M G D E P R O Q Y Z i j k n p q u v w y H".split())  # noqa: SIM905 -- reads better
ENGLISH_WORDS_THAT_ARE_NOT = frozenset(
    "in as at to or and for of no an on class head mn bn point points star sq layer ch dB. deg. gal. micro pc cc."
    " case cases person copy copies".split()  # noqa: SIM905 -- reads better
)

LATIN_RUN = re.compile(r"[A-Za-zμΩÅ℃℉][A-Za-zμΩÅ]*|[%‰]|[°′″\"']{1,2}")
LATIN_RUN_WITH_SIGN = re.compile(r"(?:wt|vol|mol|at)\.? ?%|% ?(?:RH|FS|F\.S\.|IACS|ee)\b|dB\([A-C]\)|[°º]C|Shore ?[AD]\b")
EXPONENT = re.compile(r" ?\^ ?\(?-?\d(?:\.\d)?\)?| ?-[1-4](?!\d|\.\d)|[1-4](?!\d|\.\d|[A-Za-z])|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹](?:[·.][⁵])?")
SEPARATOR = re.compile(r" ?[/·⋅•∙*×] ?| \. ?(?=[A-Za-zμ]{1,3}-\d)|(?<=[A-Za-z0-9])\.(?=[A-Za-zμ]{1,3}(?:[-/^·,，。\d]|$))|\. ?(?=[℃K])| per (?:(?:square|cubic) )?|每| (?=[A-Za-zμ]{1,3} ?/ ?[A-Za-zμ])| (?=[A-Za-zμ]{1,4}(?:\^? ?-[1-4]|⁻))|-(?=(?:h|hr|hour|m|lb)\b)")
LOST_MINUS = re.compile(r" ([1-3])(?=[和与及,，。;；、)·]|$)")  # "t·hm 2" was t·hm⁻² before optical reading
RAISED = re.compile(r" ([23])(?=[和与及,，。;；、)]|$)")  # "g / m 3"
SPACED_EXPONENT = re.compile(r" - ([1-3])(?!\d)")
SPACED = re.compile(r"[A-Za-zμ](?: [A-Za-zμ]){1,4}(?![A-Za-z])")
HARDNESS = re.compile(r"H ?V ?\d{1,2}(?:\.\d)?")
NUMERAL = re.compile(
    r" ?(十万|百万|千万|万亿|十亿|百亿|千亿|万|亿|千(?![克米瓦伏卡赫帕焦牛安斤])|百(?!分)|(?:thousand|million|billion|mn|bn)(?![A-Za-z]))"
)
SHORT_MONEY = re.compile(r"([kKmMbB]) {0,2}(CNY|RMB|USD|EUR|GBP|dollars?|euros?|yuan)(?![A-Za-z])")
SIZES = {"k": "thousand", "m": "million", "b": "billion"}
FOLD = re.compile(r"[xX](?![A-Za-z0-9])(?! ?\d)")  # "10x the level"
PREFIX_APART = re.compile(r"(milli|micro|nano|pico|femto|centi|kilo|mega|giga)[- ]([a-z]{3,9})(?![a-z])", re.IGNORECASE)
CJK_KEY = 8


@cache
def _cjk_keys() -> frozenset[str]:
    return frozenset(key for key in table().exact if "\u4e00" <= key[0] <= "\u9fff" and key not in NUMERALS)


HYPHENATED = re.compile(r"-(?=[a-z]{3}|(?:[kMG]?W|[kMG]?Hz|kg|[kcmnuμ]m|kV|mA|[GM]Pa)\b)")


def unit_at(text: str, position: int) -> tuple[str, int]:
    """The spelling of the unit that begins here (after at most two spaces) and its end; ("", position) if there is none."""
    start = position
    while start < position + 2 and text[start : start + 1] == " ":
        start += 1
    if HYPHENATED.match(text, start):
        start += 1  # 24-hour, 12-inch
    return _unit(text[start : start + LONGEST], start, position)


def _unit(window: str, start: int, position: int) -> tuple[str, int]:
    for pattern, unit in ALIASES:
        if found := pattern.match(window):
            spelling, end = extended(window, unit, found.end())
            return spelling, start + end
    apart = PREFIX_APART.match(window)
    if apart and _is_atom(apart[1] + apart[2]):  # "milli-joules", "nano meters"
        spelling, end = extended(window, apart[1] + apart[2], apart.end())
        return spelling, start + end
    money = SHORT_MONEY.match(window)
    if money:
        return f"{SIZES[money[1].casefold()]} {money[2]}", start + money.end()
    if start == position and FOLD.match(window):
        return "x", start + 1
    numeral = NUMERAL.match(window)
    if numeral:
        offset = numeral.end()
        while window[offset : offset + 1] == " ":
            offset += 1
        spelling, end = _atoms(window, offset)
        if spelling:
            return f"{numeral[1]} {spelling}" if numeral[1].isascii() else numeral[1] + spelling, start + end
        return numeral[1], start + numeral.end()
    spelling, end = _atoms(window, 0)
    return (spelling, start + end) if spelling else ("", position)


def _atoms(window: str, offset: int) -> tuple[str, int]:
    spelling, end = _atom(window, offset)
    if not spelling:
        return "", offset
    return extended(window, spelling, end)


def extended(window: str, spelling: str, end: int) -> tuple[str, int]:
    """Exponents and further atoms, as long as the whole reads as a unit."""
    best = (spelling, end)
    current, at = spelling, end
    for _turn in range(6):
        exponent = EXPONENT.match(window, at)
        if exponent and spelling[-1:] not in "%‰°′″\"'" and _is_known(current + exponent[0].replace(" ", "")):
            current, at = current + exponent[0].replace(" ", ""), exponent.end()
            best = (current, at)
        apart = SPACED_EXPONENT.match(window, at) if "·" in current else None
        if apart and _is_known(f"{current}-{apart[1]}"):
            current, at = f"{current}-{apart[1]}", apart.end()
            best = (current, at)
        lost = LOST_MINUS.match(window, at) if "·" in current else None
        if lost and _is_known(f"{current}-{lost[1]}"):
            return f"{current}-{lost[1]}", lost.end()
        raised = RAISED.match(window, at) if current[-1:] == "m" else None
        if raised and _is_known(current + raised[1]):
            return current + raised[1], raised.end()
        separator = SEPARATOR.match(window, at)
        if separator is None:
            break
        bracket = window[separator.end() : separator.end() + 1] in {"(", "（"}
        if bracket:
            close = re.search(r"[)）]", window[separator.end() :])
            if close is None:
                break
            group_end = separator.end() + close.end()
            atom = re.sub(r"\s", "", window[separator.end() : group_end]).replace("（", "(").replace("）", ")")
            following = group_end
        else:
            atom, following = _atom(window, separator.end(), is_inner=True)
        if not atom:
            break
        sign = separator[0] if " per" in separator[0] else separator[0].strip(" .") or "·"
        current, at = f"{current}{'·' if sign == '-' else sign}{atom}", following
        if _is_known(current):
            best = (current, at)
    return best if _is_known(best[0]) else ("", end)


def _atom(window: str, offset: int, *, is_inner: bool = False) -> tuple[str, int]:
    special = LATIN_RUN_WITH_SIGN.match(window, offset)
    if special:
        return special[0].replace(" ", ""), special.end()
    if "\u4e00" <= window[offset : offset + 1] <= "\u9fff":
        return _cjk_atom(window, offset, is_inner=is_inner)
    hardness = HARDNESS.match(window, offset)
    if hardness:
        return hardness[0].replace(" ", ""), hardness.end()
    run = LATIN_RUN.match(window, offset)
    if run is None:
        return "", offset
    spaced = SPACED.match(window, offset)
    if spaced and len(run[0]) == 1:  # "r / m i n", "k b": letters that optical reading set apart
        letters = spaced[0]
        while " " in letters:
            joined = letters.replace(" ", "")
            if _is_atom(joined) and len(joined) > 1 and joined.casefold() not in ENGLISH_WORDS_THAT_ARE_NOT:
                return joined, offset + len(letters)
            letters = letters.rpartition(" ")[0]
    return _latin_atom(window, run[0], offset, is_inner=is_inner)


def _latin_atom(window: str, run: str, offset: int, *, is_inner: bool) -> tuple[str, int]:
    end = offset + len(run)
    following = window[end : end + 1]
    is_divided = bool(re.match(r" ?/", window[end : end + 2]))
    if not is_inner and not is_divided and (run in REFUSED or run.casefold() in ENGLISH_WORDS_THAT_ARE_NOT):
        return "", offset
    if (not is_inner and len(run) == 1 and run.isalpha() and LETTER_AND_NUMBER.match(window, end)) or _is_model(run, window, end):
        return "", offset
    goes_on = FOLLOWED_BY.get(run)
    if not is_inner and goes_on and goes_on.match(window, end):
        return "", offset
    if following.isascii() and following.isdigit() and not EXPONENT.match(window, end):
        return "", offset
    if not is_inner and run == "S" and not re.match(r"[/·⁻^]| (?:cm|m)", window[end : end + 3]):
        return "", offset
    return (run, end) if _is_atom(run) else ("", offset)


def _is_model(run: str, window: str, end: int) -> bool:
    """The MC-130; but 4K-300K is a range."""
    following = MODEL_NUMBER.match(window, end)
    return bool(following) and run.isupper() and len(run) > 1 and not window.startswith(run, end + len(following[0]))


def _cjk_atom(window: str, offset: int, *, is_inner: bool) -> tuple[str, int]:
    keys = _cjk_keys()
    for length in range(CJK_KEY, 0, -1):
        piece = window[offset : offset + length]
        if len(piece) < length or piece not in keys:
            continue
        end = offset + length
        if is_inner:
            return piece, end
        if piece in NOT_ALONE or WORD_GOES_ON.match(window, end - 1):
            continue
        if length == 1 and piece in RISKY and not AFTER_RISKY.match(window, end):
            continue
        return piece, end
    return "", offset


@lru_cache(maxsize=4096)
def _is_atom(spelling: str) -> bool:
    return not read_unit(spelling).is_opaque and normal_form(spelling) not in NUMERALS


def _is_known(spelling: str) -> bool:
    return not read_unit(spelling).is_opaque


COUNTS = frozenset(
    f"[{name}]^1" for name in ("piece", "set", "plant", "animal", "person", "wafer", "sample", "cell", "frame")
) | {"item", "layer", "channel", "generation", "grade", "star", "score", "bit depth"}


def is_count(unit: Unit) -> bool:
    """Mere numbers of things: 12 种, 60 例. With a time or an area (万台/年) they are figures."""
    return unit.kind in COUNTS
