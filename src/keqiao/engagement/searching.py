"""The address of a search as plain data: kept in one canonical form, read back when it is searched again."""

from __future__ import annotations

import hashlib
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl, urlencode

from keqiao.matching.search import FACETS, LONGEST_QUERY, SORTS, SearchRequest

LONGEST = 2_500
MOST_VALUES = 50
FLAGS = ("price_low", "price_high", "fixed_price", "sort")


def canonical(query: str) -> str:
    """Only what a search knows, each thing once, in one order; empty when nothing is asked."""
    pairs = parse_qsl(query[: LONGEST * 4].lstrip("?"), keep_blank_values=False, max_num_fields=200)
    kind = next((value for name, value in pairs if name == "kind" and value in FACETS), "achievement")
    kept = [("kind", kind)]
    text = " ".join(next((value for name, value in pairs if name == "q"), "").replace("\x00", "").split())
    if text:
        kept.append(("q", text[:LONGEST_QUERY]))
    for wanted in ("drop", *FACETS[kind]):
        values = sorted({value[:40] for name, value in pairs if name == wanted and "\x00" not in value})
        kept += [(wanted, value) for value in values[:MOST_VALUES]]
    for flag in FLAGS:
        value = next((value[:20] for name, value in pairs if name == flag), "")
        if (
            value
            and (flag != "sort" or value in SORTS)
            and (not flag.startswith("price_") or _amount(value) is not None)
        ):
            kept.append((flag, value))
    return urlencode(kept)


def asks_something(query: str) -> bool:
    """A kind and an order alone are no search."""
    return any(name not in {"kind", "sort"} for name, _value in parse_qsl(query))


def digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()


def read(query: str, page: int = 1) -> SearchRequest:
    """The kept search as it is asked again: the newest first."""
    pairs = parse_qsl(query)
    kind = next((value for name, value in pairs if name == "kind" and value in FACETS), "achievement")
    single = dict(pairs)
    return SearchRequest(
        kind=kind,
        q=single.get("q", ""),
        drop=tuple(value for name, value in pairs if name == "drop"),
        facets={facet: tuple(value for name, value in pairs if name == facet) for facet in FACETS[kind]},
        price_low=_amount(single.get("price_low", "")),
        price_high=_amount(single.get("price_high", "")),
        include_negotiable=single.get("fixed_price") != "1",
        sort="newest",
        page=page,
    )


def _amount(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip()[:20])
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None
