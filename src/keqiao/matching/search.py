"""Free-text search over what is public: chips, facets, pages, and every hit with its arch.

The nearest items come from the index; the first of them are scored by the same stones as a stored match and put in that
order. With nothing typed, the newest items come from the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState, PriceKind
from keqiao.kernel import measures
from keqiao.kernel.errors import NotFound
from keqiao.matching import scoring, tallies
from keqiao.matching.engine import And, Eq, Filter, Has, In, Not, Or, Range
from keqiao.matching.gathering import regions
from keqiao.matching.queries import SearchQuery, read_query
from keqiao.matching.recent import Recent
from keqiao.matching.types import TRL_BANDS, Arch, Reach
from keqiao.parties.types import Actor

PER_PAGE = 10
NEAREST = 100  # hits that a search looks at; the page says so
SCORED = 30  # of these, how many are put in the order of their arch
NEARNESS = 0.25  # of the best hit: on the demo texts, what lies lower is noise (docs/why/matching.md)
LONGEST_QUERY = 2_000  # characters that are read
JUDGED_PAGES = 200  # pages of results that are kept: about 50 kB each

SORTS = ("match", "trl", "newest")
FACETS = {
    "achievement": ("field", "trl", "modes", "ownership", "region", "ip", "origin"),
    "need": ("field", "trl", "modes", "region", "origin"),
}


@dataclass(frozen=True)
class SearchRequest:
    """What was asked. Prices are in 万元; unknown facet names and values are passed over."""

    kind: str = "achievement"
    q: str = ""
    drop: tuple[str, ...] = ()
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price_low: Decimal | None = None
    price_high: Decimal | None = None
    include_negotiable: bool = True
    sort: str = "match"
    page: int = 1


@dataclass(frozen=True)
class FacetValue:
    value: str
    count: int
    selected: bool


@dataclass(frozen=True)
class Facet:
    name: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True)
class Passage:
    """Words of the item that answer the search; `marks` are the places of the matching terms in `text`."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Found:
    """One hit. No arch when nothing was asked."""

    item: Any
    arch: Arch | None = None
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class SearchResult:
    items: list[Found]
    total: int
    total_is_exact: bool  # False: the nearest ones only
    facets: list[Facet]
    query: SearchQuery | None
    page: int
    page_count: int
    request: SearchRequest
    is_more: bool = False  # more than `total`: what a filter leaves of a long list is counted up to a bound
    counted_at: datetime | None = None  # when a long list was counted; None: just now
    facets_within: int | None = None  # facets are counted among the newest so many; None: among all


def search(request: SearchRequest, *, actor: Actor) -> SearchResult:
    text = request.q.strip()[:LONGEST_QUERY]
    return _nearest(request, text, actor) if text else _newest(request, actor)


def side_by_side(request: SearchRequest, codes: Sequence[str], *, actor: Actor) -> list[Found]:
    """Public items in the order of `codes`, each with its arch of the search; one that is missing is not found."""
    codes = list(dict.fromkeys(codes))
    if _public(request.kind, actor).filter(code__in=codes).count() < len(codes):
        raise NotFound
    text = request.q.strip()[:LONGEST_QUERY]
    query = read_query(text, regions().names(), drop=request.drop) if text else None
    arches = scoring.search_arches(request.kind, query, codes) if query else {}
    return [Found(item, arches.get(item.code)) for item in _load(request.kind, codes, actor)]


# --- Nothing typed: the newest ----------------------------------------------------------------------------------------


def _newest(request: SearchRequest, actor: Actor) -> SearchResult:
    rows = _filtered(_public(request.kind, actor), request)
    order: list[Any] = [F("trl").desc(nulls_last=True)] if _by_trl(request) else []
    order += ["-published_at", "-id"]
    ahead = tallies.of(request.kind)
    total = _length(request, rows, ahead)
    facets, within = _facets_of_list(request, actor, ahead)
    page = max(request.page, 1)
    codes = list(rows.order_by(*order).values_list("code", flat=True)[(page - 1) * PER_PAGE : page * PER_PAGE])
    return SearchResult(
        items=[Found(item) for item in catalogue.items_to_list(request.kind, codes, actor=actor)],
        total=min(total, tallies.COUNTED) if ahead and _is_filtered(request) else total,
        total_is_exact=True,
        facets=facets,
        query=None,
        page=page,
        page_count=_pages(total),
        request=request,
        is_more=bool(ahead and _is_filtered(request) and total > tallies.COUNTED),
        counted_at=ahead.at if ahead else None,
        facets_within=within,
    )


def _length(request: SearchRequest, rows: QuerySet[Any], ahead: tallies.Counts | None) -> int:
    if ahead is None:
        return rows.count()
    if not _is_filtered(request):
        return ahead.total
    if _has_only_granted(request) and "ip" in ahead.facets:  # rights are in another table: counting joins all of them
        return ahead.facets["ip"].get("granted", 0)
    return rows.order_by()[: tallies.COUNTED + 1].count()


