"""The API of experts: a second view over the same commands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field, StrictBool, StringConstraints

from keqiao.catalogue import selectors as catalogue
from keqiao.experts import selectors, services
from keqiao.experts.types import PlanKind
from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    needs_scope,
    page_of,
    paged,
)
from keqiao.kernel.errors import NotFound
from keqiao.kernel.replicas import may_lag

router = Router(tags=["experts"])
READ, WRITE = "assignments:read", "assignments:write"

OneCode = Annotated[str, StringConstraints(max_length=24, pattern=r"^[A-Z0-9-]+$")]
OptionalCode = Annotated[str, StringConstraints(max_length=24, pattern=r"^[A-Z0-9-]*$")]
Line = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")]
Key = Annotated[
    str,
    StringConstraints(min_length=8, max_length=64, pattern=r"^[\x21-\x7e]+$"),
    Field(description="Chosen by the sender: the same key makes one plan.", examples=["7f3a9c20-1b"]),
]


class ExpertOut(Schema):
    """Somebody who agreed to be found."""

    code: str
    name_zh: str
    name_en: str
    title_zh: str
    title_en: str
    expertise: list[str]
    statement_zh: str
    statement_en: str


class Experts(PageOut):
    items: list[ExpertOut]


class ReasonOut(Schema):
    kind: str = Field(description="achievement, paper, solved or statement")
    code: str = Field(description="Of the research result or need; empty for papers and statements.")
    title_zh: str
    title_en: str
    share: int = Field(description="Per cent of the score.")
    passage: str


class ExpertFoundOut(Schema):
    expert: ExpertOut
    score: int = Field(description="0 to 100; 100 is somebody whose texts are about this very need.")
    reasons: list[ReasonOut]
    ties: list[str] = Field(description="Conflicts of interest; empty for those who may not know the publisher.")
    load: int | None = Field(description="Tasks on the desk; null for those who assign nobody.")
    capacity: int | None


class ExpertsFound(PageOut):
    items: list[ExpertFoundOut]


class WishesIn(Schema):
    per_need: int = Field(1, ge=1, le=5)
    most_each: int = Field(3, ge=1, le=50)
    spread: int = Field(5, ge=0, le=100, description="Points that each task already on a desk costs.")
    raises_worst: StrictBool = False


class PlanIn(WishesIn):
    kind: Annotated[str, StringConstraints(max_length=12)] = Field(description="experts, brokers or achievements")
    title: Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\x00]*$")]
    needs: list[OneCode] = Field(max_length=200)
    experts: list[OneCode] = Field([], max_length=300, description="The pool; empty: everybody listed of that kind.")
    key: Key


class PlanOut(Schema):
    code: str
    title: str
    kind: str
    state: str
    needs: int
    scored: int = Field(description="Needs whose candidates have their scores: how far the computation is.")
    per_need: int
    most_each: int
    spread: int
    raises_worst: bool
    solver: str
    points: int | None
    points_without_fairness: int | None
    made_at: datetime
    confirmed_at: datetime | None


class Plans(PageOut):
    items: list[PlanOut]


class AssignmentOut(Schema):
    code: str
    plan: str
    need: str
    candidate: str = Field(description="Code of the expert or the research result.")
    state: str
    score: int
    load_before: int
    next_best: str | None = None
    why_not: str = ""
    override_reason: str = ""
    due_on: date | None
    decline_reason: str


class Assignments(PageOut):
    items: list[AssignmentOut]


class ByHandIn(Schema):
    need: OneCode
    candidate: OneCode
    instead_of: OptionalCode = Field("", description="Code of the proposed assignment; empty: one more place.")
    reason: Line


class RefusalIn(Schema):
    reason: Annotated[str, StringConstraints(max_length=12)] = Field(description="busy, field, conflict or other")
    note: Line = ""


def reader(request: HttpRequest) -> Any:
    """A token needs the scope; without an account there is nothing to see."""
    actor = api_actor(request, READ)
    if not actor.is_known:
        raise NotFound
    return actor


@router.get("/experts", response=answers(Experts), summary="Experts who agreed to be found")
@may_lag
def list_experts(
    request: HttpRequest,
    kind: Annotated[str, Query(max_length=12, description="experts or brokers")] = "experts",
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> dict[str, Any]:
    actor = reader(request)
    chosen = PlanKind.BROKERS if kind == PlanKind.BROKERS else PlanKind.EXPERTS
    return paged(selectors.listed_experts(actor, kind=chosen), page, per_page, each(expert_out))


@router.get("/experts/{code}", response=answers(ExpertOut), summary="One expert")
def get_expert(request: HttpRequest, code: Code) -> dict[str, Any]:
    return expert_out(selectors.get_expert(code, actor=reader(request)))


@router.get("/needs/{code}/experts", response=answers(ExpertsFound), summary="Experts for a need, with reasons")
def experts_for_need(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    actor = reader(request)
    need = catalogue.get_need(code, actor=actor)
    query, ranked = selectors.experts_for(need, actor=actor)
    first = (page - 1) * per_page
    shown = selectors.shown_experts(query, ranked[first : first + per_page], actor=actor, need=need)
    return page_of([found_out(row) for row in shown], total=len(ranked), page=page, per_page=per_page)


@router.get("/assignment-plans", response=answers(Plans), summary="Plans that you may run")
def list_plans(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    rows = selectors.plans_visible_to(reader(request)).order_by("-pk")
    return paged(rows, page, per_page, each(plan_out))


@router.post("/assignment-plans", response=change_answers(PlanOut, 201), summary="Make a plan; a job computes it")
@needs_scope(WRITE)
def make_plan(request: HttpRequest, given: PlanIn) -> Any:
    plan = services.make_plan(
        actor=api_actor(request),
        kind=given.kind,
        title=given.title,
        need_codes=given.needs,
        expert_codes=given.experts,
        key=given.key,
        **wishes(given),
    )
    return Status(201, plan_out(plan))


@router.get("/assignment-plans/{code}", response=answers(PlanOut), summary="One plan")
def get_plan(request: HttpRequest, code: Code) -> dict[str, Any]:
    return plan_out(selectors.get_plan(code, actor=reader(request)))


@router.get(
    "/assignment-plans/{code}/assignments", response=answers(Assignments), summary="Who takes which need, and why"
)
def list_plan_assignments(
    request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20
) -> dict[str, Any]:
    plan = selectors.get_plan(code, actor=reader(request))
    return paged(selectors.assignments_of_plan(plan), page, per_page, each(run_out))


@router.post("/assignment-plans/{code}/again", response=change_answers(PlanOut), summary="Compute with other wishes")
@needs_scope(WRITE)
def compute_again(request: HttpRequest, code: Code, given: WishesIn) -> dict[str, Any]:
    return plan_out(services.compute_again(actor=api_actor(request), code=code, **wishes(given)))


@router.post(
    "/assignment-plans/{code}/assign", response=change_answers(AssignmentOut, 201), summary="Take another by hand"
)
@needs_scope(WRITE)
def assign_by_hand(request: HttpRequest, code: Code, given: ByHandIn) -> Any:
    row = services.assign_by_hand(
        actor=api_actor(request),
        code=code,
        need_code=given.need,
        who=given.candidate,
        reason=given.reason,
        instead_of=given.instead_of,
    )
    return Status(201, run_out(row))


@router.post("/assignment-plans/{code}/confirm", response=change_answers(PlanOut), summary="Ask everybody proposed")
@needs_scope(WRITE)
def confirm_plan(request: HttpRequest, code: Code) -> dict[str, Any]:
    return plan_out(services.confirm_plan(actor=api_actor(request), code=code))


@router.post("/assignment-plans/{code}/cancel", response=change_answers(PlanOut), summary="Cancel before confirming")
@needs_scope(WRITE)
def cancel_plan(request: HttpRequest, code: Code) -> dict[str, Any]:
    return plan_out(services.cancel_plan(actor=api_actor(request), code=code))


@router.get("/assignments", response=answers(Assignments), summary="What you were asked to take on")
def list_assignments(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.asked_of(reader(request)), page, per_page, each(asked_out))


@router.get("/assignments/{code}", response=answers(AssignmentOut), summary="One assignment")
def get_assignment(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = reader(request)
    return assignment_out(selectors.get_assignment(code, actor=actor), actor)


@router.post("/assignments/{code}/accept", response=change_answers(AssignmentOut), summary="Take it on")
@needs_scope(WRITE)
def accept(request: HttpRequest, code: Code) -> dict[str, Any]:
    return asked_out(services.accept_assignment(actor=api_actor(request), code=code))


@router.post("/assignments/{code}/decline", response=change_answers(AssignmentOut), summary="Decline with a reason")
@needs_scope(WRITE)
def decline(request: HttpRequest, code: Code, given: RefusalIn) -> dict[str, Any]:
    actor = api_actor(request)
    return asked_out(services.decline_assignment(actor=actor, code=code, reason=given.reason, note=given.note))


@router.post("/assignments/{code}/ask", response=change_answers(AssignmentOut), summary="Ask the one who is proposed")
@needs_scope(WRITE)
def ask(request: HttpRequest, code: Code) -> dict[str, Any]:
    return run_out(services.ask_proposed(actor=api_actor(request), code=code))


@router.post("/assignments/{code}/finish", response=change_answers(AssignmentOut), summary="The need was seen through")
@needs_scope(WRITE)
def finish(request: HttpRequest, code: Code) -> dict[str, Any]:
    return run_out(services.finish_assignment(actor=api_actor(request), code=code))


@router.post("/assignments/{code}/drop", response=change_answers(AssignmentOut), summary="Take it out of its plan")
@needs_scope(WRITE)
def drop(request: HttpRequest, code: Code) -> dict[str, Any]:
    return run_out(services.drop_assignment(actor=api_actor(request), code=code))


# --- plain values -------------------------------------------------------------------------------------------------------


def wishes(given: WishesIn) -> dict[str, Any]:
    names = ("per_need", "most_each", "spread", "raises_worst")
    return {name: getattr(given, name) for name in names}


def expert_out(profile: Any) -> dict[str, Any]:
    person = profile.person
    return {
        **{name: getattr(person, name) for name in ("name_zh", "name_en", "title_zh", "title_en", "expertise")},
        **{name: getattr(profile, name) for name in ("code", "statement_zh", "statement_en")},
    }


def found_out(row: Any) -> dict[str, Any]:
    return {
        "expert": expert_out(row.profile),
        "score": row.score,
        "reasons": [
            {
                **{name: getattr(one.evidence, name) for name in ("kind", "code", "title_zh", "title_en")},
                "share": one.share,
                "passage": one.passage,
            }
            for one in row.reasons
        ],
        "ties": list(row.ties),
        "load": row.load,
        "capacity": row.capacity,
    }


def plan_out(plan: Any) -> dict[str, Any]:
    names = ("code", "title", "kind", "state", "scored", "per_need", "most_each", "spread", "raises_worst", "solver")
    more = ("points", "points_without_fairness", "made_at", "confirmed_at")
    return {"needs": plan.total, **{name: getattr(plan, name) for name in (*names, *more)}}


def asked_out(row: Any) -> dict[str, Any]:
    """As those who were asked see it: whom else the plan thought of is not theirs to know."""
    names = ("code", "state", "score", "load_before", "due_on", "decline_reason")
    return {
        **{name: getattr(row, name) for name in names},
        "plan": row.need.plan.code,
        "need": row.need.need.code,
        "candidate": code_of(row.candidate),
    }


def run_out(row: Any) -> dict[str, Any]:
    """As those who run the plan see it."""
    return {
        **asked_out(row),
        "next_best": code_of(row.next_best) if row.next_best else None,
        "why_not": row.why_not,
        "override_reason": row.override_reason,
    }


def assignment_out(row: Any, actor: Any) -> dict[str, Any]:
    return run_out(row) if selectors.runs(actor, row) else asked_out(row)


def code_of(candidate: Any) -> str:
    item = candidate.profile or candidate.achievement
    return str(item.code)
