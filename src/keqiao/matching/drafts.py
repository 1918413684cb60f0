"""What matching tells the author of a draft at once: matches, similar items, figures in the text, classes, missing parts.

Everything is worked out in memory from the draft's content (the shape of submissions/content.py, complete or not) and
from what is public. Nothing is stored, and the other side hears nothing: not even that somebody is writing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import log
from typing import Any

import numpy as np

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.matching import duplicates, indexing, scoring
from keqiao.matching.gathering import ACHIEVEMENT_PARTS, NEED_PARTS, regions
from keqiao.matching.indicators import name_similarity
from keqiao.matching.known import as_known
from keqiao.matching.passages import TextFigure, read_offers, text_figures
from keqiao.matching.retrieval import translated_weights
from keqiao.matching.text import is_cjk_character, tokens
from keqiao.matching.types import AchievementFacts, Arch, NeedFacts, Offered, Price, Reach, Stone, Wanted
from keqiao.parties.types import Actor

OTHER = {"need": "achievement", "achievement": "need"}
GOOD = 70  # points from which a match is worth a call
MOST_SHOWN = 5
LEAST_TEXT = 12  # characters of a draft below which nothing is near it
SIMILAR_FROM = 0.5  # of the meanings' cosine: as near as two texts about the same thing
LONGEST_TEXT = 12_000
MOST_FIGURES = 12
NEIGHBOURS = 24  # nearest public items whose classes count
MOST_SUGGESTED = 3
FRESH_FOR = 600.0  # seconds that the words of code tables are kept


@dataclass(frozen=True)
class DraftMatch:
    """A public item of the other side with the arch that it and the draft would have."""

    item: Any
    arch: Arch


@dataclass(frozen=True)
class DraftMatches:
    """How many public items would match the draft, how many of them well, and the best."""

    total: int
    good: int
    best: tuple[DraftMatch, ...]
    is_ready: bool = True  # False: there is too little text yet, or no index


@dataclass(frozen=True)
class Suggestion:
    """A class that the text seems to belong to. `near`: so many similar public items have it; `words`: of its title."""

    scheme: str
    code: str
    title_zh: str
    title_en: str
    near: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Gap:
    """A part that matching would score and the draft does not say."""

    stone: Stone
    points: int


def matches_of_draft(kind: str, content: Mapping[str, Any], *, actor: Actor, count: int = MOST_SHOWN) -> DraftMatches:
    """The public items of the other side that fit the draft, best first."""
    facts = need_facts(content) if kind == "need" else achievement_facts(content)
    if len(facts.text) < LEAST_TEXT or not indexing.is_ready():
        return DraftMatches(0, 0, (), is_ready=False)
    text = scoring.query_text(facts)
    found = scoring.items(OTHER[kind], scoring.nearest(OTHER[kind], text, scoring.CANDIDATES))
    if isinstance(facts, NeedFacts):
        scorer = scoring.Scorer(facts)
        pairs = [(scorer, other, other.facts.code) for other in found]
    else:
        offer = as_known(facts, 0, indexing.model())
        pairs = [(scoring.Scorer(other.facts), offer, other.facts.code) for other in found]
    least = parameter("matching.least_score", on=clock.today())
    scored = [(pair[0].arch(pair[1], explain=False), pair) for pair in pairs]
    kept = [(arch, pair) for arch, pair in scored if arch.score >= least and scoring.is_near(arch)]
    kept.sort(key=lambda row: (row[0].has_unmet, -row[0].score, row[1][2]))
    good = sum(arch.score >= GOOD and not arch.has_unmet for arch, _pair in kept)
    arches = {code: scorer.arch(other) for _arch, (scorer, other, code) in kept[:count]}
    items = _load(OTHER[kind], list(arches), actor)
    return DraftMatches(len(kept), good, tuple(DraftMatch(item, arches[item.code]) for item in items))


def similar_items(kind: str, content: Mapping[str, Any], *, actor: Actor, but: str = "", count: int = 3) -> list[Any]:
    """Public items of the same kind that say nearly the same, in either language: so that nobody posts twice.

    `but`: the item changed.
    """
    text = _text(content, parts(kind))
    model = indexing.model()
    if model is None or len(text) < LEAST_TEXT:
        return []
    said = [model.encode(words) for words in (tokens(text), translated_weights(model, text))]
    mine = np.array([vector for vector in said if vector is not None]).reshape(-1, model.dims)
    found = scoring.items(kind, scoring.nearest(kind, text, count * 3))
    vectors = {item.facts.code: model.encode_prints(item.passages.prints) for item in found if item.facts.code != but}
    near = [(float((mine @ v).max(initial=0.0)), code) for code, v in vectors.items() if v is not None]
    codes = [code for cosine, code in sorted(near, reverse=True)[:count] if cosine >= SIMILAR_FROM]
    return _load(kind, codes, actor)


@dataclass(frozen=True)
class Same:
    """A public item that says the same; `percent` of the neighbouring words are shared."""

    item: Any
    percent: int


def same_items(kind: str, content: Mapping[str, Any], *, actor: Actor, but: str = "", count: int = 3) -> list[Same]:
    """Public items of the same kind that are this draft once more: one joins those instead. `but`: the item changed."""
    mine = {lang: "\n".join(part_of(version, part) for part in parts(kind)) for lang, version in versions(content)}
    return same_as_texts(kind, mine, actor=actor, but=but, count=count)


def same_as_texts(
    kind: str, mine: Mapping[str, str], *, actor: Actor, but: str = "", count: int = 3, reach: Reach = Reach.PRIVATE
) -> list[Same]:
    """As same_items, of an item's own texts by language."""
    text = "\n".join(mine.values())
    if len(text) < LEAST_TEXT or not indexing.is_ready():
        return []
    codes = [code for code in scoring.nearest(kind, text, duplicates.CANDIDATES, reach=reach) if code != but]
    items = {item.code: item for item in _load(kind, codes, actor)}
    others = ((code, texts_of(kind, item)) for code, item in items.items())
    least = int(parameter("matching.same_from", on=clock.today())) / 100
    found = duplicates.most_alike(mine, others, least)[:count]
    return [Same(items[code], round(value * 100)) for code, value in found]


