"""What the search page shows: facets and chips with names in the reader's language. Pure functions, no queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from keqiao.catalogue.types import Mode, Ownership
from keqiao.web.presentation import Said, Words, guess, language

FACET_NAMES: Mapping[str, Any] = {
    "field": gettext_lazy("产业领域"),
    "trl": gettext_lazy("成熟度"),
    "modes": gettext_lazy("合作方式"),
    "ownership": gettext_lazy("权属"),
    "region": gettext_lazy("地区"),
    "ip": gettext_lazy("知识产权"),
    "origin": gettext_lazy("来源"),
}
FACET_VALUES: Mapping[str, Mapping[str, Any]] = {
    "trl": {
        "1-3": gettext_lazy("1–3 原理"),
        "4-6": gettext_lazy("4–6 样机与中试"),
        "7-9": gettext_lazy("7–9 示范与量产"),
    },
    "modes": dict(Mode.choices),
    "ownership": dict(Ownership.choices),
    "ip": {"granted": gettext_lazy("已授权或已登记")},
    "origin": {"open": gettext_lazy("真实公开文本"), "fictional": gettext_lazy("示范数据")},
}
SORT_NAMES: Mapping[str, Any] = {
    "match": gettext_lazy("按匹配度"),
    "trl": gettext_lazy("按成熟度"),
    "newest": gettext_lazy("按公开时间"),
}


def facet_value(name: str, value: str, words: Words) -> Said:
    if name in FACET_VALUES:
        return Said(str(FACET_VALUES[name].get(value, value)), language())
    return words.title(name, value)


def is_known_value(name: str, value: str, words: Words) -> bool:
    """Whether a facet can have this value at all; addresses are typed by people."""
    return value in known_values(name, words)


def known_values(name: str, words: Words) -> Mapping[str, Any]:
    return FACET_VALUES[name] if name in FACET_VALUES else words.table(name)


@dataclass(frozen=True)
class FacetShown:
    """One facet with the names of its values in the reader's language."""

    name: str
    title: str
    values: tuple[tuple[Any, Said], ...]
    is_open: bool


OPEN_FACETS = {"field", "trl", "modes"}


def facets(found: Iterable[Any], words: Words) -> list[FacetShown]:
    """Facets that have a value; a few stand open, and those in which something is chosen."""
    return [
        FacetShown(
            facet.name,
            str(FACET_NAMES[facet.name]),
            tuple((value, facet_value(facet.name, value.value, words)) for value in facet.values),
            facet.name in OPEN_FACETS or any(value.selected for value in facet.values),
        )
        for facet in found
        if facet.values
    ]


def count_chosen(request: Any) -> int:
    bounds = (request.price_low, request.price_high)
    return (
        sum(map(len, request.facets.values())) + any(b is not None for b in bounds) + (not request.include_negotiable)
    )


def sorts(kind: str) -> list[tuple[str, str]]:
    """Needs have no maturity of their own to sort by."""
    return [(value, str(name)) for value, name in SORT_NAMES.items() if kind == "achievement" or value != "trl"]


CHIP_NAMES: Mapping[str, Any] = {
    "term": gettext_lazy("技术"),
    "indicator": gettext_lazy("指标"),
    "trl": gettext_lazy("成熟度"),
    "mode": gettext_lazy("合作方式"),
    "price": gettext_lazy("价格"),
    "region": gettext_lazy("地区"),
}


@dataclass(frozen=True)
class SearchChip:
    """One condition that was understood, and the ids to drop so that it goes."""

    kind: str
    text: Said
    dropped: tuple[str, ...]


def search_chips(result: Any) -> list[SearchChip]:
    if result.query is None:
        return []
    return [
        SearchChip(
            str(CHIP_NAMES[chip.kind]),
            guess((chip.label_en if language() == "en" else chip.label_zh) or chip.label_zh or chip.label_en),
            tuple(value for name, value in result.query.to_params(without=chip.id) if name == "drop"),
        )
        for chip in result.query.chips
    ]
