"""The search by the API: a second view over the one of the pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from keqiao.kernel.api import PageOut, answers, api_actor
from keqiao.matching import search as searching

router = Router()


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


@router.get("/search", response=answers(SearchOut), summary="Free-text search", operation_id="keqiao_web_api_search")
def search(
    request: HttpRequest,
    q: Annotated[str, Query(max_length=2_000)] = "",
    kind: Annotated[str, Query(pattern="^(achievement|need)$")] = "achievement",
    sort: Annotated[str, Query(pattern="^(match|trl|newest)$")] = "match",
    drop: Annotated[list[Annotated[str, StringConstraints(max_length=40)]], Query(max_length=20)] = [],  # noqa: B006 -- ninja copies it
    price_low: Wan | None = None,
    price_high: Wan | None = None,
    fixed_price: Annotated[bool, Query(description="Leave out open and unknown prices.")] = False,
    page: Annotated[int, Query(ge=1, le=50)] = 1,
) -> dict[str, Any]:
    wanted = searching.SearchRequest(
        kind=kind,
        q=q,
        drop=tuple(drop),
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
