"""The indicators stone: which offered figure answers which wanted one, and does it reach it?

Names are aligned by what they have in common, in Chinese and in English; the unit must measure the same thing; a
figure given under another stated condition is not an answer but a question. Values are compared exactly: 14.9 does
not reach a must of 15, but it is shown how near it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from keqiao.catalogue.quantities import (
    NUMBER as NUMBER_KIND,
)
from keqiao.catalogue.quantities import (
    TEMPERATURE,
    Unit,
    UnknownUnit,
    as_difference,
    convert,
    normal_form,
    read_unit,
    same_kind,
    write_number,
    write_quantity,
    write_range,
)
from keqiao.matching.types import Finding, Offered, Stone, Verdict, Wanted

LEAST_SIMILARITY = 0.5  # of two names that mean the same indicator; measured on the demo pairs
SAME_NAME = 0.9  # so alike that one offered figure may answer a must and a wish
SURE_NAME = 0.7  # below it the figure is shown, but whether it is the same indicator is a question
NEAR_CONDITION = Fraction(1, 3)  # relative: 1,000 h and 1,200 h are one condition, 1,000 h and 200 h are two
NEAR_TEMPERATURE = 10  # kelvin: 25 ℃ and 30 ℃ are one condition, 25 ℃ and 80 ℃ are two
SHOWN_GAP = 5.0  # more than five times the target off needs no percentage
MUST_WEIGHT, WISH_WEIGHT = 2, 1
LONGEST_NAME = 120

Interval = tuple[Decimal | None, Decimal | None]  # None: open on that side


# --- Names ------------------------------------------------------------------------------------------------------------

OPPOSITES = (
    ("最高", "最低"), ("最大", "最小"), ("上限", "下限"), ("进口", "出口"), ("入口", "出口"), ("进水", "出水"),
    ("充电", "放电"), ("横向", "纵向"), ("吸气", "排气"), ("吸附", "解吸"), ("高温", "低温"), ("高温", "常温"),
    ("室温", "高温"), ("拉伸", "弯曲"), ("拉伸", "压缩"), ("抗拉", "抗压"), ("抗拉", "屈服"), ("压缩", "弯曲"),
    ("剪切", "剥离"), ("正极", "负极"), ("发射", "接收"), ("上行", "下行"), ("加热", "冷却"), ("升温", "降温"),
    ("敏感", "特异"), ("灵敏度", "特异"), ("敏感性", "特异"), ("误报", "漏报"), ("误检", "漏检"), ("精确率", "召回率"),
    ("maximum", "minimum"), ("max", "min"), ("inlet", "outlet"), ("influent", "effluent"), ("charge", "discharge"),
    ("tensile", "flexural"), ("tensile", "compressive"), ("tensile", "yield"), ("upper", "lower"),
    ("sensitivity", "specificity"),
    ("precision", "recall"), ("false", "missed"), ("heating", "cooling"), ("transmit", "receive"), ("hot", "cold"),
    ("length", "width"), ("长度", "宽度"), ("直径", "长度"), ("厚度", "宽度"), ("thickness", "width"),
)  # fmt: skip
SYNONYMS = (
    ("准确率", "正确率", "准确度"), ("检出限", "检测限", "检测下限", "最低检出限"), ("良率", "良品率", "成品率"),
    ("幅宽", "膜宽", "有效宽度", "宽幅"), ("处理能力", "处理量", "处理规模"), ("产能", "生产能力", "年产能"),
    ("使用寿命", "寿命", "服役寿命"), ("运行成本", "运行费用", "运行费"), ("脱除率", "去除率"),
    ("脱盐率", "截盐率", "盐截留率"),
    ("电耗", "耗电量", "用电量", "能耗"), ("响应时间", "反应时间"), ("循环寿命", "循环次数"), ("导热系数", "热导率"),
    ("线膨胀系数", "热膨胀系数"), ("能量密度", "比能量"), ("功率密度", "比功率"), ("比容量", "克容量"),
    ("rejection", "retention"), ("lifetime", "life", "durability"), ("width", "breadth"), ("capacity", "throughput"),
    ("flux", "permeance", "permeability"), ("cost", "price"),
    ("consumption", "use", "usage"), ("accuracy", "correctness"),
    ("lod", "limit"), ("yield", "recovery"),
)  # fmt: skip
CANONICAL = {word: group[0] for group in SYNONYMS for word in group}
ENGLISH_SYNONYMS = {word: head for word, head in CANONICAL.items() if word.isascii()}
CHINESE_SYNONYMS = sorted((word for word in CANONICAL if not word.isascii()), key=len, reverse=True)
CHINESE_PATTERN = re.compile("|".join(CHINESE_SYNONYMS))
STOP_WORDS = {
    "of",
    "the",
    "at",
    "for",
    "in",
    "per",
    "and",
    "or",
    "to",
    "a",
    "an",
    "by",
    "with",
    "under",
    "on",
    "value",
    "rate",
}
PARENTHESES = re.compile(r"\(([^()]{1,60})\)")
CJK_RUN = re.compile(r"[\u4e00-\u9fff]+")
LATIN_RUN = re.compile(r"[a-z0-9]+")


def name_similarity(wanted: Wanted, offered: Offered) -> float:
    """0 to 1, over both languages; what stands in parentheses counts as another name for the same thing."""
    pairs = (
        _best(_variants(wanted.name_zh), _variants(offered.name_zh)),
        _best(_variants(wanted.name_en), _variants(offered.name_en)),
        _best(_variants(wanted.name_zh), _variants(offered.name_en)),
        _best(_variants(wanted.name_en), _variants(offered.name_zh)),
    )
    return max(pairs)


def _best(mine: Sequence[str], yours: Sequence[str]) -> float:
    return max((_alike(a, b) for a in mine for b in yours), default=0.0)


@lru_cache(maxsize=8192)
def _variants(name: str) -> tuple[str, ...]:
    plain = normal_form(name[:LONGEST_NAME]).casefold()
    inner = [text.strip() for text in PARENTHESES.findall(plain) if len(text.strip()) > 1]
    bare = PARENTHESES.sub(" ", plain).strip()
    return tuple(dict.fromkeys(text for text in (bare, *inner) if text))


@lru_cache(maxsize=65_536)  # about 10 MB when full; a batch compares the same names again and again
def _alike(a: str, b: str) -> float:
    if a == b:
        return 1.0
    is_chinese = bool(CJK_RUN.search(a))
    if is_chinese != bool(CJK_RUN.search(b)) or _contradict(a, b):
        return 0.0
    # Latin letters in a Chinese name are only part of it, so that they are not compared as English.
    return _chinese_alike(a, b) if is_chinese else _english_alike(a, b)


def _contradict(a: str, b: str) -> bool:
    """One says what is the opposite of the other: 进水 and 出水."""
    mine, yours = _marks(a), _marks(b)
    return any(
        (x in mine and y in yours and x not in yours) or (y in mine and x in yours and y not in yours)
        for x, y in (OPPOSITES if mine and yours else ())
    )


@lru_cache(maxsize=8192)
def _marks(name: str) -> frozenset[str]:
    return frozenset(word for pair in OPPOSITES for word in pair if word in name)


def _chinese_alike(a: str, b: str) -> float:
    first, second = ("".join(CJK_RUN.findall(_common_words(text))) for text in (a, b))
    if not first or not second:
        return 0.0
    if first == second:  # the Latin parts must not contradict: "COD 去除率" is not "TN 去除率"
        return 0.4 if _latin(a) and _latin(b) and not _latin(a) & _latin(b) else 1.0
    score = _overlap(_bigrams(first), _bigrams(second))
    shorter, longer = sorted((first, second), key=len)
    if longer.endswith(shorter) and len(shorter) > 1:  # the head of a Chinese noun stands last: 通量 of 纯水通量
        score = max(score, 0.75)
    elif longer.startswith(shorter):  # 温度 is not 温度均匀性
        score = min(score, 0.45)
    return score * (0.5 if _latin(a) and _latin(b) and not _latin(a) & _latin(b) else 1.0)


def _common_words(text: str) -> str:
    return CHINESE_PATTERN.sub(lambda found: CANONICAL[found[0]], text)


def _english_alike(a: str, b: str) -> float:
    first, second = _english(a), _english(b)
    if not first or not second:
        return 0.0
    score = _overlap(set(first), set(second))
    shorter, longer = sorted((first, second), key=len)
    if longer[-len(shorter) :] == shorter and len(shorter[-1]) > 3:
        score = max(score, 0.7)
    return score


@lru_cache(maxsize=8192)
def _english(text: str) -> list[str]:
    words = [word for word in LATIN_RUN.findall(text) if word not in STOP_WORDS and not word.isdigit()]
    return [ENGLISH_SYNONYMS.get(_singular(word), _singular(word)) for word in words]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


def _latin(text: str) -> set[str]:
    return {word for word in LATIN_RUN.findall(text) if not word.isdigit()}


def _bigrams(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)} or {text}


def _overlap(a: set[str], b: set[str]) -> float:
    """Dice coefficient."""
    return 2 * len(a & b) / (len(a) + len(b))


# --- Alignment --------------------------------------------------------------------------------------------------------

DIFFERENCE_WORDS = re.compile(
    r"温差|温升|波动|均匀|精度|偏差|误差|稳定性|降幅|升幅|变化|漂移|tolerance|accuracy|precision|uniformity|rise|drop"
    r"|difference|deviation|fluctuation|stability|drift|change|reduction",
    re.IGNORECASE,
)


def align(wanted: Sequence[Wanted], offered: Sequence[Offered]) -> list[Offered | None]:
    """For each wanted indicator the offered one that answers it, best pairs first.

    One figure answers two wishes only when both have its name.
    """
    affinities = sorted(
        (-affinity, i, j)
        for i, want in enumerate(wanted)
        for j, offer in enumerate(offered)
        if (affinity := _affinity(want, offer)) is not None
    )
    answers: list[Offered | None] = [None] * len(wanted)
    used: set[int] = set()
    for _, i, j in affinities:
        if answers[i] is None and (j not in used or name_similarity(wanted[i], offered[j]) >= SAME_NAME):
            answers[i] = offered[j]
            used.add(j)
    return answers


def _affinity(want: Wanted, offer: Offered) -> float | None:
    """Among figures of like names: first the one whose unit compares, then the one under the same condition. None where
    it may not answer: where the units do not compare, only the same name makes it worth asking about.
    """
    alike = name_similarity(want, offer)
    if alike < LEAST_SIMILARITY:
        return None
    compares = same_kind(*_units(want, offer))
    if not compares and alike < SAME_NAME:
        return None
    return alike + compares + 0.3 * _condition_likeness(want, offer)


def _units(want: Wanted, offer: Offered) -> tuple[Unit, Unit]:
    """℃ in an accuracy or a rise is a difference of temperatures."""
    mine, yours = read_unit(want.unit), read_unit(offer.unit)
    names = f"{want.name_zh} {want.name_en} {offer.name_zh} {offer.name_en}"
    if DIFFERENCE_WORDS.search(names):
        return as_difference(mine), as_difference(yours)
    return mine, yours


# --- Conditions -------------------------------------------------------------------------------------------------------

NUMBER = r"-?\d{1,9}(?:\.\d{1,6})?"
AMOUNT = re.compile(
    rf"([≥≤<>]?) ?(?<![\w.])({NUMBER})(?: ?[-~至] ?({NUMBER}))? ?"
    r"([A-Za-zμΩ°℃%][A-Za-zμΩ°℃%/·^0-9-]{0,14}(?:以上|以下|以内)?|[\u4e00-\u9fff]{1,6})"
)
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
SPREAD = Fraction(10**30)  # stands for an open end


@dataclass(frozen=True)
class _Amount:
    """A figure of a condition as an interval in base units."""

    kind: str
    low: Fraction
    high: Fraction


@lru_cache(maxsize=4096)
def _amounts(condition: str) -> tuple[_Amount, ...]:
    """Figures with units in a condition: "25–45 ℃，2 g/L NaCl" has two."""
    plain = THOUSANDS.sub("", normal_form(condition[:300]).replace("°C", "℃"))
    found = (_amount(*groups) for groups in AMOUNT.findall(plain))
    return tuple(amount for amount in found if amount is not None)


def _amount(sign: str, first: str, second: str, spelling: str) -> _Amount | None:
    unit, rest = _leading_unit(spelling)
    if unit is None:
        return None
    ends = sorted(Fraction(number) * unit.factor + unit.offset for number in (first, second or first))
    if sign in {"≥", ">"} or rest.startswith(("以上", "及以上")):
        ends[1] = SPREAD
    if sign in {"≤", "<"} or rest.startswith(("以下", "以内", "及以下")):
        ends[0] = -SPREAD
    return _Amount(unit.kind, ends[0], ends[1])


def _leading_unit(spelling: str) -> tuple[Unit | None, str]:
    """小时后 begins with the unit 小时, h以上 with h."""
    latin = re.match(r"[^\u4e00-\u9fff]+", spelling)
    for length in (latin.end(),) if latin else range(len(spelling), 0, -1):
        unit = read_unit(spelling[:length])
        if not unit.is_opaque and unit.kind != NUMBER_KIND:
            return unit, spelling[length:]
    return None, ""


def is_other_condition(mine: str, yours: str) -> bool:
    """Do both state a figure of the same kind, and are these figures far apart? 80 ℃ against 25 ℃."""
    asked, given = _amounts(mine), _amounts(yours)
    return any(
        not any(_near(a, b) for a in asked for b in given if a.kind == b.kind == kind)
        for kind in {amount.kind for amount in asked} & {amount.kind for amount in given}
    )


def _near(a: _Amount, b: _Amount) -> bool:
    apart = max(a.low - b.high, b.low - a.high, Fraction(0))
    if a.kind == TEMPERATURE:
        return apart <= NEAR_TEMPERATURE
    ends = [abs(end) for end in (a.low, a.high, b.low, b.high) if abs(end) != SPREAD]
    return apart <= NEAR_CONDITION * max(ends, default=Fraction(0))


def _circumstances(item: Wanted | Offered) -> str:
    """Figures in the name are conditions too: thickness deviation over 0.4 m width."""
    return f"{item.name_zh or item.name_en}；{item.condition}"


def _condition_likeness(want: Wanted, offer: Offered) -> float:
    if is_other_condition(_circumstances(want), _circumstances(offer)):
        return -1.0
    if not want.condition or not offer.condition:
        return 0.0
    return _overlap(_bigrams(normal_form(want.condition)), _bigrams(normal_form(offer.condition)))


# --- Does a figure reach what is wanted? ------------------------------------------------------------------------------

COVER_WORDS = re.compile(
    r"范围|量程|工作温度|适用|适应|覆盖|频段|波段|可调|幅宽|range|coverage|span|window", re.IGNORECASE
)


@dataclass(frozen=True)
class Judgement:
    """`gap` is how far the figure is from the target, relative to it; only for what is not reached."""

    verdict: Verdict
    fit: float
    gap: float | None = None


def judge(want: Wanted, offer: Offered) -> Judgement:
    """Met, partly, unmet or unknown, from the values alone; the condition is looked at by the caller."""
    mine, yours = _units(want, offer)
    if mine.kind != yours.kind:
        return Judgement(Verdict.UNKNOWN, 0.5)
    given = _given(offer, mine, yours)
    if given is None:
        return Judgement(Verdict.UNKNOWN, 0.5)
    if want.comparator == "range" and want.high is not None:
        return _against_range(want, given, covers=bool(COVER_WORDS.search(f"{want.name_zh} {want.name_en}")))
    return _against_target(want, given)


def _given(offer: Offered, mine: Unit, yours: Unit) -> Interval | None:
    """What is offered as an interval in the need's unit. "≥ 12" promises 12, not more."""
    try:
        low = convert(offer.value, yours, mine)
        high = convert(offer.high, yours, mine) if offer.high is not None else None
    except UnknownUnit:  # a value that is not a number
        return None
    if offer.comparator == "range" and high is not None:
        return min(low, high), max(low, high)
    return {">=": (low, None), "<=": (None, low)}.get(offer.comparator, (low, low))


