"""A first draft of a need or an achievement out of a running text, by rules alone: headings, figures, ways, places, dates.

Pure functions on plain data. Every finding is a piece of the text itself, or a number or name that stands in it, with
its place: nothing is worded here, and what the text does not say stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from keqiao.matching.chips import Chip, conditions_of
from keqiao.matching.passages import is_indicator
from keqiao.matching.reading import Reading, Status, even_form, readings

LONGEST_TITLE = 300
LONGEST_PART = 20_000
MOST_INDICATORS = 12
PIECE = 1_800


@dataclass(frozen=True)
class Finding:
    """One thing for one field of the content, with the words of the text that it was read from."""

    field: str  # texts.zh.title, indicators, modes, region, trl_min, deadline, price
    value: Any  # as the content has it; of indicators one row, of price the three keys
    start: int
    end: int


# What a heading says, and which part of the text version stands under it.
HEADINGS: Mapping[str, str] = {
    "title": "需求名称|项目名称|技术需求名称|成果名称|课题名称|标题|名称|project title|title|name",
    "problem": (
        "技术难题|技术难点|难题|难点|存在的问题|主要问题|问题描述|问题|需求描述|需求内容|技术需求|现状|现状与问题|拟解决的问题|解决什么|"
        "problem statement|problem|the problem|challenge|the challenge|need|technical need|description"
    ),
    "background": "需求背景|项目背景|应用背景|应用场景|企业概况|背景|background|context|application",
    "tried": "前期工作|已有基础|已尝试|试过什么|现有方案|tried so far|previous work|what we tried|prior attempts",
    "wanted": (
        "预期成果|预期目标|期望|期望目标|希望得到|希望得到什么|交付成果|成果形式|"
        "expected results|deliverables|what we want|wanted|objectives|objective"
    ),
    "offers": "能提供什么|能提供的条件|可提供条件|支持条件|配套条件|we offer|what we offer|support",
    "summary": "成果简介|技术简介|成果介绍|内容简介|摘要|简介|summary|abstract",
    "how": "技术方案|技术原理|技术路线|怎么做到|approach|method|how it works",
    "advantage": "技术优势|创新点|优势|advantages|benefits",
    "stage": "所处阶段|成熟度|技术成熟度|进展|应用情况|stage|status|maturity",
    "": (  # of no text part: their figures, places and dates are read wherever they stand
        "技术指标|主要指标|考核指标|性能指标|指标要求|指标|合作方式|预算|投入|经费|联系方式|联系人|所在地|地区|截止日期|截止时间|截止|"
        "requirements|specifications|key indicators|budget|contact|location|deadline|cooperation"
    ),
}
PART_OF = {heading: part for part, headings in HEADINGS.items() for heading in headings.split("|")}
PARTS = {
    "need": ("title", "problem", "background", "tried", "wanted", "offers"),
    "achievement": ("title", "summary", "problem", "how", "advantage", "stage"),
}
BODY = {"need": "problem", "achievement": "summary"}
NUMBERING = r"(?:[（(]?[一二三四五六七八九十0-9]{1,3}[）)]?[、.．:：)）]?\s*|[【\[#*•·●-]+\s*)?"
HEADING = re.compile(
    rf"^{NUMBERING}(?P<name>[\u4e00-\u9fffA-Za-z ]{{2,30}}?)\s*(?:[:：】\]]\s*[:：]?\s*(?P<rest>.*))?$", re.DOTALL
)
DEADLINE = re.compile(
    r"(?:截止|截至|deadline|due|before|by)[^\n]{0,12}?(?P<y>20\d\d)\s*[-年./]\s*(?P<m>1[0-2]|0?[1-9])\s*[-月./]\s*(?P<d>3[01]|[12]\d|0?[1-9])",
    re.IGNORECASE,
)
PRICE_WORD = re.compile(r"预算|投入|经费|报价|价格|出价|拟投|budget|price", re.IGNORECASE)
REACH = re.compile(r"(?:达到?|至少)\s*$|\b(?:reach(?:es)?|achieves?|attains?)\s+$", re.IGNORECASE)
WISH = re.compile(r"希望|最好|优先|争取|力争|preferabl|desirabl|ideally|nice to have", re.IGNORECASE)


def sketch(kind: str, text: str, regions: Mapping[str, str]) -> list[Finding]:
    """What the text says for the fields of a content. `regions`: name → code."""
    lang = language_of(text)
    return [
        *_texts(kind, text, lang),
        *_conditions(kind, text, regions),
        *(_deadline(text) if kind == "need" else ()),
    ]


def indicators_of(kind: str, text: str, *, is_table: bool = False) -> list[Finding]:
    """The rows of indicators that a text states, each once. `is_table`: the text lists indicators and nothing else, so that
    a need asks for each of them.
    """
    rows: dict[tuple[Any, ...], Finding] = {}
    for offset, piece in _pieces(text):
        for figure in filter(is_indicator, readings(piece)):
            if is_table or _is_asked_or_reached(kind, figure):
                start, end = offset + figure.start, offset + figure.end
                row = _row(kind, figure, _sentence(text, start, end), piece[: figure.start][-12:])
                rows.setdefault(tuple(row.items()), Finding("indicators", row, start, end))
    return list(rows.values())[:MOST_INDICATORS]


def language_of(text: str) -> str:
    chinese = sum("\u4e00" <= c <= "\u9fff" for c in text)
    return "zh" if chinese * 4 >= sum(c.isalpha() for c in text) else "en"


# --- parts of the text ------------------------------------------------------------------------------------------------


def _texts(kind: str, text: str, lang: str) -> Iterator[Finding]:
    """Sections by their headings; what stands before the first one is the title and the body."""
    parts: dict[str, list[tuple[int, int]]] = {}
    part, lines = "before", list(_lines(text))
    for start, end in lines:
        heading = _heading(text[start:end])
        if heading is None:
            parts.setdefault(part, []).append((start, end))
            continue
        part, offset = heading
        if offset < end - start:
            parts.setdefault(part, []).append((start + offset, end))
            part = "after title" if part == "title" else part
    loose = parts.pop("before", []) + parts.pop("after title", [])
    if "title" not in parts and loose and loose[0][1] - loose[0][0] <= 80:
        parts["title"] = [loose.pop(0)]
    if BODY[kind] not in parts and loose:
        parts[BODY[kind]] = loose
    for name in PARTS[kind]:
        if spans := parts.get(name):
            spans = spans[:1] if name == "title" else spans
            start, end = spans[0][0], spans[-1][1]
            value = "\n".join(text[a:b] for a, b in spans)
            yield Finding(
                f"texts.{lang}.{name}", value[: LONGEST_TITLE if name == "title" else LONGEST_PART], start, end
            )


def _lines(text: str) -> Iterator[tuple[int, int]]:
    for line in re.finditer(r"[^\n]+", text):
        piece = line[0]
        start = line.start() + len(piece) - len(piece.lstrip())
        end = line.end() - len(piece) + len(piece.rstrip())
        if start < end:
            yield start, end


def _heading(line: str) -> tuple[str, int] | None:
    """The part that begins here, and where its words begin on the same line."""
    found = HEADING.match(line)
    if found is None:
        return None
    part = PART_OF.get(found["name"].strip().casefold())
    return None if part is None else (part, found.start("rest") if found["rest"] else len(line))


# --- figures, ways, places --------------------------------------------------------------------------------------------


def _conditions(kind: str, text: str, regions: Mapping[str, str]) -> Iterator[Finding]:
    modes: dict[str, tuple[int, int]] = {}
    single: dict[str, Finding] = {}
    for offset, piece in _pieces(text):
        for chip in conditions_of(even_form(piece), regions):
            start, end = offset + chip.start, offset + chip.end
            for mode in chip.modes:
                modes.setdefault(mode, (start, end))
            for field, value in _single(kind, chip):
                single.setdefault(field, Finding(field, value, start, end))
    yield from indicators_of(kind, text)
    if modes:
        yield Finding("modes", list(modes), min(s for s, _e in modes.values()), max(e for _s, e in modes.values()))
    yield from single.values()


def _single(kind: str, chip: Chip) -> Iterator[tuple[str, Any]]:
    level = chip.trl_min if chip.trl_min is not None else chip.trl_max
    if chip.kind == "trl" and level is not None:
        yield ("trl_min" if kind == "need" else "trl"), level
    if chip.region:
        yield "region", chip.region
    ends = [end for end in (chip.price.low_fen, chip.price.high_fen) if end is not None] if chip.price else []
    if ends:
        yield "price", {"price_kind": "amount", "price_low": ends[0], "price_high": ends[-1]}
    elif chip.price is not None and chip.price.kind == "negotiable":
        yield "price", {"price_kind": "negotiable"}


def _is_asked_or_reached(kind: str, figure: Reading) -> bool:
    """What a need asks for is compared with something or wished for; a bare figure there says how it is today. Prices
    stand apart.
    """
    if figure.is_money and PRICE_WORD.search(figure.name):
        return False
    is_asked = figure.is_stated or figure.high is not None or figure.status is Status.CLAIMED
    return kind == "achievement" or is_asked


def _row(kind: str, figure: Reading, sentence: str, lead: str) -> dict[str, Any]:
    """`lead`: the words right before the figure. What a need wants reached (达到 12 个月), it wants no less of."""
    want = figure.as_wanted()
    if kind == "need" and want.comparator == "=" and want.high is None and REACH.search(lead):
        want = replace(want, comparator=">=")
    lang = "zh" if want.name_zh else "en"
    row: dict[str, Any] = {
        "name_zh": want.name_zh,
        "name_en": want.name_en,
        "comparator": want.comparator,
        "value": f"{want.target:f}",
        "high": "" if want.high is None else f"{want.high:f}",
        "unit": want.unit,
        f"condition_{lang}": figure.condition[:200],
    }
    row = {name: value for name, value in row.items() if value}
    if kind == "need":
        row["is_must"] = WISH.search(sentence) is None
    return row


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Whole lines of at most PIECE characters: a figure is never cut in two."""
    start = end = 0
    for line in re.finditer(r"[^\n]*\n?", text):
        if line.end() - start > PIECE and end > start:
            yield start, text[start:end]
            start = end
        end = line.end()
        while end - start > PIECE:
            yield start, text[start : start + PIECE]
            start += PIECE
    if end > start:
        yield start, text[start:end]


