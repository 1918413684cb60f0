"""The read-only API, version 1: a second view over the same selectors. The OpenAPI file is committed and compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Path, Query, Schema
from ninja.errors import ValidationError
from pydantic import Field, StringConstraints

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import parameters
from keqiao.kernel.api import Code, IsoDate, PageNumber, PageOut, PerPage, answers, api_actor, each, paged
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.matching import search as searching
from keqiao.matching import selectors as matching
from keqiao.matching.stones import arch_to_json
from keqiao.parties import selectors as parties
from keqiao.web.middleware import problem


class Text(Schema):
    """An item in one language. `origin`: author, translated (by a person) or machine."""

    lang: str
    origin: str
    parts: dict[str, str]


class IndicatorOut(Schema):
    name_zh: str
    name_en: str
    comparator: str
    value: Decimal = Field(description="Target of a need, value of an achievement; lower end of a range.")
    high: Decimal | None
    unit: str
    condition_zh: str
    condition_en: str
    is_must: bool | None = Field(None, description="Needs only: a hard requirement.")
    current: Decimal | None = Field(None, description="Needs only: what is reached today.")
    evidence: str | None = Field(None, description="Achievements only: third_party, user_report, self_measured …")


class PriceOut(Schema):
    """Budget of a need or asking price of an achievement: intended, not signed. Minor units of the currency."""

    kind: str
    low_minor: int | None
    high_minor: int | None
    currency: str


class OrganisationOut(Schema):
    code: str
    kind: str
    name_zh: str
    name_en: str
    region: str
    url: str


class ItemOut(Schema):
    """What needs and achievements have in common."""

    code: str
    url: str
    state: str
    field: str
    ipc: list[str]
    industry: list[str]
    keywords_zh: list[str]
    keywords_en: list[str]
    modes: list[str]
    region: str
    price: PriceOut
    texts: list[Text]
    indicators: list[IndicatorOut]
    published_at: datetime | None
    updated_at: datetime
    is_fictional: bool
    source: dict[str, str]


class NeedOut(ItemOut):
    publisher: OrganisationOut | None = Field(description="null: the publisher is not shown to you")
    kind: str
    trl_min: int | None
    deadline: date | None


class AchievementOut(ItemOut):
    owner: OrganisationOut
    trl: int | None
    ownership: str


class MatchOut(Schema):
    """A stored match. `score` is exactly the sum of the points of the stones in `arch`."""

    need: str
    achievement: str
    score: int
    has_unmet: bool = Field(description="A hard requirement is not met: such matches stand after all others.")
    arch: dict[str, Any]
    computed_at: datetime


class RuleOut(Schema):
    key: str
    jurisdiction: str
    value: Any
    unit: str
    first_on: date
    last_on: date | None
    instrument: str
    article: str
    source: str
    is_confirmed: bool
    note_zh: str
    note_en: str


class CodeOut(Schema):
    code: str
    parent: str
    level: str
    title_zh: str
    title_en: str


class Needs(PageOut):
    items: list[NeedOut]


class Achievements(PageOut):
    items: list[AchievementOut]


class Organisations(PageOut):
    items: list[OrganisationOut]


class Matches(PageOut):
    items: list[MatchOut]


class Rules(PageOut):
    items: list[RuleOut]


class Codes(PageOut):
    items: list[CodeOut]


class FoundOut(Schema):
    code: str
    url: str
    title_zh: str
    title_en: str
    score: int | None


class SearchOut(PageOut):
    total_is_exact: bool
    chips: list[dict[str, Any]] = Field(description="How the text was read; pass an id as `drop` to leave a chip out.")
    facets: dict[str, dict[str, int]]
    items: list[FoundOut]


class DescribedApi(NinjaAPI):
    """Refusals are described as what they are: application/problem+json."""

    def get_openapi_schema(self, **given: Any) -> Any:
        schema = super().get_openapi_schema(**given)
        for operations in schema["paths"].values():
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in answer.get("content", {}):
                        answer["content"] = {"application/problem+json": answer["content"]["application/json"]}
        return schema


api = DescribedApi(
    title="Keqiao",
    version="1",
    description="Needs, research results and their matches, read-only. Amounts are intended prices, not signed contracts.",
    docs_url=None,
    urls_namespace="api",
)


@api.exception_handler(DomainError)
def refuse(request: HttpRequest, error: DomainError) -> HttpResponse:  # noqa: ARG001 -- ninja's signature
    return problem(error.status, error.code, str(error))


@api.exception_handler(ValidationError)
def refuse_input(request: HttpRequest, error: ValidationError) -> HttpResponse:  # noqa: ARG001 -- ninja's signature
    lines = [f"{'.'.join(str(part) for part in e['loc'][1:])}: {e['msg']}" for e in error.errors]
    return problem(422, "BadInput", "; ".join(lines))


@api.get("/needs", response=answers(Needs), summary="Public needs, newest first")
def list_needs(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    rows = catalogue.newest_needs(api_actor(request)).prefetch_related("indicators")
    return paged(rows, page, per_page, lambda needs: needs_out(needs, api_actor(request)))


@api.get("/needs/{code}", response=answers(NeedOut), summary="One need")
def get_need(request: HttpRequest, code: Code) -> dict[str, Any]:
    return needs_out([catalogue.get_need(code, actor=api_actor(request))], api_actor(request))[0]


@api.get("/needs/{code}/matches", response=answers(Matches), summary="A need's matches, best first")
def list_matches_of_need(
    request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20
) -> dict[str, Any]:
    need = catalogue.get_need(code, actor=api_actor(request))
    total, _ = matching.count_matches_of_need(need, actor=api_actor(request))
    rows = matching.matches_of_need(need, actor=api_actor(request), first=(page - 1) * per_page, count=per_page)
    return {"total": total, "page": page, "per_page": per_page, "items": [match_out(row) for row in rows]}


@api.get("/achievements", response=answers(Achievements), summary="Public research results, newest first")
def list_achievements(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    rows = catalogue.newest_achievements(api_actor(request)).prefetch_related("indicators")
    return paged(rows, page, per_page, each(achievement_out))


@api.get("/achievements/{code}", response=answers(AchievementOut), summary="One research result")
def get_achievement(request: HttpRequest, code: Code) -> dict[str, Any]:
    return achievement_out(catalogue.get_achievement(code, actor=api_actor(request)))


@api.get("/achievements/{code}/matches", response=answers(Matches), summary="The needs that a research result answers")
def list_matches_of_achievement(
    request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20
) -> dict[str, Any]:
    achievement = catalogue.get_achievement(code, actor=api_actor(request))
    total, _ = matching.count_matches_of_achievement(achievement, actor=api_actor(request))
    rows = matching.matches_of_achievement(
        achievement, actor=api_actor(request), first=(page - 1) * per_page, count=per_page
    )
    return {"total": total, "page": page, "per_page": per_page, "items": [match_out(row) for row in rows]}


@api.get("/organisations", response=answers(Organisations), summary="The register of organisations")
def list_organisations(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(
        parties.organisations_visible_to(api_actor(request)).order_by("id"), page, per_page, each(organisation_out)
    )


@api.get("/organisations/{code}", response=answers(OrganisationOut), summary="One organisation")
def get_organisation(request: HttpRequest, code: Code) -> dict[str, Any]:
    return organisation_out(parties.get_organisation(code, actor=api_actor(request)))


@api.get("/search", response=answers(SearchOut), summary="Free-text search")
def search(
    request: HttpRequest,
    q: Annotated[str, Query(max_length=2_000)] = "",
    kind: Annotated[str, Query(pattern="^(achievement|need)$")] = "achievement",
    sort: Annotated[str, Query(pattern="^(match|trl|newest)$")] = "match",
    drop: Annotated[list[Annotated[str, StringConstraints(max_length=40)]], Query(max_length=20)] = [],  # noqa: B006 -- ninja copies it
    page: Annotated[int, Query(ge=1, le=50)] = 1,
) -> dict[str, Any]:
    wanted = searching.SearchRequest(kind=kind, q=q, drop=tuple(drop), sort=sort, page=page)
    result = searching.search(wanted, actor=api_actor(request))
    return {
        "total": result.total,
        "total_is_exact": result.total_is_exact,
        "page": result.page,
        "per_page": searching.PER_PAGE,
        "chips": [chip_out(chip) for chip in result.query.chips] if result.query else [],
        "facets": {facet.name: {value.value: value.count for value in facet.values} for facet in result.facets},
        "items": [found_out(found, kind) for found in result.items],
    }


@api.get("/rules", response=answers(Rules), summary="Dated parameters of law and policy")
def list_rules(
    request: HttpRequest,  # noqa: ARG001 -- ninja's signature
    on: IsoDate | None = None,
    jurisdiction: Annotated[str, Query(max_length=20)] = "",
    page: PageNumber = 1,
    per_page: PerPage = 100,
) -> dict[str, Any]:
    rows = parameters.rules(on=on, jurisdiction=jurisdiction)
    return paged(rows, page, per_page, list)


@api.get(
    "/codes/{scheme}",
    response=answers(Codes),
    summary="A code table: ipc, gbt4754, gbt13745, gbt2260, wipo35, field, region",
)
def list_codes(
    request: HttpRequest,  # noqa: ARG001 -- ninja's signature
    scheme: Annotated[str, Path(max_length=20, pattern="^[a-z0-9]+$")],
    parent: Annotated[str | None, Query(max_length=24)] = None,
    page: PageNumber = 1,
    per_page: PerPage = 100,
) -> dict[str, Any]:
    rows = catalogue.codes_under(scheme, parent)
    if not rows.exists():
        raise NotFound
    return paged(rows, page, per_page, list)


for _context in ("parties", "accounts", "catalogue", "submissions", "engagement", "interchange", "integrations"):
    api.add_router("", f"keqiao.{_context}.api.router")

NEED_PARTS = ("title", "problem", "background", "tried", "wanted", "offers")
ACHIEVEMENT_PARTS = ("title", "problem", "how", "stage", "summary", "incumbent", "advantage")
SHARED = (
    "code",
    "state",
    "field",
    "ipc",
    "industry",
    "keywords_zh",
    "keywords_en",
    "modes",
    "region",
    "published_at",
    "updated_at",
    "is_fictional",
)


def needs_out(needs: Sequence[Any], actor: Any) -> list[dict[str, Any]]:
    """Whose publisher is seen is asked once for all of them."""
    matched = matching.matched_needs(needs, actor=actor)
    return [need_out(need, catalogue.publisher_seen_by(actor, need, is_matched=need.pk in matched)) for need in needs]


def need_out(need: Any, publisher: Any) -> dict[str, Any]:
    return {
        **_item(need, "needs", NEED_PARTS),
        "publisher": organisation_out(publisher) if publisher else None,
        "kind": need.kind,
        "trl_min": need.trl_min,
        "deadline": need.deadline,
        "indicators": [
            {**_indicator(row), "value": row.target, "is_must": row.is_must, "current": row.current}
            for row in need.indicators.all()
        ],
    }


def achievement_out(achievement: Any) -> dict[str, Any]:
    return {
        **_item(achievement, "achievements", ACHIEVEMENT_PARTS),
        "owner": organisation_out(achievement.owner),
        "trl": achievement.trl,
        "ownership": achievement.ownership,
        "indicators": [
            {**_indicator(row), "value": row.value, "evidence": row.evidence} for row in achievement.indicators.all()
        ],
    }


def organisation_out(organisation: Any) -> dict[str, Any]:
    kept = ("code", "kind", "name_zh", "name_en", "region")
    return {**{name: getattr(organisation, name) for name in kept}, "url": f"/organisations/{organisation.code}"}


def match_out(row: matching.MatchSeen) -> dict[str, Any]:
    return {
        "need": row.need.code,
        "achievement": row.achievement.code,
        "score": row.score,
        "has_unmet": row.has_unmet,
        "arch": arch_to_json(row.arch),
        "computed_at": row.computed_at,
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


def _item(item: Any, place: str, parts: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: getattr(item, name) for name in SHARED},
        "url": f"/{place}/{item.code}",
        "price": {
            "kind": item.price_kind,
            "low_minor": item.price_low,
            "high_minor": item.price_high,
            "currency": item.currency,
        },
        "texts": [
            {
                "lang": text.lang,
                "origin": text.origin,
                "parts": {part: getattr(text, part) for part in parts if getattr(text, part)},
            }
            for text in item.texts.all()
        ],
        "source": {key: str(value) for key, value in item.source.items()},
    }


def _indicator(row: Any) -> dict[str, Any]:
    kept = ("name_zh", "name_en", "comparator", "high", "unit", "condition_zh", "condition_en")
    return {name: getattr(row, name) for name in kept}