def _has_only_granted(request: SearchRequest) -> bool:
    chosen = [name for name in FACETS[request.kind] if _selected(request, name)]
    return chosen == ["ip"] and not _has_price(request)


def _facets_of_list(
    request: SearchRequest, actor: Actor, ahead: tallies.Counts | None
) -> tuple[list[Facet], int | None]:
    """Of the whole list within the wished price, so that a reader sees what another choice would give.

    With them: among how many of the newest they were counted, when those were not all.
    """
    if ahead and not _has_price(request):
        return [_shown_facet(request, name, ahead.facets.get(name, {})) for name in FACETS[request.kind]], None
    every = _filtered(_public(request.kind, actor), request, but_facets=True)
    if ahead:
        every = every.filter(pk__in=every.order_by("-published_at", "-id").values("pk")[: tallies.COUNTED])
    price = f"{request.price_low}-{request.price_high}-{request.include_negotiable}-{'newest' if ahead else 'all'}"
    # Only published items are counted, the same for everybody; half a minute old is new enough for a list without a question.
    traits = cache.get_or_set(f"traits:{request.kind}:{price}", lambda: _traits(every), 30)
    traits = traits or []
    is_cut = bool(ahead) and sum(row["n"] for row in traits) >= tallies.COUNTED
    return _facets(request, traits), tallies.COUNTED if is_cut else None


def _is_filtered(request: SearchRequest) -> bool:
    return _has_price(request) or any(_selected(request, name) for name in FACETS[request.kind])


def _has_price(request: SearchRequest) -> bool:
    return not (request.price_low is None and request.price_high is None and request.include_negotiable)


# --- Something typed: the nearest -------------------------------------------------------------------------------------


def _nearest(request: SearchRequest, text: str, actor: Actor) -> SearchResult:
    query = read_query(text, regions().names(), drop=request.drop)
    codes = _candidates(request, query, actor)
    around: list[str] | None = None  # what facets are counted among, when some are chosen
    if any(_selected(request, name) for name in FACETS[request.kind]):
        around = _candidates(request, query, actor, but_facets=True)
    rows = _rows(request.kind, {*codes, *(around or ())}, actor)
    judged = _judged(request, query, codes, around, rows)
    items = [
        Found(item, judged.arches.get(item.code), judged.passages.get(item.code, ()))
        for item in catalogue.items_to_list(request.kind, judged.shown, actor=actor)
    ]
    is_exact = len(codes) < NEAREST
    pages = _pages(judged.total)
    return SearchResult(items, judged.total, is_exact, judged.facets, query, max(request.page, 1), pages, request)


@dataclass(frozen=True)
class _Judged:
    """What a page of results shows besides the items themselves."""

    seen: tuple[Any, ...]  # what it was judged from
    total: int
    shown: list[str]
    arches: Mapping[str, Arch]  # of those that are shown
    facets: list[Facet]
    passages: Mapping[str, tuple[Passage, ...]]  # of those that are shown


# The same page again, as long as the nearest items are the same, at the same revisions, and judged by the same points.
# Who may see which of them is asked of the database every time.
_pages_judged: Recent[tuple[Any, ...], _Judged] = Recent(JUDGED_PAGES)


def _judged(
    request: SearchRequest,
    query: SearchQuery,
    codes: Sequence[str],
    around: Sequence[str] | None,
    rows: Mapping[str, Any],
) -> _Judged:
    page = (request.kind, request.q, request.drop, _choices(request), request.sort, request.page)
    revisions = tuple((code, row["revision"]) for code, row in rows.items())
    seen = (
        tuple(codes),
        tuple(around or ()),
        frozenset(revisions),
        scoring.version(),
        scoring.region_names(),
        scoring.region_paths(),
    )
    before = _pages_judged.get(page)
    if before is None or before.seen != seen:
        before = _judge(request, query, [code for code in codes if code in rows], around, rows, seen)
        _pages_judged.put(page, before)
    return before


def _choices(request: SearchRequest) -> tuple[Any, ...]:
    chosen = tuple(_selected(request, name) for name in FACETS[request.kind])
    return (chosen, request.price_low, request.price_high, request.include_negotiable)


