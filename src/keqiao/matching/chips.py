"""Reading a search text into chips: figures, maturity, mode, price, region and the words that remain.

Every reader takes the text and yields chips with their places in it. All patterns are bounded, and names are looked for
in a window of fixed size before a figure, so that the time is in proportion to the text whatever it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from keqiao.catalogue.quantities import Unit, read_unit, write_number
from keqiao.matching.indicators import shown_wish
from keqiao.matching.reading import Reading, readings
from keqiao.matching.reading.names import ENGLISH_STOPS as ENGLISH_NAME_STOPS
from keqiao.matching.reading.wording import AFTER_WORDS, BEFORE_WORDS
from keqiao.matching.reading.wording import alternatives as _alternatives
from keqiao.matching.stones import MODE_NAMES
from keqiao.matching.types import Price, Wanted

LONGEST_QUERY = 2_000  # characters that are read; the rest is cut off
MOST_TERMS = 6
LONGEST_TERM = 24
KINDS = ("term", "indicator", "trl", "mode", "price", "region")


@dataclass(frozen=True)
class Chip:
    """One condition of a search. `start` and `end` are its place in the text as typed (`SearchQuery.source`)."""

    id: str  # stable: it depends on the meaning, not on the place
    kind: str  # one of KINDS
    label_zh: str
    label_en: str
    start: int
    end: int
    term: str = ""
    indicator: Wanted | None = None
    trl_min: int | None = None
    trl_max: int | None = None
    modes: tuple[str, ...] = ()
    price: Price | None = None
    region: str = ""


# --- Text -------------------------------------------------------------------------------------------------------------

INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def clean(text: str) -> str:
    return re.sub(r"\s+", " ", INVISIBLE.sub(" ", text[: LONGEST_QUERY * 2]))[:LONGEST_QUERY].strip()


TAKEN = "\x1f"  # never in a cleaned text; stands where a chip was, so that words on both sides do not meet


def blanked(text: str, chips: Sequence[Chip]) -> str:
    characters = list(text)
    for chip in chips:
        characters[chip.start : chip.end] = TAKEN * (chip.end - chip.start)
    return "".join(characters)


def squeezed(text: str) -> str:
    """For retrieval: no doubled spaces, no punctuation left alone where a chip was."""
    words = re.sub(r"(?<!\S)[,，、;；。.:：]+(?!\S)", " ", text.replace(TAKEN, " "))
    return re.sub(r"\s+", " ", words).strip(" ,，、;；。:：")


def _id(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:8]


# --- Conditions: everything but the technology ------------------------------------------------------------------------


def conditions_of(text: str, regions: Mapping[str, str]) -> list[Chip]:
    """Read in order of certainty; what one reader took, the next does not see."""
    chips: list[Chip] = []
    readers: tuple[Callable[[str], Iterator[Chip]], ...] = (
        _read_trl,
        _read_modes,
        lambda rest: _read_regions(rest, regions),
        _read_figures,
        _read_stages,
    )
    rest = text
    for reader in readers:
        found = list(reader(rest))
        chips += found
        rest = blanked(rest, found)
    return chips


def rest_of(text: str, conditions: Sequence[Chip], dropped: Sequence[str]) -> str:
    """The text without the conditions; the name of a figure stays, because it says what the thing is about."""
    rest = blanked(text, conditions)
    for chip in conditions:
        name = chip.term if chip.kind == "indicator" and chip.id not in dropped else ""
        if name and text[chip.start : chip.start + len(name)] == name:
            rest = rest[: chip.start] + name + rest[chip.start + len(name) :]
    return rest


# --- Figures ----------------------------------------------------------------------------------------------------------

PRICE_WORDS = re.compile(r"(?:价格|预算|报价|总价|费用预算|转让费|许可费|价|price|budget|fee|asking)$", re.IGNORECASE)
ENGLISH_STOPS = frozenset(ENGLISH_NAME_STOPS)


def _read_figures(text: str) -> Iterator[Chip]:
    for reading in readings(text, is_query=True):
        chip = _price_chip(reading) or _indicator_chip(text, reading)
        if chip is not None:
            yield chip


def _indicator_chip(text: str, reading: Reading) -> Chip | None:
    """Without a name it is no condition; without a comparator (1200 V MOSFET) it is a word like any other."""
    if not reading.name or not (reading.is_stated or reading.high is not None):
        return None
    wanted = reading.as_wanted()
    shown = shown_wish(wanted)
    label = shown if reading.unit in {"pH", "TRL"} else f"{reading.name} {shown}"
    chip_id = _id("indicator", reading.name.casefold(), reading.comparator, reading.value, reading.high, reading.unit)
    named = text.find(reading.name, reading.first, reading.start)
    start = named if named >= 0 else reading.first
    return Chip(chip_id, "indicator", label, label, start, reading.last, term=reading.name, indicator=wanted)


MONEY_KIND = re.compile(r"\[([A-Z]{3})\]\^1")


def _price_chip(reading: Reading) -> Chip | None:
    """Money without a name, or named price or budget. "300 万以内" is money too; "成本 3 万元以下" is an indicator."""
    is_price_word = bool(PRICE_WORDS.search(reading.name))
    unit = read_unit(reading.unit) if reading.unit else None
    currency = _currency(unit, reading.unit, is_price_word=is_price_word or reading.is_stated)
    if unit is None or not currency or (reading.name and not is_price_word) or reading.value < 0:
        return None
    fens = [_fen(value, unit, currency) for value in (reading.value, reading.high) if value is not None]
    if fens[-1] >= 10**15:  # ten trillion yuan: no price
        return None
    is_least = reading.comparator == ">="
    low = fens[0] if is_least or reading.high is not None else None
    price = Price("amount", low, None if is_least else fens[-1], currency)
    zh, en = _price_label(price)
    chip_id = _id("price", price.low_fen, price.high_fen, currency)
    return Chip(chip_id, "price", zh, en, reading.first, reading.last, price=price)


def _currency(unit: Unit | None, spelling: str, *, is_price_word: bool) -> str:
    if unit is None:
        return ""
    found = MONEY_KIND.fullmatch(unit.kind)
    if found:
        return found[1]
    is_bare_amount = spelling.strip() in {"万", "亿", "百万", "千万", "十万"}
    return "CNY" if is_bare_amount and is_price_word else ""


def _fen(value: Decimal, unit: Unit, currency: str) -> int:
    base = value * unit.factor.numerator / unit.factor.denominator
    return int(base * (1 if currency in {"JPY", "KRW"} else 100))


def _price_label(price: Price) -> tuple[str, str]:
    def zh(fen: int) -> str:
        yuan = Decimal(fen) / 100
        unit = {"CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑"}.get(price.currency, price.currency)
        return f"{write_number(yuan / 10_000)} 万{unit}" if yuan >= 10_000 else f"{write_number(yuan)} {unit}"

    def en(fen: int) -> str:
        return f"{Decimal(fen) / 100:,.0f}"

    if price.low_fen is None and price.high_fen is not None:
        return f"价格 ≤ {zh(price.high_fen)}", f"price ≤ {price.currency} {en(price.high_fen)}"
    if price.high_fen is None and price.low_fen is not None:
        return f"价格 ≥ {zh(price.low_fen)}", f"price ≥ {price.currency} {en(price.low_fen)}"
    low, high = price.low_fen or 0, price.high_fen or 0
    return f"价格 {zh(low)}–{zh(high)}", f"price {price.currency} {en(low)}–{en(high)}"


# --- Maturity ---------------------------------------------------------------------------------------------------------

TRL = re.compile(
    rf"(?:\bTRL|(?:技术)?(?:成熟度|就绪度)(?:等级)?|\b(?:technology )?(?:readiness|maturity)(?: level)?) ?"
    rf"(?P<before>{_alternatives(BEFORE_WORDS)})? ?(?:TRL ?)?(?P<first>[1-9])(?![\d.])"
    rf"(?: ?(?:[-~]|至|到|\bto\b) ?(?:TRL ?)?(?P<second>[1-9])(?![\d.]))? ?级?"
    rf"(?P<after>\+| ?(?:{_alternatives(AFTER_WORDS)}))?",
    re.IGNORECASE,
)
# Levels as in GB/T 22900-2022: 4 laboratory, 6 pilot scale, 9 in regular production.
STAGES = (
    (re.compile(r"小试(?!剂)"), 4, "小试", "laboratory scale"),
    (re.compile(r"\blab(?:oratory)?[- ]scale\b", re.IGNORECASE), 4, "小试", "laboratory scale"),
    (
        re.compile(r"(?:已?(?:通过|完成))?中试(?:阶段|验证)?(?!平台|基地|服务|线|车间|装置|剂)"),
        6,
        "中试",
        "pilot scale",
    ),
    (re.compile(r"\bpilot[- ](?:scale|tested|plant)\b", re.IGNORECASE), 6, "中试", "pilot scale"),
    (re.compile(r"(?:已|可|能)?(?:实现)?(?:量产|批量生产|规模化生产)"), 9, "量产", "in production"),
    (
        re.compile(r"\b(?:mass[- ]production|mass[- ]produced|in production)\b", re.IGNORECASE),
        9,
        "量产",
        "in production",
    ),
)


def _read_trl(text: str) -> Iterator[Chip]:
    for found in TRL.finditer(text):
        first = int(found["first"])
        second = int(found["second"]) if found["second"] else None
        sign = BEFORE_WORDS.get((found["before"] or "").casefold()) or AFTER_WORDS.get(
            (found["after"] or "").strip().casefold()
        )
        low: int | None = min(first, second or first)
        high: int | None = max(first, second) if second else None
        if sign == "<=" and second is None:
            low, high = None, first
        label = f"TRL {low}–{high}" if low and high else f"TRL ≤ {high}" if high else f"TRL ≥ {low}"
        yield Chip(_id("trl", low, high), "trl", label, label, found.start(), found.end(), trl_min=low, trl_max=high)


def _read_stages(text: str) -> Iterator[Chip]:
    for pattern, level, zh, en in STAGES:
        for found in pattern.finditer(text):
            yield Chip(
                _id("trl", level, None), "trl", f"{zh}（TRL ≥ {level}）", f"{en} (TRL ≥ {level})", found.start(),
                found.end(), trl_min=level,
            )  # fmt: skip


# --- Mode and region --------------------------------------------------------------------------------------------------

ALL_LICENCES = ("license_exclusive", "license_sole", "license_nonexclusive", "open_license")
MODE_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"独占(?:实施)?许可|独家许可|\bexclusive licen[cs](?:e|ing)\b", ("license_exclusive",)),
    (r"排他(?:实施)?许可|\bsole licen[cs](?:e|ing)\b", ("license_sole",)),
    (r"普通(?:实施)?许可|非独占许可|\bnon-?exclusive licen[cs](?:e|ing)\b", ("license_nonexclusive",)),
    (r"开放许可|\bopen licen[cs](?:e|ing)\b", ("open_license",)),
    (r"作价(?:投资|入股|出资)|技术入股|\bequity(?: contribution| stake)?\b", ("equity_contribution",)),
    (r"(?:合作|委托|联合|共同)(?:开发|研发|研究)", ("development",)),
    (r"\b(?:joint|contract|commissioned) (?:development|research)\b|\bco-?development\b", ("development",)),
    (r"技术咨询|\bconsult(?:ing|ancy)\b", ("consulting",)),
    (r"技术服务|\btechnical services?\b", ("service",)),
    (r"(?:专利|成果|技术)?转让(?!费|价)|\bassignment\b|\bpatent (?:sale|purchase)\b", ("transfer",)),
    (r"(?:专利|技术)?许可(?!费|价|证)|\blicen[cs](?:e|es|ing|ed)\b", ALL_LICENCES),
)  # fmt: skip
MODE_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), modes) for pattern, modes in MODE_WORDS)


def _read_modes(text: str) -> Iterator[Chip]:
    taken: set[int] = set()
    for pattern, modes in MODE_PATTERNS:
        for found in pattern.finditer(text):
            if found.start() in taken or found.end() - 1 in taken:
                continue
            taken |= set(range(found.start(), found.end()))
            zh, en = ("许可", "licence") if modes == ALL_LICENCES else MODE_NAMES[modes[0]]
            yield Chip(_id("mode", *modes), "mode", zh, en, found.start(), found.end(), modes=modes)


PLACE_WORD = re.compile(r"(?:\b(?:in|from|near|at|around) |位于 ?|在 ?)$", re.IGNORECASE)
CHINESE_ENDINGS = ("市", "省", "区", "县", "自治区", "特别行政区")
ENGLISH_ENDINGS = (" City", " Province", " District", " County", " Municipality")


def _read_regions(text: str, regions: Mapping[str, str]) -> Iterator[Chip]:
    """Longest names first, so that 澜江高新区 is not read as 澜江. One region is enough for a search."""
    for name, code in sorted(_region_names(regions).items(), key=lambda item: (-len(item[0]), item[0])):
        at = text.find(name)
        if at >= 0 and _stands_alone(text, at, name):
            before = PLACE_WORD.search(text[max(0, at - 8) : at])
            start = at - len(before[0]) if before else at
            yield Chip(_id("region", code), "region", name, name, start, at + len(name), region=code)
            return


def _region_names(regions: Mapping[str, str]) -> dict[str, str]:
    names = {name: code for name, code in regions.items() if len(name) > 1}
    for name, code in regions.items():
        for ending in (*CHINESE_ENDINGS, *ENGLISH_ENDINGS):
            short = name.removesuffix(ending)
            if short != name and len(short) > 1:
                names.setdefault(short, code)
    return names


def _stands_alone(text: str, at: int, name: str) -> bool:
    """Latin names are whole words; Chinese ones may stand anywhere."""
    if not name[0].isascii():
        return True
    around = text[at - 1 : at] + text[at + len(name) : at + len(name) + 1]
    return not any(character.isascii() and character.isalnum() for character in around)


# --- Terms ------------------------------------------------------------------------------------------------------------

TERM_STOPS = re.compile(
    r"(?:我们|寻找|寻求|需要|想要|希望|求购|有没有|什么样|什么|哪些|哪里|怎么|如何|可以|能够|用于|适用于|适合|关于|以及|并且|而且|同时|要求"
    r"|请问|帮我|一种|一个|一套|相关|方面|价格|预算|报价|地区|附近|本地|优先|团队|成熟度|左右)|[的了和与及或在是有为把给请找求从]|对(?![卷点辊端])|(?<![\u4e00-\u9fff])能(?![源量耗效级力])"
)
ENGLISH_TERM_STOPS = ENGLISH_STOPS | {
    "we", "i", "our", "us", "looking", "solution", "technology", "technologies", "please", "can", "could", "any", "who",
    "about", "using", "use", "based", "me", "my", "it", "this", "these", "those", "than", "price", "budget", "near",
}  # fmt: skip
LATIN_WORD = r"(?:[A-Za-z][A-Za-z0-9./+-]*|\d{1,6}[A-Za-z][A-Za-z0-9-]*(?![\u4e00-\u9fffA-Za-z0-9-]))"
TERM_RUN = re.compile(
    rf"[\u4e00-\u9fff][\u4e00-\u9fffA-Za-z0-9-]*|\d[A-Za-z]{{1,3}}[\u4e00-\u9fff]+|{LATIN_WORD}(?: {LATIN_WORD})*"
)


def terms_of(rest: str) -> Iterator[Chip]:
    found = 0
    for run in TERM_RUN.finditer(rest):
        pieces = _chinese_pieces if re.search(r"[\u4e00-\u9fff]", run[0]) else _english_pieces
        for start, term in pieces(run[0]):
            if found == MOST_TERMS:
                return
            found += 1
            at = run.start() + start
            yield Chip(_id("term", term.casefold()), "term", term, term, at, at + len(term), term=term)


def _chinese_pieces(run: str) -> Iterator[tuple[int, str]]:
    begin = 0
    for stop in [*TERM_STOPS.finditer(run), None]:
        end = stop.start() if stop else len(run)
        piece = run[begin:end][:LONGEST_TERM]
        if len(piece) > 1:
            yield begin, piece
        begin = stop.end() if stop else end


def _english_pieces(run: str) -> Iterator[tuple[int, str]]:
    """Up to three words between stop words."""
    words: list[re.Match[str]] = []
    for word in [*re.finditer(r"\S+", run), None]:
        is_stop = word is None or word[0].casefold() in ENGLISH_TERM_STOPS
        if words and (is_stop or len(words) == 3):
            yield words[0].start(), run[words[0].start() : words[-1].end()]
            words = []
        if word is not None and not is_stop and (len(word[0]) > 1 or word[0].isupper()):
            words.append(word)