def offered_in_unit_of(want: Wanted, offer: Offered) -> Interval | None:
    """What is offered as an interval in the unit that is asked for; None where the two do not compare."""
    mine, yours = _units(want, offer)
    return _given(offer, mine, yours) if mine.kind == yours.kind else None


def _against_target(want: Wanted, given: Interval) -> Judgement:
    low, high = given
    target = want.target
    if want.comparator == ">=":
        return _one_sided(want, target, sure=low, possible=high)
    if want.comparator == "<=":
        flipped = [None if end is None else -end for end in (high, low)]
        return _one_sided(want, -target, sure=flipped[0], possible=flipped[1])
    if (low is None or low <= target) and (high is None or target <= high):
        return Judgement(Verdict.MET, 1.0)
    nearest = min((end for end in given if end is not None), key=lambda end: abs(end - target))
    return _missed(want, _gap(nearest, target))


def _one_sided(want: Wanted, target: Decimal, *, sure: Decimal | None, possible: Decimal | None) -> Judgement:
    """At least `target` is wanted; `sure` is the least that is offered, `possible` the most."""
    if sure is not None and sure >= target:
        return Judgement(Verdict.MET, 1.0)
    if sure is None:  # "≤ 20" offered where "≥ 15" is wanted: only too little can be excluded
        return (
            Judgement(Verdict.UNKNOWN, 0.5)
            if possible is None or possible >= target
            else _missed(want, _gap(possible, target))
        )
    if possible is not None and possible >= target:  # 12–18 offered: reached under some circumstances
        return Judgement(Verdict.UNKNOWN, 0.5, _gap(sure, target))
    return _missed(want, _gap(sure, target))


