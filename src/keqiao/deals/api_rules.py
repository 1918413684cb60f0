"""The API of an institution's own distribution rules."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints

from keqiao.deals import selectors, services
from keqiao.deals.api import READ, WRITE, Bp, PlainCode, Word
from keqiao.deals.models import RewardRule
from keqiao.kernel.api import (
    IsoDate,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    needs_scope,
    paged,
)

router = Router(tags=["deals"])


class RulePart(Schema):
    kind: Word
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    of_net_bp: Bp


class DealRuleOut(Schema):
    code: str
    organisation: str
    name: str
    article: str
    published_on: date
    reward_bp: int
    staff_bp: int
    parts: list[RulePart]


class DealRules(PageOut):
    items: list[DealRuleOut]


class RuleIn(Schema):
    organisation: PlainCode
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    article: Annotated[str, StringConstraints(max_length=80)] = ""
    published_on: IsoDate
    reward_bp: Bp
    staff_bp: Bp = 0
    parts: Annotated[list[RulePart], Field(max_length=30)] = []


def rule_out(row: RewardRule) -> dict[str, Any]:
    names = ("code", "name", "article", "published_on", "reward_bp", "staff_bp")
    return {
        **{name: getattr(row, name) for name in names},
        "organisation": row.organisation.code,
        "parts": [{"kind": p.kind, "name": p.name, "of_net_bp": p.of_net_bp} for p in row.parts.all()],
    }


@router.get("/reward-rules", response=answers(DealRules), summary="Distribution rules of your institution")
def list_rules(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.rules_visible_to(api_actor(request, READ)), page, per_page, each(rule_out))


@router.post("/reward-rules", response=change_answers(DealRuleOut, 201), summary="Enter a published rule")
@needs_scope(WRITE)
def add_rule(request: HttpRequest, given: RuleIn) -> Any:
    values = given.dict(exclude={"organisation", "parts"})
    parts = [(row.kind, row.name, row.of_net_bp) for row in given.parts]
    rule = services.add_rule(actor=api_actor(request), organisation_code=given.organisation, parts=parts, **values)
    return Status(201, rule_out(rule))