def _deadline(text: str) -> Iterator[Finding]:
    found = DEADLINE.search(text)
    if found is None:
        return
    try:
        day = date(int(found["y"]), int(found["m"]), int(found["d"]))
    except ValueError:
        return
    yield Finding("deadline", day.isoformat(), found.start(), found.end())


# --- passages ---------------------------------------------------------------------------------------------------------

ENDS = "。！？；!?;\n"
LONGEST_PASSAGE = 400


def passage_of(text: str, start: int, end: int) -> str:
    """The words a finding was read from: its sentence, or the beginning of a long part."""
    if end - start >= LONGEST_PASSAGE:
        return text[start : start + LONGEST_PASSAGE] + "…"
    return _sentence(text, start, end)


def _sentence(text: str, start: int, end: int) -> str:
    begin = max((text.rfind(mark, 0, start) for mark in ENDS), default=-1) + 1
    stops = [at for at in (text.find(mark, end) for mark in ENDS) if at >= 0]
    stop = min(stops) + 1 if stops else len(text)
    return text[max(begin, start - LONGEST_PASSAGE // 2) : min(stop, end + LONGEST_PASSAGE // 2)].strip()


def content_from(findings: Sequence[Finding]) -> dict[str, Any]:
    """A draft's content: the first finding for a field counts, rows gather."""
    content: dict[str, Any] = {}
    for finding in findings:
        if finding.field == "indicators":
            content.setdefault("indicators", []).append(finding.value)
        elif finding.field == "price":
            content |= finding.value
        elif finding.field.startswith("texts."):
            _texts_key, lang, part = finding.field.split(".")
            content.setdefault("texts", {}).setdefault(lang, {}).setdefault(part, finding.value)
        else:
            content.setdefault(finding.field, finding.value)
    return content