def _against_range(want: Wanted, given: Interval, *, covers: bool) -> Judgement:
    """A wanted range is a span to cover (working temperature) or a window to hit (thickness), by its name."""
    first, last = sorted((want.target, want.high if want.high is not None else want.target))
    low, high = given
    if low is None or high is None:
        end = high if low is None else low
        outside = end is not None and (end < first if low is None else end > last)
        return (
            _missed(want, _gap(end, first if low is None else last))
            if outside and end is not None
            else Judgement(Verdict.UNKNOWN, 0.5)
        )
    contains, is_inside = low <= first and high >= last, first <= low and high <= last
    if contains or (is_inside and not (covers and low < high)):
        return Judgement(Verdict.MET, 1.0)
    shared = min(high, last) - max(low, first)
    if shared < 0:
        return _missed(want, _gap(high, first) if high < first else _gap(low, last))
    if not covers:
        return Judgement(Verdict.UNKNOWN, 0.5)  # part of what is offered lies in the window: which part is delivered?
    return _missed(want, float(1 - shared / (last - first)) if last > first else 0.0)


def _gap(value: Decimal, target: Decimal) -> float:
    """Relative distance; 1 when the target is zero, as nothing is near to it in proportion."""
    return min(float(abs(value - target) / abs(target)), 9.99) if target else 1.0


