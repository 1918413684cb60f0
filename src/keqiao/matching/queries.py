"""A free-text search becomes chips: what kind of thing, which figures, where, how mature, how, for how much.

Each chip can be taken away with a plain link, without script: the text stays as it was typed and the ids of the dropped
chips are added to the address (`to_params`). How the chips are read stands in `chips`.

A search is judged like a need (`as_need`), with the same stones. Stones that nobody asked about are left out and their
weight is shared by the others, so that a result that answers all that was asked has 100 points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from keqiao.matching.chips import (
    KINDS,
    LONGEST_QUERY,
    MOST_TERMS,
    Chip,
    blanked,
    clean,
    conditions_of,
    rest_of,
    squeezed,
    terms_of,
)
from keqiao.matching.indicators import SURE_NAME, name_similarity
from keqiao.matching.reading import even_form
from keqiao.matching.stones import RegionNames, build_arch, whole_points
from keqiao.matching.technology import TechnologyFit
from keqiao.matching.types import (
    AchievementFacts,
    Arch,
    NeedFacts,
    Offered,
    Price,
    Stone,
    Wanted,
    Weights,
)

__all__ = [
    "LONGEST_QUERY",
    "MOST_TERMS",
    "Asked",
    "Chip",
    "SearchQuery",
    "asked",
    "asked_weights",
    "read_query",
    "search_arch",
]


@dataclass(frozen=True)
class SearchQuery:
    """What was typed and what was understood. `text` is what retrieval looks for."""

    source: str
    text: str
    chips: tuple[Chip, ...]
    dropped: tuple[str, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.text or self.chips)

    def of_kind(self, kind: str) -> tuple[Chip, ...]:
        return tuple(chip for chip in self.chips if chip.kind == kind)

    def without(self, chip_id: str) -> SearchQuery:
        """The same search with one chip taken away."""
        return read_query(self.source, self.regions, drop=(*self.dropped, chip_id))

    def to_params(self, *, without: str = "") -> list[tuple[str, str]]:
        """Pairs for the query string: the text as typed and one `drop` for every chip taken away."""
        dropped = dict.fromkeys((*self.dropped, without)) if without else dict.fromkeys(self.dropped)
        return [("q", self.source), *(("drop", chip_id) for chip_id in dropped)]

    def as_need(self, region_paths: Mapping[str, tuple[str, ...]] | None = None) -> NeedFacts:
        """A need that asks exactly what the search asks. `region_paths`: code → from the country down to the code."""
        region = next((chip.region for chip in self.of_kind("region")), "")
        budgets = [chip.price for chip in self.of_kind("price") if chip.price and chip.price.high_fen is not None]
        return NeedFacts(
            code="",
            title=self.text,
            text=self.text,
            keywords=tuple(chip.term for chip in self.of_kind("term")),
            indicators=tuple(chip.indicator for chip in self.chips if chip.indicator),
            trl_min=max((chip.trl_min for chip in self.of_kind("trl") if chip.trl_min), default=None),
            modes=tuple(dict.fromkeys(mode for chip in self.of_kind("mode") for mode in chip.modes)),
            budget=budgets[0] if budgets else Price(),
            region=region,
            region_path=(region_paths or {}).get(region, (region,) if region else ()),
            region_wish="local" if region else "any",
            lang="zh" if re.search(r"[\u4e00-\u9fff]", self.source) else "en",
        )

    def as_achievement(self, region_paths: Mapping[str, tuple[str, ...]] | None = None) -> AchievementFacts:
        """The other way round: somebody who can do this looks for needs. What was typed counts as what is offered."""
        need = self.as_need(region_paths)
        levels = [chip.trl_min or chip.trl_max for chip in self.of_kind("trl")]
        return AchievementFacts(
            code="",
            title=need.title,
            text=need.text,
            keywords=need.keywords,
            indicators=tuple(_as_offered(want) for want in need.indicators),
            trl=max((level for level in levels if level), default=None),
            modes=need.modes,
            price=need.budget,
            region=need.region,
            region_path=need.region_path,
            lang=need.lang,
        )


def _as_offered(want: Wanted) -> Offered:
    return Offered(want.name_zh, want.name_en, want.comparator, want.target, want.unit, want.high)


def read_query(text: str, regions: Mapping[str, str], drop: Iterable[str] = ()) -> SearchQuery:
    """`regions`: name in either language → code. `drop`: ids of chips that were taken away."""
    source = clean(text)
    even = even_form(source)
    dropped = tuple(dict.fromkeys(chip_id for chip_id in drop if re.fullmatch(r"[0-9a-f]{8}", chip_id)))
    conditions = conditions_of(even, regions)
    terms = list(terms_of(blanked(even, conditions)))
    kept = {chip.id: chip for chip in reversed((*terms, *conditions)) if chip.id not in dropped}
    chips = sorted(kept.values(), key=lambda chip: (KINDS.index(chip.kind), chip.start))
    gone = [chip for chip in terms if chip.id in dropped]
    rest = blanked(rest_of(even, conditions, dropped), gone)
    return SearchQuery(source, squeezed(rest), tuple(chips), dropped, regions)


# --- Judging search results -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a search asks of every achievement, worked out once for all its results."""

    need: NeedFacts
    weights: Weights  # of the stones that it asks about alone, scaled to 100


def asked(query: SearchQuery, weights: Weights, region_paths: Mapping[str, tuple[str, ...]] | None = None) -> Asked:
    return Asked(query.as_need(region_paths), asked_weights(query, weights))


def search_arch(
    asked: Asked,
    achievement: AchievementFacts,
    technology_fit: TechnologyFit,
    region_names: RegionNames | None = None,
) -> Arch:
    """The arch of a search result: only the stones that the search asks about."""
    need = _with_units(asked.need, achievement) if asked.need.indicators else asked.need
    return build_arch(need, achievement, asked.weights, technology_fit, region_names)


def _with_units(need: NeedFacts, achievement: AchievementFacts) -> NeedFacts:
    """Who types "通量 15 以上" means 15 of the unit that is usual: the one in which the achievement gives it."""
    return replace(need, indicators=tuple(_with_unit(want, achievement.indicators) for want in need.indicators))


def _with_unit(want: Wanted, offered: Sequence[Offered]) -> Wanted:
    if want.unit:
        return want
    unit = max(((name_similarity(want, offer), offer.unit) for offer in offered), default=(0.0, ""))
    return replace(want, unit=unit[1]) if unit[0] >= SURE_NAME else want


def asked_weights(query: SearchQuery, weights: Weights) -> Weights:
    need = query.as_need()
    asked = {
        Stone.TECHNOLOGY: bool(query.text),
        Stone.INDICATORS: bool(need.indicators),
        Stone.MATURITY: need.trl_min is not None,
        Stone.MODES: bool(need.modes),
        Stone.PRICE: need.budget.kind == "amount",
        Stone.REGION: bool(need.region),
    }
    stones = [stone for stone in Stone if asked[stone] and weights.points.get(stone, 0)] or [Stone.TECHNOLOGY]
    total = sum(weights.points.get(stone, 0) for stone in stones) or 1
    shares = whole_points([100] * len(stones), [weights.points.get(stone, 0) / total for stone in stones])
    if sum(shares) != 100:  # fits are rounded to four places; the largest stone takes what is left
        shares[shares.index(max(shares))] += 100 - sum(shares)
    return replace(weights, points=dict(zip(stones, shares, strict=True)))