def _judge(
    request: SearchRequest,
    query: SearchQuery,
    kept: list[str],
    around: Sequence[str] | None,
    rows: Mapping[str, Any],
    seen: tuple[Any, ...],
) -> _Judged:
    revisions = {code: row["revision"] for code, row in rows.items()}
    with measures.stage("stones"):
        arches = scoring.search_arches(request.kind, query, kept[:SCORED], revisions)
    kept = [code for code in kept if code not in arches or scoring.is_near(arches[code])]
    arches = {code: arch for code, arch in arches.items() if scoring.is_near(arch)}
    kept = _ordered(request, kept, arches, rows)
    page = max(request.page, 1)
    shown = kept[(page - 1) * PER_PAGE : page * PER_PAGE]
    arches |= scoring.search_arches(request.kind, query, [code for code in shown if code not in arches], revisions)
    with measures.stage("facets"):
        counted = kept if around is None else around
        facets = _facets(request, [rows[code] for code in counted if code in rows])
    shown_arches = {code: arches[code] for code in shown if code in arches}
    return _Judged(seen, len(kept), shown, shown_arches, facets, _passages(request.kind, query.text, shown, revisions))


def _candidates(request: SearchRequest, query: SearchQuery, actor: Actor, *, but_facets: bool = False) -> list[str]:
    """The nearest by text; when only conditions are left, the newest."""
    if query.text:
        where = _where(request, but_facets=but_facets)
        return scoring.nearest(
            request.kind, query.text, NEAREST, where, least=NEARNESS, reach=Reach.TYPED, in_order=not but_facets
        )
    rows = _filtered(_public(request.kind, actor), request, but_facets=but_facets)
    return list(rows.order_by("-published_at", "-id").values_list("code", flat=True)[:NEAREST])


def _ordered(
    request: SearchRequest, codes: list[str], arches: Mapping[str, Arch], rows: Mapping[str, Any]
) -> list[str]:
    """By the arch (those without an unmet must first), by maturity, or by date; ties keep the order of nearness."""
    if request.sort == "newest":
        return sorted(codes, key=lambda code: rows[code]["published_at"], reverse=True)
    if _by_trl(request):
        return sorted(codes, key=lambda code: -(rows[code]["level"] or 0))
    scored = sorted(arches, key=lambda code: (arches[code].has_unmet, -arches[code].score))
    return [*scored, *(code for code in codes if code not in arches)]


BODY = {"achievement": "summary", "need": "problem"}  # the part that a line of a list shows


def _passages(
    kind: str, text: str, codes: Sequence[str], revisions: Mapping[str, int]
) -> dict[str, tuple[Passage, ...]]:
    """Code → the sentence of the item's own text that says most of what was searched for."""
    showing = scoring.Showing(text)
    found = {item.facts.code: showing.best_of(item, BODY[kind]) for item in scoring.items(kind, codes, revisions)}
    return {code: (Passage(*one),) for code, one in found.items() if one}


# --- Filters and facets -----------------------------------------------------------------------------------------------


def _public(kind: str, actor: Actor) -> QuerySet[Any]:
    visible = catalogue.achievements_visible_to(actor) if kind == "achievement" else catalogue.needs_visible_to(actor)
    return visible.filter(state=ItemState.PUBLISHED)


def _filtered(rows: QuerySet[Any], request: SearchRequest, *, but_facets: bool = False) -> QuerySet[Any]:
    if not but_facets:
        for name in FACETS[request.kind]:
            wanted = _selected(request, name)
            if wanted:
                rows = rows.filter(_condition(request.kind, name, wanted))
    return rows.filter(_price(request))


def _selected(request: SearchRequest, name: str) -> tuple[str, ...]:
    values = request.facets.get(name, ())
    known = {"trl": set(TRL_BANDS), "ip": {"granted"}, "origin": {"open", "fictional"}}.get(name)
    return tuple(value for value in values if known is None or value in known)


def _condition(kind: str, name: str, values: Sequence[str]) -> Q:
    if name == "trl":
        column = "trl" if kind == "achievement" else "trl_min"
        bands = (Q(**{f"{column}__range": TRL_BANDS[value]}) for value in values)
        return _any(bands)
    if name == "modes":
        return Q(modes__overlap=list(values))
    if name == "origin":
        return Q(is_fictional__in=[value == "fictional" for value in values])
    if name == "ip":
        return Q(Exists(catalogue.granted_assets().filter(achievements=OuterRef("pk"))))
    return Q(**{f"{name}__in": list(values)})


def _any(conditions: Any) -> Q:
    result = Q(pk__in=[])
    for condition in conditions:
        result |= condition
    return result


def _price(request: SearchRequest) -> Q:
    """Within the wished span in CNY. Open prices stay in, unless they are left out on purpose."""
    if request.price_low is None and request.price_high is None:
        return Q() if request.include_negotiable else Q(price_kind=PriceKind.AMOUNT)
    amount = Q(price_kind=PriceKind.AMOUNT, currency="CNY")
    if request.price_low is not None:
        amount &= Q(price_high__gte=_minor(request.price_low))
    if request.price_high is not None:
        amount &= Q(price_low__lte=_minor(request.price_high))
    return amount | ~Q(price_kind=PriceKind.AMOUNT) if request.include_negotiable else amount