def texts_of(kind: str, item: Any) -> dict[str, str]:
    """An item's own words by language, in the order of its parts."""
    return {
        text.lang: "\n".join(value for part in parts(kind) if (value := getattr(text, part, "")))
        for text in item.texts.all()
    }


def figures_in(kind: str, content: Mapping[str, Any]) -> list[TextFigure]:
    """The indicators that the running text states and the table does not have yet, each where it stands."""
    have = [_wanted(row) for row in rows(content, "indicators")]
    found: list[TextFigure] = []
    for _lang, version in versions(content):
        for part in parts(kind):
            for figure in text_figures(part_of(version, part)[:LONGEST_TEXT]):
                if not any(_is_same(figure.want, other) for other in (*have, *(one.want for one in found))):
                    found.append(figure)
    return found[:MOST_FIGURES]


def usual_indicators(content: Mapping[str, Any], *, count: int = 4) -> list[Wanted]:
    """What needs like this one ask for, most often asked first; without their values."""
    text = _text(content, NEED_PARTS)
    if len(text) < LEAST_TEXT or not indexing.is_ready():
        return []
    have = [_wanted(row) for row in rows(content, "indicators")]
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for other in scoring.items("need", scoring.nearest("need", text, NEIGHBOURS // 2, least=0.3)):
        counts.update({(w.name_zh, w.name_en, w.comparator, w.unit) for w in other.facts.indicators})
    names = (Wanted(zh, en, comparator, Decimal(0), unit) for (zh, en, comparator, unit), _n in counts.most_common(20))
    return [want for want in names if not any(name_similarity(want, _offer(other)) > 0.6 for other in have)][:count]


def suggested_classes(kind: str, content: Mapping[str, Any], *, actor: Actor) -> dict[str, list[Suggestion]]:
    """Scheme (field, ipc, gbt4754) → classes that the draft does not have yet, the likeliest first.

    Two witnesses: the classes of the nearest public items, and the words of the classes' own titles.
    """
    text = _text(content, parts(kind))
    if len(text) < LEAST_TEXT:
        return {"field": [], "ipc": [], "gbt4754": []}
    near = _near_classes(text, actor)
    have = {
        "field": {content.get("field") or ""},
        "ipc": {_subclass(symbol) for symbol in _words(content, "ipc")},
        "gbt4754": {code[:3] for code in _words(content, "industry")},
    }
    return {
        scheme: [found for found in _likeliest(scheme, text, near[scheme]) if found.code not in have[scheme]][
            :MOST_SUGGESTED
        ]
        for scheme in have
    }


def gaps_of(kind: str, content: Mapping[str, Any]) -> list[Gap]:
    """What matching has points for and the draft does not say, the most points first."""
    facts = need_facts(content) if kind == "need" else achievement_facts(content)
    level = facts.trl_min if isinstance(facts, NeedFacts) else facts.trl
    price = facts.budget if isinstance(facts, NeedFacts) else facts.price
    said = {
        Stone.TECHNOLOGY: len(facts.text) >= LEAST_TEXT,
        Stone.INDICATORS: any(_number(row.get("value")) is not None for row in rows(content, "indicators")),
        Stone.MATURITY: level is not None,
        Stone.MODES: bool(facts.modes),
        Stone.PRICE: price.kind == "negotiable" or price.low_fen is not None,
        Stone.REGION: bool(facts.region),
    }
    points = scoring.weights().points
    gaps = [Gap(stone, points.get(stone, 0)) for stone, is_said in said.items() if not is_said]
    return sorted(gaps, key=lambda gap: -gap.points)


# --- From a draft's content to facts ------------------------------------------------------------------------------------


def need_facts(content: Mapping[str, Any]) -> NeedFacts:
    """As gathering.need_facts, from a draft: what cannot be read counts as not said."""
    return NeedFacts(
        **_shared(content, NEED_PARTS),
        indicators=tuple(_wanted(row) for row in rows(content, "indicators") if _number(row.get("value")) is not None),
        trl_min=_level(content.get("trl_min")),
        budget=_price(content),
        region_wish="local" if content.get("region_wish") == "local" else "any",
        deadline=_day(content.get("deadline")),
    )


def achievement_facts(content: Mapping[str, Any]) -> AchievementFacts:
    return AchievementFacts(
        **_shared(content, ACHIEVEMENT_PARTS),
        indicators=tuple(_offered(row) for row in rows(content, "indicators") if _number(row.get("value")) is not None)
        or read_offers(_text(content, ACHIEVEMENT_PARTS)),
        trl=_level(content.get("trl")),
        trl_evidence="；".join(_words(content, "trl_evidence_zh")),
        price=_price(content),
    )


def _shared(content: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    written = versions(content)
    region = content.get("region") or ""
    return {
        "code": "",
        "title": " ".join(t for _lang, v in written if (t := part_of(v, "title"))),
        "text": _text(content, parts),
        "ipc": tuple(_words(content, "ipc")),
        "industry": tuple(_words(content, "industry")),
        "keywords": (*_words(content, "keywords_zh"), *_words(content, "keywords_en")),
        "modes": tuple(_words(content, "modes")),
        "region": region,
        "region_path": regions().path(region),
        "lang": written[0][0] if written else "zh",
    }


def versions(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Chinese first; languages in which nothing is written are none."""
    texts = content.get("texts")
    found = texts if isinstance(texts, Mapping) else {}
    return [
        (lang, found[lang])
        for lang in ("zh", "en")
        if isinstance(found.get(lang), Mapping) and any(part_of(found[lang], p) for p in found[lang] if p != "origin")
    ]


def _text(content: Mapping[str, Any], parts: Sequence[str]) -> str:
    return "\n".join(text for _lang, version in versions(content) for part in parts if (text := part_of(version, part)))


def part_of(version: Mapping[str, Any], part: str) -> str:
    value = version.get(part)
    return value.strip() if isinstance(value, str) else ""


def parts(kind: str) -> Sequence[str]:
    return NEED_PARTS if kind == "need" else ACHIEVEMENT_PARTS


def _words(content: Mapping[str, Any], name: str) -> list[str]:
    value = content.get(name)
    return [word.strip() for word in value if isinstance(word, str) and word.strip()] if isinstance(value, list) else []


def rows(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = content.get(name)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _number(value: Any) -> Decimal | None:
    if value in (None, "") or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < Decimal(10) ** 16 else None


def _level(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 9 else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def _price(content: Mapping[str, Any]) -> Price:
    kind, currency = content.get("price_kind") or "unknown", content.get("currency") or "CNY"
    ends = [n for n in (content.get("price_low"), content.get("price_high")) if isinstance(n, int)]
    if kind != "amount" or not ends:
        return Price(kind if kind == "negotiable" else "unknown", currency=currency)
    return Price("amount", ends[0], ends[-1], currency) if ends[0] <= ends[-1] else Price(currency=currency)


def _said(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    value, high = _number(row.get("value")), _number(row.get("high"))
    comparator = _said(row, "comparator") or ">="
    is_range = comparator == "range" and value is not None and high is not None and high >= value
    return {
        "name_zh": _said(row, "name_zh"),
        "name_en": _said(row, "name_en"),
        "comparator": comparator if comparator in {">=", "<=", "="} else "range" if is_range else "=",
        "unit": _said(row, "unit"),
        "high": high if is_range else None,
        "condition": _said(row, "condition_zh") or _said(row, "condition_en"),
    }


def _wanted(row: Mapping[str, Any]) -> Wanted:
    target = _number(row.get("value")) or Decimal(0)
    is_must = bool(row.get("is_must", True))
    return Wanted(**_measured(row), target=target, current=_number(row.get("current")), must=is_must)


def _offered(row: Mapping[str, Any]) -> Offered:
    return Offered(
        **_measured(row),
        value=_number(row.get("value")) or Decimal(0),
        evidence_kind=_said(row, "evidence"),
        evidence=_said(row, "evidence_zh") or _said(row, "evidence_en"),
    )


def _offer(want: Wanted) -> Offered:
    return Offered(want.name_zh, want.name_en, want.comparator, want.target, want.unit, want.high)


# --- Figures ------------------------------------------------------------------------------------------------------------


def _is_same(a: Wanted, b: Wanted) -> bool:
    """The same figure, or one that has the same name: it stands in the table already."""
    names = {a.name_zh or a.name_en, b.name_zh or b.name_en}
    return len(names) == 1 or (a.target == b.target and a.unit == b.unit and name_similarity(a, _offer(b)) > 0.6)


# --- Classes ------------------------------------------------------------------------------------------------------------


def _near_classes(text: str, actor: Actor) -> dict[str, Counter[str]]:
    """How many of the nearest public items of either kind have each class."""
    counts: dict[str, Counter[str]] = {"field": Counter(), "ipc": Counter(), "gbt4754": Counter()}
    if not indexing.is_ready():
        return counts
    for kind in OTHER:
        for item in _load(kind, scoring.nearest(kind, text, NEIGHBOURS // 2, least=0.4), actor):
            counts["field"].update([item.field] if item.field else [])
            counts["ipc"].update({_subclass(symbol) for symbol in item.ipc})
            counts["gbt4754"].update({code[:3] for code in item.industry})
    return counts


def _subclass(symbol: str) -> str:
    return symbol.split(" ", maxsplit=1)[0][:4]


@dataclass(frozen=True)
class _Titles:
    """The words of a code table's titles: what is in each, and how telling each is."""

    entries: Mapping[str, Any]
    words: Mapping[str, frozenset[str]]
    weight: Mapping[str, float]


LEVELS = {"field": ("1",), "ipc": ("subclass",), "gbt4754": ("group",)}


def _titles(scheme: str) -> _Titles:
    return _titles_now(scheme, int(time.monotonic() // FRESH_FOR))


@lru_cache(maxsize=6)
def _titles_now(scheme: str, period: int) -> _Titles:  # noqa: ARG001 -- only to forget after a while
    rows = catalogue.codes_under(scheme).filter(level__in=LEVELS[scheme])
    entries = {row.code: row for row in rows}
    words = {code: _telling(f"{row.title_zh} {row.title_en}") for code, row in entries.items()}
    in_how_many = Counter(word for found in words.values() for word in found)
    weight = {word: log(1 + len(entries) / n) for word, n in in_how_many.items()}
    return _Titles(entries, words, weight)


def _telling(text: str) -> frozenset[str]:
    """Pairs of Chinese characters and longer words: single characters say too little."""
    return frozenset(t for t in tokens(text) if len(t) > 2 or (len(t) > 1 and not is_cjk_character(t)))


def _likeliest(scheme: str, text: str, near: Counter[str]) -> list[Suggestion]:
    titles, said = _titles(scheme), _telling(text)
    scores: dict[str, float] = {code: n / NEIGHBOURS * 4 for code, n in near.items() if code in titles.entries}
    shared: dict[str, frozenset[str]] = {}
    for code, words in titles.words.items():
        both = words & said
        if both:
            shared[code] = both
            share = sum(titles.weight[w] for w in both) / (1 + sum(titles.weight[w] for w in words))
            scores[code] = scores.get(code, 0.0) + share
    ordered = sorted(scores, key=lambda code: (-scores[code], code))
    least = 0.34
    return [
        Suggestion(
            scheme,
            code,
            titles.entries[code].title_zh,
            titles.entries[code].title_en,
            near.get(code, 0),
            tuple(sorted(shared.get(code, ()))),
        )
        for code in ordered[: MOST_SUGGESTED * 3]
        if scores[code] >= least
    ]


def _load(kind: str, codes: Iterable[str], actor: Actor) -> list[Any]:
    """Public ones only, whatever else the actor may see."""
    read = catalogue.achievements_by_code if kind == "achievement" else catalogue.needs_by_code
    return [item for item in read(list(codes), actor=actor) if item.state == "published"]
