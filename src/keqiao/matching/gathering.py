"""From rows of the catalogue to the plain data that matching computes with."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from keqiao.catalogue import selectors as catalogue
from keqiao.matching.passages import TextOffers
from keqiao.matching.types import AchievementFacts, NeedFacts, Offered, Price, TextPart, Wanted

# What the incumbent solution does is no evidence for this one, so it is neither searched nor quoted.
ACHIEVEMENT_PARTS = ("title", "problem", "summary", "how", "stage", "advantage")
NEED_PARTS = ("title", "problem", "wanted", "background", "tried")
FRESH_FOR = 60.0  # seconds that the region table is kept


class Regions:
    """The region table in memory: from a code to its path, widest first."""

    def __init__(self) -> None:
        self.entries = {entry.code: entry for entry in catalogue.table("region")}
        pairs = [(name, e.code) for e in self.entries.values() for name in (e.title_zh, e.title_en) if name]
        self._names = dict(reversed(pairs))
        self.paths = {code: self._path(code) for code in self.entries}
        self.both_names = {e.code: (e.title_zh, e.title_en) for e in self.entries.values()}

    def path(self, code: str) -> tuple[str, ...]:
        return self.paths.get(code, ())

    def _path(self, code: str) -> tuple[str, ...]:
        found: list[str] = []
        while code in self.entries and code not in found:
            found.append(code)
            code = self.entries[code].parent
        return tuple(reversed(found))

    def names(self) -> dict[str, str]:
        """Name in either language → code."""
        return dict(self._names)


def regions() -> Regions:
    return _regions(int(time.monotonic() // FRESH_FOR))


@lru_cache(maxsize=1)
def _regions(minute: int) -> Regions:  # noqa: ARG001 -- only to forget after a while
    return Regions()


def need_facts(need: Any, regions: Regions) -> NeedFacts:
    """Needs its texts and indicators prefetched. The publisher is not among the facts: matching never sees it."""
    texts = _texts(need)
    return NeedFacts(
        code=need.code,
        title=" ".join(text.title for text in texts),
        text=_joined(texts, NEED_PARTS),
        ipc=tuple(need.ipc),
        industry=tuple(need.industry),
        keywords=(*need.keywords_zh, *need.keywords_en),
        indicators=tuple(_wanted(row) for row in need.indicators.all()),
        trl_min=need.trl_min,
        modes=tuple(need.modes),
        budget=_price(need),
        region=need.region,
        region_path=regions.path(need.region),
        region_wish=need.region_wish,
        deadline=need.deadline,
        lang=texts[0].lang if texts else "zh",
        parts=_parts(need, texts, NEED_PARTS),
    )


def achievement_facts(achievement: Any, regions: Regions) -> AchievementFacts:
    texts = _texts(achievement)
    written = _joined(texts, ACHIEVEMENT_PARTS)
    return AchievementFacts(
        code=achievement.code,
        title=" ".join(text.title for text in texts),
        text=written,
        ipc=tuple(achievement.ipc),
        industry=tuple(achievement.industry),
        keywords=(*achievement.keywords_zh, *achievement.keywords_en),
        indicators=tuple(_offered(row) for row in achievement.indicators.all()) or TextOffers(written),
        trl=achievement.trl,
        trl_evidence="；".join(achievement.trl_evidence_zh),
        modes=tuple(achievement.modes),
        price=_price(achievement),
        region=achievement.region,
        region_path=regions.path(achievement.region),
        lang=texts[0].lang if texts else "zh",
        parts=_parts(achievement, texts, ACHIEVEMENT_PARTS),
    )


KEYWORDS_BETWEEN = {"zh": "、", "en": ", "}


def _parts(item: Any, texts: Sequence[Any], names: Sequence[str]) -> tuple[TextPart, ...]:
    parts = [TextPart(text.lang, name, getattr(text, name)) for text in texts for name in names]
    parts += [TextPart(lang, "keywords", keywords_line(item, lang)) for lang in KEYWORDS_BETWEEN]
    return tuple(part for part in parts if part.text)


def keywords_line(item: Any, lang: str) -> str:
    """An item's keywords in one language, as its page writes them."""
    return KEYWORDS_BETWEEN[lang].join(item.keywords_zh if lang == "zh" else item.keywords_en)


def _texts(item: Any) -> list[Any]:
    """Chinese first, for a stable order."""
    return sorted(item.texts.all(), key=lambda text: text.lang, reverse=True)


def titles(item: Any) -> str:
    return " ".join(text.title for text in _texts(item))


def joined_texts(item: Any, parts: Sequence[str], *, but_title: bool = False) -> str:
    """What is searched of an item: the parts of all its language versions."""
    return _joined(_texts(item), [part for part in parts if not (but_title and part == "title")])


def _joined(texts: Sequence[Any], parts: Iterable[str]) -> str:
    return "\n".join(value for text in texts for part in parts if (value := getattr(text, part)))


def _price(item: Any) -> Price:
    return Price(item.price_kind, item.price_low, item.price_high, item.currency)


def _plain(value: Decimal | None) -> Decimal | None:
    """15.00000000 from the database is 15 for people; never 1E+3."""
    if value is None:
        return None
    value = value.normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


def _wanted(row: Any) -> Wanted:
    return Wanted(
        name_zh=row.name_zh,
        name_en=row.name_en,
        comparator=row.comparator,
        target=_plain(row.target) or Decimal(0),
        unit=row.unit,
        high=_plain(row.high),
        current=_plain(row.current),
        must=row.is_must,
        condition=row.condition_zh or row.condition_en,
    )


def _offered(row: Any) -> Offered:
    return Offered(
        name_zh=row.name_zh,
        name_en=row.name_en,
        comparator=row.comparator,
        value=_plain(row.value) or Decimal(0),
        unit=row.unit,
        high=_plain(row.high),
        condition=row.condition_zh or row.condition_en,
        evidence_kind=row.evidence,
        evidence=row.evidence_zh or row.evidence_en,
    )