def _missed(want: Wanted, gap: float) -> Judgement:
    if want.must:
        return Judgement(Verdict.UNMET, 0.0, gap)
    return Judgement(Verdict.PARTLY, round(max(0.0, 1.0 - gap), 4), gap)


# --- Findings ---------------------------------------------------------------------------------------------------------

SIGNS = {">=": "≥ ", "<=": "≤ ", "=": "= "}


def indicator_findings(wanted: Iterable[Wanted], offered: Sequence[Offered]) -> Iterator[Finding]:
    listed = list(wanted)
    for row, (want, offer) in enumerate(zip(listed, align(listed, offered), strict=True)):
        answer = next(
            (j for j, each in enumerate(offered) if each is offer and not each.evidence_kind.startswith("read_")), None
        )
        yield replace(_finding(want, offer), need_row=row, achievement_row=answer)


def indicators_fit(findings: Sequence[Finding]) -> float:
    """The mean over the indicators, a must counting twice a wish; zero when a must is unmet."""
    if any(finding.verdict is Verdict.UNMET for finding in findings):
        return 0.0
    weights = [MUST_WEIGHT if finding.must else WISH_WEIGHT for finding in findings]
    return sum(w * f.fit for w, f in zip(weights, findings, strict=True)) / sum(weights)


def _finding(want: Wanted, offer: Offered | None) -> Finding:
    if offer is None:
        return _question(want, Judgement(Verdict.UNKNOWN, 0.5), ("", ""), "")
    judged = judge(want, offer)
    if name_similarity(want, offer) < SURE_NAME or is_other_condition(_circumstances(want), _circumstances(offer)):
        judged = Judgement(Verdict.UNKNOWN, 0.5)  # a figure of something else, or from elsewhere, answers nothing
    offered = _named(want, offer, _shown_offer(want, offer, judged))
    if offer.evidence_kind.startswith("read_"):
        judged = _of_reading(judged, offer)
    evidence = "；".join(text for text in (offer.condition, offer.evidence) if text)
    if judged.verdict is Verdict.UNKNOWN:
        return _question(want, judged, offered, evidence)
    return _line(want, judged, offered, evidence, ("", ""))