def _minor(wan: Decimal) -> int:
    """万元 → fen, within what the database can hold."""
    return int(max(min(wan, Decimal(10**9)), Decimal(0)) * 1_000_000)


# --- The same filters for the index ------------------------------------------------------------------------------------


def _where(request: SearchRequest, *, but_facets: bool = False) -> Filter | None:
    parts: list[Filter] = []
    if not but_facets:
        for name in FACETS[request.kind]:
            if wanted := _selected(request, name):
                parts.append(_index_condition(name, wanted))
    parts += _index_price(request)
    return And(tuple(parts)) if parts else None


def _index_condition(name: str, values: tuple[str, ...]) -> Filter:
    if name == "trl":
        bands = (TRL_BANDS[value] for value in values)
        return Or(tuple(Range("trl", low, high + 1) for low, high in bands))
    if name == "modes":
        return Has("modes", values)
    if name == "ip":
        return Eq("ip", "granted")
    return In(name, values)


def _index_price(request: SearchRequest) -> list[Filter]:
    if request.price_low is None and request.price_high is None:
        return [] if request.include_negotiable else [Eq("price_kind", PriceKind.AMOUNT)]
    amount: list[Filter] = [Eq("price_kind", PriceKind.AMOUNT), Eq("currency", "CNY")]
    if request.price_low is not None:
        amount.append(Range("price_high", _minor(request.price_low), None))
    if request.price_high is not None:
        amount.append(Range("price_low", None, _minor(request.price_high) + 1))
    within = And(tuple(amount))
    return [Or((within, Not(Eq("price_kind", PriceKind.AMOUNT))))] if request.include_negotiable else [within]


Traits = list[dict[str, Any]]


def _traits(rows: QuerySet[Any]) -> Traits:
    """What facets count: each combination of traits, and how many rows have it."""
    rows, names = _with_traits(rows)
    return list(rows.order_by().values(*names).annotate(n=Count("pk")))


def _rows(kind: str, codes: Collection[str], actor: Actor) -> dict[str, dict[str, Any]]:
    """Code → traits, revision and date of each of these that the actor may see in public."""
    rows, names = _with_traits(_public(kind, actor).filter(code__in=codes))
    found = rows.order_by().values("code", "revision", "published_at", *names)
    return {row["code"]: {**row, "n": 1} for row in found}


def _with_traits(rows: QuerySet[Any]) -> tuple[QuerySet[Any], list[str]]:
    names = ["field", "modes", "region", "is_fictional", "level"]
    if rows.model.__name__ == "Achievement":
        granted = Exists(catalogue.granted_assets().filter(achievements=OuterRef("pk")))
        return rows.annotate(granted=granted, level=F("trl")), [*names, "ownership", "granted"]
    return rows.annotate(level=F("trl_min")), names


def _facets(request: SearchRequest, traits: Traits) -> list[Facet]:
    return [_facet(request, name, traits) for name in FACETS[request.kind]]


def _facet(request: SearchRequest, name: str, traits: Traits) -> Facet:
    counts: Counter[str] = Counter()
    for row in traits:
        counts.update(dict.fromkeys(_values(name, row), row["n"]))
    return _shown_facet(request, name, counts)


def _shown_facet(request: SearchRequest, name: str, given: Mapping[str, int]) -> Facet:
    """The values that occur, most frequent first, then by name (maturity in its own order); what was chosen in any case."""
    counts = Counter(given)
    selected = set(_selected(request, name))
    order = list(TRL_BANDS) if name == "trl" else sorted(counts, key=lambda value: (-counts[value], value))
    shown = [FacetValue(value, counts[value], value in selected) for value in order if counts[value]]
    shown += [FacetValue(value, 0, True) for value in sorted(selected) if not counts[value]]
    return Facet(name, tuple(shown))


def _values(name: str, row: Mapping[str, Any]) -> list[str]:
    if name == "trl":
        return [band for band, (low, high) in TRL_BANDS.items() if row["level"] and low <= row["level"] <= high]
    if name == "modes":
        return list(row["modes"])
    if name == "origin":
        return ["fictional" if row["is_fictional"] else "open"]
    if name == "ip":
        return ["granted"] if row["granted"] else []
    return [row[name]] if row[name] else []


# --- Small things -----------------------------------------------------------------------------------------------------


def _load(kind: str, codes: Sequence[str], actor: Actor) -> list[Any]:
    if kind == "achievement":
        return catalogue.achievements_by_code(codes, actor=actor)
    return catalogue.needs_by_code(codes, actor=actor)


def _by_trl(request: SearchRequest) -> bool:
    return request.sort == "trl" and request.kind == "achievement"


def _pages(total: int) -> int:
    return max(1, -(-total // PER_PAGE))
