"""The API, version 1: a second view over the same commands and selectors. The OpenAPI file is committed and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Path, Query
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from pydantic import StringConstraints

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import BudgetShown
from keqiao.engagement import selectors as engagement
from keqiao.kernel import parameters
from keqiao.kernel.api import (
    After,
    Code,
    IsoDate,
    PageNumber,
    PerPage,
    answers,
    api_actor,
    deep_paged,
    each,
    page_of,
    paged,
)
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.replicas import may_lag
from keqiao.matching import selectors as matching
from keqiao.matching.stones import arch_to_json
from keqiao.parties.api import organisation_out
from keqiao.web import budgets, presentation_compare, problems, recording
from keqiao.web.api_public_notices import router as notices_router
from keqiao.web.api_search import router as search_router
from keqiao.web.api_shapes import (
    AchievementOut,
    Achievements,
    Codes,
    Combinations,
    ComparisonOut,
    Matches,
    NeedOut,
    Needs,
    Relaxations,
    Rules,
)
from keqiao.web.presentation_figures import figures_out


class ObjectsOnly(Parser):
    """Every body is an object: of a list, fields that may be left out would read as left out."""

    def parse_body(self, request: HttpRequest) -> Any:
        body = super().parse_body(request)
        if not isinstance(body, dict):
            raise TypeError("a JSON object is expected")
        return body


class DescribedApi(NinjaAPI):
    """Describes what the frame adds: problem+json, tokens and their scopes, idempotency, versions, rates."""

    def get_openapi_schema(self, **given: Any) -> Any:
        schema = super().get_openapi_schema(**given)
        scopes = scopes_of_operations(self)
        schema["components"].setdefault("securitySchemes", {})["token"] = {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token (kq_…) made on the page /me/tokens.",
        }
        for operations in schema["paths"].values():
            for verb, operation in operations.items():
                describe(operation, verb, scopes.get(operation["operationId"], ""))
        return schema


def scopes_of_operations(described: NinjaAPI) -> dict[str, str]:
    """Operation id → the scope that its token needs."""
    found = {}
    for _prefix, router in described._routers:  # noqa: SLF001 -- ninja keeps its operations there only
        for path_view in router.path_operations.values():
            for operation in path_view.operations:
                scope = getattr(operation.view_func, "scope", "")
                if scope:
                    found[operation.operation_id or described.get_openapi_operation_id(operation)] = scope
    return found


def describe(operation: dict[str, Any], verb: str, scope: str) -> None:
    for status, answer in operation["responses"].items():
        if int(status) >= 400 and "application/json" in answer.get("content", {}):
            answer["content"] = {"application/problem+json": answer["content"]["application/json"]}
    operation["security"] = [{"token": [scope]}] if scope else [{}, {"token": []}]
    if verb == "get":
        operation["responses"][304] = {"description": "Not modified: the version that If-None-Match names"}
        operation["parameters"] = [*operation.get("parameters", []), IF_NONE_MATCH]
    else:
        operation["parameters"] = [*operation.get("parameters", []), IDEMPOTENCY_KEY, IF_MATCH]


def header(name: str, description: str, **limits: Any) -> dict[str, Any]:
    schema = {"type": "string", **limits}
    return {"in": "header", "name": name, "required": False, "schema": schema, "description": description}


IF_NONE_MATCH = header("If-None-Match", "ETag of the version you have: 304 when it is still the same.")
IF_MATCH = header("If-Match", "ETag of the version you change: 412 when it was changed since.")
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "The same key and the same request are carried out once.",
    maxLength=200,
    pattern=r"^[!-~]{1,200}$",
)


api = DescribedApi(
    parser=ObjectsOnly(),
    title="Keqiao",
    version="1",
    description=(
        "Needs, research results, their matches and the work on them: the same commands as the pages. "
        "Amounts are intended prices, not signed contracts. Reading what is public needs no token. A token acts for one "
        "organisation in each request: the one it is bound to, else the one that the header Keqiao-Organisation names by "
        "its code, else the one its person was in first."
    ),
    docs_url=None,
    urls_namespace="api",
)


@api.exception_handler(DomainError)
def refuse(request: HttpRequest, error: DomainError) -> HttpResponse:  # noqa: ARG001 -- ninja's signature
    return problems.of_error(error)


@api.exception_handler(ValidationError)
def refuse_input(request: HttpRequest, error: ValidationError) -> HttpResponse:  # noqa: ARG001 -- ninja's signature
    return problems.of_validation(error.errors)


@api.exception_handler(HttpError)
def refuse_request(request: HttpRequest, error: HttpError) -> HttpResponse:  # noqa: ARG001 -- ninja's signature
    return problems.problem(error.status_code)


@api.exception_handler(RequestDataTooBig)
def refuse_size(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:  # noqa: ARG001 -- ninja's signature
    return problems.problem(413)


@api.get("/needs", response=answers(Needs), summary="Public needs, newest first")
@may_lag
def list_needs(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20, after: After = "") -> dict[str, Any]:
    actor = api_actor(request, "needs:read")
    rows = catalogue.newest_needs(actor).prefetch_related("indicators")
    return deep_paged(
        rows,
        page,
        per_page,
        after,
        lambda needs: needs_out(needs, actor),
        by="published_at",
        known_total=matching.length_counted_ahead("need"),
    )


@api.get("/needs/{code}", response=answers(NeedOut), summary="One need")
def get_need(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = api_actor(request, "needs:read")
    need = catalogue.get_need(code, actor=actor)
    return needs_out([need], actor)[0] | {"figures": figures_out(need.texts.all(), NEED_PARTS)}


@api.get("/needs/{code}/matches", response=answers(Matches), summary="A need's matches, best first")
def list_matches_of_need(
    request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20
) -> dict[str, Any]:
    actor = api_actor(request, "needs:read")
    need = catalogue.get_need(code, actor=actor)
    hidden = engagement.unsuitable_for_need(need, actor=actor)
    total, _ = matching.count_matches_of_need(need, actor=actor, without=hidden)
    first = (page - 1) * per_page
    rows = matching.matches_of_need(need, actor=actor, first=first, count=per_page, without=hidden)
    recording.of_need(need, rows, actor=actor, first=first + 1)
    return page_of([match_out(row) for row in rows], total=total, page=page, per_page=per_page)


@api.get("/needs/{code}/comparison", response=answers(ComparisonOut), summary="Two to four matches side by side")
def compare_matches(
    request: HttpRequest,
    code: Code,
    achievements: Annotated[
        list[Annotated[str, StringConstraints(max_length=24)]], Query(alias="with", min_length=2, max_length=4)
    ],
) -> dict[str, Any]:
    actor = api_actor(request, "needs:read")
    need = catalogue.get_need(code, actor=actor)
    return comparison_out(need, matching.matches_of_pair_codes(need, achievements, actor=actor))


@api.get(
    "/needs/{code}/combinations",
    response=answers(Combinations),
    summary="Two or three research results that answer a need together, the best first",
)
def list_combinations(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = api_actor(request, "needs:read")
    need = catalogue.get_need(code, actor=actor)
    hidden = engagement.unsuitable_for_need(need, actor=actor)
    return {"items": [combination_out(one) for one in matching.combinations_of(need, actor=actor, without=hidden)]}


@api.get(
    "/needs/{code}/relaxations",
    response=answers(Relaxations),
    summary="What a relaxed hard requirement would bring; for the need's own people, empty for others",
)
def list_relaxations(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = api_actor(request, "needs:read")
    need = catalogue.get_need(code, actor=actor)
    hidden = engagement.unsuitable_for_need(need, actor=actor)
    found = matching.relaxations_of(need, actor=actor, without=hidden)
    return {"items": [{**vars(step), "brings": step.count} for step in found]}


@api.get("/achievements", response=answers(Achievements), summary="Public research results, newest first")
@may_lag
def list_achievements(
    request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20, after: After = ""
) -> dict[str, Any]:
    actor = api_actor(request, "achievements:read")
    rows = catalogue.newest_achievements(actor).prefetch_related("indicators")
    return deep_paged(
        rows,
        page,
        per_page,
        after,
        each(achievement_out),
        by="published_at",
        known_total=matching.length_counted_ahead("achievement"),
    )


@api.get("/achievements/{code}", response=answers(AchievementOut), summary="One research result")
def get_achievement(request: HttpRequest, code: Code) -> dict[str, Any]:
    achievement = catalogue.get_achievement(code, actor=api_actor(request, "achievements:read"))
    return achievement_out(achievement) | {"figures": figures_out(achievement.texts.all(), ACHIEVEMENT_PARTS)}


@api.get("/achievements/{code}/matches", response=answers(Matches), summary="The needs that a research result answers")
def list_matches_of_achievement(
    request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20
) -> dict[str, Any]:
    actor = api_actor(request, "achievements:read")
    achievement = catalogue.get_achievement(code, actor=actor)
    hidden = engagement.unsuitable_for_achievement(achievement, actor=actor)
    total, _ = matching.count_matches_of_achievement(achievement, actor=actor, without=hidden)
    first = (page - 1) * per_page
    rows = matching.matches_of_achievement(achievement, actor=actor, first=first, count=per_page, without=hidden)
    recording.of_achievement(achievement, rows, actor=actor, first=first + 1)
    return page_of([match_out(row) for row in rows], total=total, page=page, per_page=per_page)


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


ROUTERS = (
    "parties.api",
    "accounts.api",
    "ledger.api",
    "inference.api",
    "submissions.api",
    "engagement.api",
    "deals.api",
    "deals.api_own",
    "deals.api_pricing",
    "deals.api_rules",
    "deals.api_shares",
    "deals.api_tax",
    "deals.api_files",
    "joining.api",
    "alerts.api",
    "learning.api",
    "matching.api",
    "experts.api",
    "interchange.api",
    "integrations.api",
)
api.add_router("", search_router)
api.add_router("", notices_router)
for _module in ROUTERS:
    api.add_router("", f"keqiao.{_module}.router")

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
    """Whose publisher and whose budget is seen is asked once for all of them."""
    budgets.show(needs, actor)
    matched = matching.matched_needs(needs, actor=actor)
    return [need_out(need, catalogue.publisher_seen_by(actor, need, is_matched=need.pk in matched)) for need in needs]


def need_out(need: Any, publisher: Any) -> dict[str, Any]:
    return {
        **_item(need, "needs", NEED_PARTS),
        "publisher": organisation_out(publisher) if publisher else None,
        "budget_shown": getattr(need, "budget_shown", BudgetShown.SHOWN),
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


def match_out(row: matching.MatchSeen) -> dict[str, Any]:
    return {
        "need": row.need.code,
        "achievement": row.achievement.code,
        "score": row.score,
        "has_unmet": row.has_unmet,
        "arch": arch_to_json(row.arch),
        "computed_at": row.computed_at,
    }


def comparison_out(need: Any, matches: Sequence[matching.MatchSeen]) -> dict[str, Any]:
    rows = []
    for block in presentation_compare.side_by_side(matches):
        rows.append(_compare_row(block.stone, None, [(match, stone) for match, stone in block.cells]))
        rows += [_compare_row(block.stone, row.finding, row.cells) for row in block.rows]
    return {"need": need.code, "achievements": [match.achievement.code for match in matches], "rows": rows}


def _compare_row(stone: Any, finding: Any, cells: Sequence[Any]) -> dict[str, Any]:
    return {
        "stone": str(stone),
        "is_stone": finding is None,
        "label_zh": finding.label_zh if finding else "",
        "label_en": finding.label_en if finding else "",
        "is_must": bool(finding and finding.must),
        "asked": finding.asked if finding else "",
        "cells": [
            {
                "achievement": match.achievement.code,
                "verdict": one.verdict if one else None,
                "fit": one.fit if one else None,
                "points": getattr(one, "points", None),
                "offered": getattr(one, "offered", ""),
            }
            for match, one in cells
        ],
    }


def combination_out(one: matching.CombinationSeen) -> dict[str, Any]:
    return {
        "achievements": [achievement.code for achievement in one.achievements],
        "score": one.arch.score,
        "arch": arch_to_json(one.arch),
        "conflicts": [vars(conflict) for conflict in one.conflicts],
        "computed_at": one.computed_at,
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
