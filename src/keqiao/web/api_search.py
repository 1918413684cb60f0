"""The search and its comparison by the API: a second view over those of the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel.api import PageOut, answers, api_actor
from keqiao.kernel.errors import BadInput
from keqiao.kernel.replicas import may_lag
from keqiao.matching import search as searching
from keqiao.matching.stones import arch_to_json
from keqiao.web import presentation_compare, presentation_search
from keqiao.web.presentation import Words

router = Router()
Asked = Annotated[str, Query(max_length=2_000)]
Kind = Annotated[str, Query(pattern="^(achievement|need)$")]
Left = Annotated[list[Annotated[str, StringConstraints(max_length=40)]], Query(max_length=20)]
Values = Annotated[
    list[Annotated[str, StringConstraints(max_length=40)]],
    Query(max_length=40, description="A value of this facet, as `facets` of an answer names it; several: any of them."),
]


class FoundOut(Schema):
    code: str
    url: str
    title_zh: str
    title_en: str
    score: int | None


Wan = Annotated[Decimal, Query(ge=0, le=10**9, description="万元 (CNY 10,000).", examples=["50"])]


class SearchOut(PageOut):
    total_is_exact: bool
    chips: list[dict[str, Any]] = Field(description="How the text was read; pass an id as `drop` to leave a chip out.")
    facets: dict[str, dict[str, int]]
    facets_within: int | None = Field(
        description="Facets are counted among the newest so many within the price; null: among all that were found."
    )
    items: list[FoundOut]


class ComparedOut(FoundOut):
    trl: int | None = Field(description="Of a need: the least that is wanted.")
    arch: dict[str, Any] | None = Field(description="Of what was searched for; null when nothing was.")


class ComparedFigureOut(Schema):
    name_zh: str
    name_en: str
    comparator: str
    value: Decimal | None
    high: Decimal | None
    unit: str
    condition_zh: str
    condition_en: str


class FoundComparisonOut(Schema):
    """`figures`: lines of one name and kind of unit, those that several items share first; a place for each item."""

    kind: str
    items: list[ComparedOut]
    figures: list[list[ComparedFigureOut | None]]


@router.get("/search", response=answers(SearchOut), summary="Free-text search", operation_id="keqiao_web_api_search")
@may_lag
def search(
    request: HttpRequest,
    q: Asked = "",
    kind: Kind = "achievement",
    sort: Annotated[str, Query(pattern="^(match|trl|newest)$")] = "match",
    drop: Left = [],  # noqa: B006 -- ninja copies it
    field: Values = [],  # noqa: B006
    trl: Values = [],  # noqa: B006
    modes: Values = [],  # noqa: B006
    region: Values = [],  # noqa: B006
    origin: Values = [],  # noqa: B006
    ownership: Values = [],  # noqa: B006
    ip: Values = [],  # noqa: B006
    price_low: Wan | None = None,
    price_high: Wan | None = None,
    fixed_price: Annotated[bool, Query(description="Leave out open and unknown prices.")] = False,
    page: Annotated[int, Query(ge=1, le=50)] = 1,
) -> dict[str, Any]:
    wanted = searching.SearchRequest(
        kind=kind,
        q=q,
        drop=tuple(drop),
        facets=_chosen(
            kind,
            {
                "field": field,
                "trl": trl,
                "modes": modes,
                "region": region,
                "origin": origin,
                "ownership": ownership,
                "ip": ip,
            },
        ),
        price_low=price_low,
        price_high=price_high,
        include_negotiable=not fixed_price,
        sort=sort,
        page=page,
    )
    result = searching.search(wanted, actor=api_actor(request, f"{kind}s:read"))
    return {
        "total": result.total,
        "total_is_exact": result.total_is_exact,
        "page": result.page,
        "per_page": searching.PER_PAGE,
        "chips": [chip_out(chip) for chip in result.query.chips] if result.query else [],
        "facets": {facet.name: {value.value: value.count for value in facet.values} for facet in result.facets},
        "facets_within": result.facets_within,
        "items": [found_out(found, kind) for found in result.items],
    }


@router.get(
    "/search/comparison", response=answers(FoundComparisonOut), summary="Two to four results of a search side by side"
)
def compare_found(
    request: HttpRequest,
    codes: Annotated[
        list[Annotated[str, StringConstraints(max_length=24)]], Query(alias="with", min_length=2, max_length=4)
    ],
    q: Asked = "",
    kind: Kind = "achievement",
    drop: Left = [],  # noqa: B006
) -> dict[str, Any]:
    wanted = searching.SearchRequest(kind=kind, q=q, drop=tuple(drop))
    found = searching.side_by_side(wanted, codes, actor=api_actor(request, f"{kind}s:read"))
    columns = [presentation_compare.Column(one.item, one.arch, None, "") for one in found]
    return {
        "kind": kind,
        "items": [
            {
                **found_out(one, kind),
                "trl": one.item.trl if kind == "achievement" else one.item.trl_min,
                "arch": arch_to_json(one.arch) if one.arch else None,
            }
            for one in found
        ],
        "figures": [
            [_figure_out(row) if row else None for row in line] for line in presentation_compare.shared_lines(columns)
        ],
    }


def _figure_out(row: Any) -> dict[str, Any]:
    return {
        "name_zh": row.name_zh,
        "name_en": row.name_en,
        "comparator": row.comparator,
        "value": row.value if hasattr(row, "value") else row.target,
        "high": row.high,
        "unit": row.unit,
        "condition_zh": row.condition_zh,
        "condition_en": row.condition_en,
    }


def _chosen(kind: str, given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """What the facets shall be; a value that a facet cannot have is refused, because leaving it out would find more."""
    terms = Words(catalogue.table)
    for name, values in given.items():
        if values and name not in searching.FACETS[kind]:
            raise BadInput(_("%(name)s：查找这一类条目时没有这个筛选项。") % {"name": name}, field=name)
        for value in values:
            if not presentation_search.is_known_value(name, value, terms):
                example = next(iter(presentation_search.known_values(name, terms)), "")
                said = {"name": name, "value": value, "example": example}
                raise BadInput(_("%(name)s：没有“%(value)s”这个取值。例：%(example)s") % said, field=name)
    return {name: tuple(dict.fromkeys(values)) for name, values in given.items()}


def chip_out(chip: Any) -> dict[str, Any]:
    return {"id": chip.id, "kind": chip.kind, "label_zh": chip.label_zh, "label_en": chip.label_en}


def found_out(found: searching.Found, kind: str) -> dict[str, Any]:
    titles = {text.lang: text.title for text in found.item.texts.all()}
    return {
        "code": found.item.code,
        "url": f"/{kind}s/{found.item.code}",
        "title_zh": titles.get("zh", ""),
        "title_en": titles.get("en", ""),
        "score": found.arch.score if found.arch else None,
    }