def _of_reading(judged: Judgement, offer: Offered) -> Judgement:
    """A figure read from running text: a measured one that reaches the target counts; anything else is asked about.

    A misread figure must never leave a result out, and a promise is no measurement.
    """
    if judged.verdict is Verdict.MET and offer.evidence_kind == "read_measured":
        return judged
    return Judgement(Verdict.UNKNOWN, 0.5, judged.gap)


def _question(want: Wanted, judged: Judgement, offered: tuple[str, str], evidence: str) -> Finding:
    zh, en = _label(want)
    asked = shown_wish(want)
    under = f"（{want.condition}）" if want.condition else ""
    known_zh = f"资料中为 {offered[0]}。" if offered[0] else ""
    known_en = f"The material says {offered[1]}. " if offered[1] else ""
    question_zh = f"{known_zh}“{zh}”能否达到 {asked}{under}？有无检测数据？"
    question_en = f"{known_en}Does “{en}” reach {asked}{_english_condition(want)}? Are there test data?"
    return _line(want, judged, offered, evidence, (question_zh, question_en))


def _line(
    want: Wanted, judged: Judgement, offered: tuple[str, str], evidence: str, question: tuple[str, str]
) -> Finding:
    return Finding(
        stone=Stone.INDICATORS,
        label_zh=_label(want)[0],
        label_en=_label(want)[1],
        verdict=judged.verdict,
        fit=judged.fit,
        asked=shown_wish(want),
        offered=offered[0],
        offered_en="" if offered[1] == offered[0] else offered[1],
        evidence=evidence,
        must=want.must,
        question_zh=question[0],
        question_en=question[1],
    )


