"""Parsing and shape of what pages are given. Wrong values fall back to what a reader would expect, or become a notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.http.request import QueryDict

from keqiao.kernel.pages import page_number
from keqiao.matching.search import FACETS, LONGEST_QUERY, SORTS, SearchRequest
from keqiao.web import presentation, presentation_search
from keqiao.web.presentation import Words

MOST_DROPPED = 20
MOST_VALUES = 50
ASKED = frozenset(
    {"q", "drop", "price_low", "price_high", "fixed_price", "sort"}.union(*FACETS.values())
)  # besides the kind


@dataclass(frozen=True)
class ReadRequest:
    """A search as the address says it. `ignored`: facet values that do not exist; `is_cut`: the text was too long."""

    request: SearchRequest
    ignored: tuple[str, ...]
    is_cut: bool


def read_search(query: QueryDict, words: Words, kind: str = "") -> ReadRequest:
    kind = kind or query.get("kind", "")
    kind = kind if kind in FACETS else "achievement"
    facets, ignored = _facets(query, kind, words)
    sort = query.get("sort", "")
    text = presentation.plain(query.get("q", ""))
    request = SearchRequest(
        kind=kind,
        q=text[:LONGEST_QUERY],
        drop=tuple(query.getlist("drop")[:MOST_DROPPED]),
        facets=facets,
        price_low=_amount(query.get("price_low", "")),
        price_high=_amount(query.get("price_high", "")),
        include_negotiable=query.get("fixed_price") != "1",
        sort=sort if sort in SORTS else "match",
        page=page_number(query),
    )
    return ReadRequest(request, ignored, len(text) > LONGEST_QUERY)


def _facets(query: QueryDict, kind: str, words: Words) -> tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]:
    chosen: dict[str, tuple[str, ...]] = {}
    ignored: list[str] = []
    for name in FACETS[kind]:
        given = tuple(dict.fromkeys(query.getlist(name)[:MOST_VALUES]))
        chosen[name] = tuple(value for value in given if presentation_search.is_known_value(name, value, words))
        ignored += [presentation.plain(value)[:40] for value in given if value not in chosen[name]]
    return chosen, tuple(ignored)


def _amount(text: str) -> Decimal | None:
    """万元, or None when it is not a number of 0 or more."""
    try:
        value = Decimal(text.strip()[:20])
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None