def _english_condition(want: Wanted) -> str:
    return f" ({want.condition})" if want.condition and want.condition.isascii() else ""


def _named(want: Wanted, offer: Offered, shown: str) -> tuple[str, str]:
    """In both languages; with the offered name in front where it differs from the wanted one."""
    mine, yours = _label(want), _label(offer)
    if mine[0] == yours[0] or mine[1] == yours[1]:
        return shown, shown
    return f"{yours[0]} {shown}", f"{yours[1]} {shown}"


def _label(want: Wanted | Offered) -> tuple[str, str]:
    return want.name_zh or want.name_en, want.name_en or want.name_zh


def shown_wish(want: Wanted) -> str:
    """For example "≥ 15 LMH/bar", "20–30 μm"."""
    if want.comparator == "range" and want.high is not None:
        return write_range(want.target, want.high, want.unit)
    return SIGNS.get(want.comparator, "") + write_quantity(want.target, want.unit)


def _shown_offer(want: Wanted, offer: Offered, judged: Judgement) -> str:
    """As offered; in the need's unit first where the spelling differs; with the gap where the target was missed."""
    shown = _offer_in(offer, offer.value, offer.high, offer.unit)
    mine, yours = _units(want, offer)
    if (mine.factor, mine.offset) != (yours.factor, yours.offset):
        with suppress(UnknownUnit):  # other kinds, and values without a number, stay as they were offered
            value = convert(offer.value, yours, mine)
            high = convert(offer.high, yours, mine) if offer.high is not None else None
            shown = f"{_offer_in(offer, value, high, want.unit)} ({shown})"
    if judged.verdict in {Verdict.PARTLY, Verdict.UNMET} and judged.gap is not None and judged.gap < SHOWN_GAP:
        shown += f" [Δ {judged.gap:.1%}]"
    return shown


def _offer_in(offer: Offered, value: Decimal, high: Decimal | None, unit: str) -> str:
    if offer.comparator == "range" and high is not None:
        return write_range(_rounded(value), _rounded(high), unit)
    sign = SIGNS[offer.comparator] if offer.comparator in {">=", "<="} else ""
    return sign + write_quantity(_rounded(value), unit)


def _rounded(value: Decimal) -> Decimal:
    """Converted values are shown to six figures; they were compared exactly."""
    return value.normalize() if len(value.as_tuple().digits) <= 6 else Decimal(write_number(value, 6))
