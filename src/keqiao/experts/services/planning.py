"""Batch assignment: a plan is computed by a job, changed by hand, and confirmed. Before that nobody hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from keqiao.experts import policies, selectors, solving
from keqiao.experts.asking import ask
from keqiao.experts.models import Assignment, AssignmentPlan, Candidate, ExpertProfile, Pair, PlanNeed
from keqiao.experts.telling import tell
from keqiao.experts.types import HELD, Answer, AssignmentState, NoRoom, PlanKind, PlanState, Tie
from keqiao.experts.workflow import assignment_workflow, plan_workflow
from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = [
    "ask_proposed",
    "assign_by_hand",
    "cancel_plan",
    "compute_again",
    "confirm_plan",
    "drop_assignment",
    "finish_plan",
    "make_plan",
    "score_need",
]

MOST_NEEDS, MOST_POOL = 200, 300
MATCHES = 20  # achievements looked at for each need
MOST_PER_NEED, MOST_SPREAD, MOST_EACH = 5, 100, 50


@command
def make_plan(
    *,
    actor: Actor,
    kind: str,
    title: str,
    need_codes: Sequence[str],
    key: str,
    expert_codes: Sequence[str] = (),
    per_need: int = 1,
    most_each: int = 3,
    spread: int = 5,
    raises_worst: bool = False,
) -> AssignmentPlan:
    """Needs and a pool, to be computed by a job. Without `expert_codes` the pool is everybody listed of that kind."""
    if not policies.can_plan(actor):
        raise NotAllowed
    if kind not in PlanKind.values:
        raise BadInput(_("请选择派给谁：专家、技术经理人或成果。"), field="kind")
    if (before := AssignmentPlan.objects.filter(made_by_id=actor.person_id, key=key).first()) is not None:
        return before
    needs = _needs(actor, need_codes)
    plan = AssignmentPlan(
        code=codes.fresh(AssignmentPlan, "PD"),
        kind=kind,
        title=_title(title),
        organisation_id=actor.acting_for,
        made_by_id=actor.person_id,
        key=key,
        total=len(needs),
    )
    _set_wishes(plan, per_need=per_need, most_each=most_each, spread=spread, raises_worst=raises_worst)
    try:
        with transaction.atomic():
            plan.save()
    except IntegrityError:  # sent twice at the same moment
        return AssignmentPlan.objects.get(made_by_id=actor.person_id, key=key)
    PlanNeed.objects.bulk_create(PlanNeed(plan=plan, need=need, position=n) for n, need in enumerate(needs))
    if kind != PlanKind.ACHIEVEMENTS:
        _fill_pool(plan, _chosen(actor, kind, expert_codes))
    record("experts.plan_made", plan, actor=actor, kind=kind)
    _defer(plan)
    return plan


@command
def compute_again(
    *, actor: Actor, code: str, per_need: int, most_each: int, spread: int, raises_worst: bool
) -> AssignmentPlan:
    """With other wishes, and with everybody's load of now. What was proposed or changed by hand is made anew."""
    plan = selectors.get_plan(code, actor=actor, lock=True)
    plan_workflow.check(plan, "again", actor=actor)
    _set_wishes(plan, per_need=per_need, most_each=most_each, spread=spread, raises_worst=raises_worst)
    Assignment.objects.filter(need__plan=plan).delete()
    Pair.objects.filter(need__plan=plan).delete()
    plan.needs.update(is_scored=False)
    if plan.kind == PlanKind.ACHIEVEMENTS:
        plan.candidates.all().delete()
    else:
        profiles = [row.profile for row in plan.candidates.select_related("profile__person")]
        plan.candidates.all().delete()
        _fill_pool(plan, [profile for profile in profiles if profile is not None and profile.is_listed])
    plan.scored, plan.points, plan.points_without_fairness, plan.solver = 0, None, None, ""
    plan.save()
    plan_workflow.advance(plan, "again", actor=actor)
    _defer(plan)
    return plan


@command
def score_need(*, actor: Actor, plan_id: int) -> bool:
    """The next need of a plan gets its candidates' scores, in one transaction. Are there more?"""
    if not actor.is_system:
        raise NotAllowed
    plan = selectors.plan_by_id(plan_id, lock=True)
    if plan is None or plan.state != PlanState.COMPUTING:
        return False
    row = plan.needs.filter(is_scored=False).select_related("need").prefetch_related("need__texts").first()
    if row is None:
        return False
    if selectors.is_public(row.need):
        pairs = _pairs_with_achievements(plan, row) if plan.kind == PlanKind.ACHIEVEMENTS else _pairs(plan, row)
        Pair.objects.bulk_create(pairs, batch_size=500)
    row.is_scored = True
    row.save(update_fields=["is_scored"])
    plan.scored += 1
    plan.save(update_fields=["scored"])
    return plan.scored < plan.total


@command
def finish_plan(*, actor: Actor, plan_id: int, answer: Answer, price: int) -> None:
    """Write what the solver found. A second worker, or one whose plan was cancelled meanwhile, writes nothing."""
    plan = selectors.plan_by_id(plan_id, lock=True)
    if plan is None or plan.state != PlanState.COMPUTING or plan.needs.filter(is_scored=False).exists():
        return
    problem, needs, people = selectors.problem_of(plan)
    numbers = codes.fresh_many(Assignment, "PG", answer.count)
    for need, chosen in answer.chosen.items():
        best = solving.next_best(problem, answer, need, chosen)
        for one in chosen:
            Assignment.objects.create(
                code=numbers.pop(),
                need_id=needs[need],
                candidate_id=people[one],
                score=problem.scores[need][one],
                load_before=problem.load[one],
                next_best_id=people[best[0]] if best else None,
                why_not=best[1] if best else "",
            )
    plan.solver, plan.points, plan.points_without_fairness = answer.solver, answer.points, answer.points + price
    plan.computed_at = clock.now()
    plan.save(update_fields=["solver", "points", "points_without_fairness", "computed_at"])
    plan_workflow.advance(plan, "compute", actor=actor, filled=answer.count)
    if plan.made_by_id is not None:
        tell(plan.made_by_id, "plan_ready", key=f"{plan.pk}:{plan.computed_at.isoformat()}", link=_link(plan))


@command
def assign_by_hand(
    *, actor: Actor, code: str, need_code: str, who: str, reason: str, instead_of: str = ""
) -> Assignment:
    """Take another candidate for a need, with a reason that stays. `who`: code of the expert or achievement.

    `instead_of`: the proposed assignment that it replaces; without it a place is added. Nobody is told before confirming.
    """
    plan = selectors.get_plan(code, actor=actor, lock=True)
    if not policies.can_run(actor, plan):
        raise NotAllowed
    if plan.state not in {PlanState.READY, PlanState.CONFIRMED}:
        raise WrongState
    why = _reason(reason)
    need = plan.needs.filter(need__code=need_code).select_related("need").first()
    before = _replaced(need, instead_of)
    pair = _pair_with(need, who)
    if pair.ties and pair.ties != [Tie.REFUSED.value]:
        labels = "、".join(str(Tie(tie).label) for tie in pair.ties)
        raise BadInput(_("不能改派给这一位：%(why)s。") % {"why": labels}, field="who")
    _check_room(plan, pair.candidate, leaving=before.candidate_id if before else None)
    found, _new = Assignment.objects.update_or_create(
        need=need,
        candidate=pair.candidate,
        defaults={
            "state": AssignmentState.PROPOSED,
            "score": pair.score,
            "load_before": pair.candidate.load,
            "instead_of_id": before.candidate_id if before else None,
            "next_best_id": None,
            "why_not": "",
            "override_reason": why,
            "ended_at": None,
        },
        create_defaults={
            "code": codes.fresh(Assignment, "PG"),
            "score": pair.score,
            "load_before": pair.candidate.load,
            "instead_of_id": before.candidate_id if before else None,
            "override_reason": why,
        },
    )
    if before is not None:
        _drop(actor, before)
    record("experts.assignment_overridden", found, actor=actor)
    return found


@command
def drop_assignment(*, actor: Actor, code: str) -> Assignment:
    """Take an assignment out of its plan. Who was asked already is told."""
    assignment = selectors.get_assignment(code, actor=actor, lock=True)
    assignment_workflow.check(assignment, "drop", actor=actor)
    was_asked = assignment.state != AssignmentState.PROPOSED
    _drop(actor, assignment)
    if was_asked:
        for person_id in selectors.askees(assignment):
            tell(person_id, "assignment_dropped", key=str(assignment.pk), link=f"/assignments/{assignment.code}")
    return assignment


@publishes
@command
def confirm_plan(*, actor: Actor, code: str) -> AssignmentPlan:
    """Ask everybody who is proposed. Confirmed once more, nobody is asked twice."""
    plan = selectors.get_plan(code, actor=actor, lock=True)
    if plan.state == PlanState.CONFIRMED and policies.can_run(actor, plan):
        return plan
    plan_workflow.check(plan, "confirm", actor=actor)
    rows = _proposed(plan)
    if not rows:
        raise WrongState(_("计划里没有可派的需求。"))
    _check_all_room(rows)
    plan.confirmed_at = clock.now()
    plan.save(update_fields=["confirmed_at"])
    plan_workflow.advance(plan, "confirm", actor=actor, asked=len(rows))
    for row in rows:
        ask(row, actor=actor)
    return plan


@publishes
@command
def ask_proposed(*, actor: Actor, code: str) -> Assignment:
    """In a confirmed plan: ask the one who was proposed after a refusal, or was put in by hand."""
    found = selectors.get_assignment(code, actor=actor)
    plan = selectors.get_plan(found.need.plan.code, actor=actor, lock=True)
    assignment = selectors.get_assignment(code, actor=actor, lock=True)
    if assignment.state == AssignmentState.ASKED and policies.can_run(actor, plan):
        return assignment
    if plan.state != PlanState.CONFIRMED:
        raise WrongState(_("先确认计划，再通知。"))
    _check_all_room([assignment])
    ask(assignment, actor=actor)
    return assignment


@command
def cancel_plan(*, actor: Actor, code: str) -> AssignmentPlan:
    """Before it was confirmed: nobody heard of it."""
    plan = selectors.get_plan(code, actor=actor, lock=True)
    plan_workflow.advance(plan, "cancel", actor=actor)
    return plan


# --- reading what was given -------------------------------------------------------------------------------------------


def _title(text: str) -> str:
    plain = text.replace("\x00", "").strip()
    if not plain or len(plain) > 120:
        raise BadInput(_("给计划起个名，最多 120 个字，例如：十一月膜材料需求派单。"), field="title")
    return plain


def _reason(text: str) -> str:
    plain = text.replace("\x00", "").strip()
    if not plain or len(plain) > 300:
        raise BadInput(_("写明改派的理由，最多 300 个字，例如：对方指定要做过中试的人。"), field="reason")
    return plain


def _set_wishes(plan: AssignmentPlan, *, per_need: int, most_each: int, spread: int, raises_worst: bool) -> None:
    if not 1 <= per_need <= MOST_PER_NEED:
        raise BadInput(_("每项需求派 1 到 5 个，例如 1。"), field="per_need")
    if not 1 <= most_each <= MOST_EACH:
        raise BadInput(_("每个人选在本计划里最多得 1 到 50 项，例如 3。"), field="most_each")
    if not 0 <= spread <= MOST_SPREAD:
        raise BadInput(_("均衡程度填 0 到 100 分，例如 5。"), field="spread")
    plan.per_need, plan.most_each, plan.spread, plan.raises_worst = per_need, most_each, spread, raises_worst


def _needs(actor: Actor, need_codes: Sequence[str]) -> list[Any]:
    wanted = list(dict.fromkeys(need_codes))
    if not wanted:
        raise BadInput(_("至少选一项需求。"), field="needs")
    if len(wanted) > MOST_NEEDS:
        raise BadInput(_("一个计划最多 200 项需求，请分几次派。"), field="needs")
    found = {need.code: need for need in selectors.needs_to_plan(actor).filter(code__in=wanted)}
    if missing := [code for code in wanted if code not in found]:
        raise BadInput(
            _("需求 %(code)s 不在可派的需求里：没有公开，或不是本单位的。") % {"code": missing[0]}, field="needs"
        )
    return [found[code] for code in wanted]


def _chosen(actor: Actor, kind: str, expert_codes: Sequence[str]) -> list[Any]:
    rows = selectors.pool(kind, actor=actor)
    wanted = list(dict.fromkeys(expert_codes))
    if wanted:
        found = {row.code: row for row in rows.filter(code__in=wanted)}
        if missing := [code for code in wanted if code not in found]:
            raise BadInput(_("人选 %(code)s 不在专家库里。") % {"code": missing[0]}, field="experts")
        people = [found[code] for code in wanted]
    else:
        people = list(rows[: MOST_POOL + 1])
    if len(people) > MOST_POOL:
        raise BadInput(_("一个计划最多 300 位人选，请先挑选。"), field="experts")
    if not people:
        raise BadInput(_("专家库里还没有这类人选。"), field="experts")
    return people


def _fill_pool(plan: AssignmentPlan, profiles: Sequence[Any]) -> None:
    capacity = selectors.capacities(profiles, on=clock.today())
    load = selectors.loads_of([profile.pk for profile in profiles])
    Candidate.objects.bulk_create(
        Candidate(plan=plan, profile=row, position=n, capacity=capacity[row.pk], load=load.get(row.pk, 0))
        for n, row in enumerate(profiles)
    )


# --- scoring ----------------------------------------------------------------------------------------------------------


def _pairs(plan: AssignmentPlan, row: PlanNeed) -> list[Pair]:
    people = {one.profile.pk: one for one in plan.candidates.select_related("profile") if one.profile is not None}
    points = selectors.scores(selectors.query_of(row.need), among=list(people))
    ties = selectors.ties_between([row.need], [one.profile for one in people.values()])
    return [
        Pair(need=row, candidate=one, score=points.get(pk, 0), ties=ties.get((row.need_id, pk), []))
        for pk, one in people.items()
        if pk in points or (row.need_id, pk) in ties
    ]


def _pairs_with_achievements(plan: AssignmentPlan, row: PlanNeed) -> list[Pair]:
    """The best stored matches; a hard requirement that is not met keeps one out, and so does one's own organisation."""
    matches = matching.matches_of_need(row.need, actor=parties.visitor(), count=MATCHES)
    ids = [match.achievement.pk for match in matches]
    known = {one.achievement_id: one for one in plan.candidates.filter(achievement_id__in=ids)}
    load = selectors.loads_of_achievements(ids)
    found = []
    place = plan.candidates.count()
    for match in matches:
        one = known.get(match.achievement.pk)
        if one is None:
            had = load.get(match.achievement.pk, 0)
            one = Candidate.objects.create(
                plan=plan, achievement=match.achievement, position=place, capacity=MOST_EACH, load=had
            )
            place += 1
        ties = [Tie.UNMET.value] if match.has_unmet else []
        if match.achievement.owner_id == row.need.publisher_id:
            ties.append(Tie.EMPLOYED.value)
        found.append(Pair(need=row, candidate=one, score=match.score, ties=ties))
    return found


# --- changing by hand and confirming ----------------------------------------------------------------------------------


def _replaced(need: PlanNeed | None, code: str) -> Assignment | None:
    if need is None:
        raise BadInput(_("这项需求不在计划里。"), field="need")
    if not code:
        held = need.assignments.filter(state__in=HELD).count()
        if held >= MOST_PER_NEED:
            raise BadInput(_("每项需求最多派 5 个。"), field="who")
        return None
    found = need.assignments.filter(code=code, state=AssignmentState.PROPOSED).select_related("need__plan").first()
    if found is None:
        raise WrongState(_("只有还没通知的派单可以改派。"))
    return found


def _pair_with(need: PlanNeed | None, who: str) -> Pair:
    rows = selectors.pairs_of(need)
    found = rows.filter(candidate__profile__code=who).first() or rows.filter(candidate__achievement__code=who).first()
    if found is None:
        raise BadInput(_("请从这项需求的人选里选一个。"), field="who")
    if found.need.assignments.filter(candidate=found.candidate, state__in=[*HELD, AssignmentState.DONE]).exists():
        raise BadInput(_("这项需求已经派给这一位了。"), field="who")
    if found.need.assignments.filter(
        candidate=found.candidate, state__in=[AssignmentState.DECLINED, AssignmentState.EXPIRED]
    ).exists():
        raise BadInput(_("这一位已经谢绝过，或没有按期答复。"), field="who")
    return found


def _check_room(plan: AssignmentPlan, candidate: Candidate, *, leaving: int | None) -> None:
    held = selectors.loads_in(plan, [candidate.pk])[candidate.pk] - (leaving == candidate.pk)
    if candidate.load + held >= candidate.capacity:
        raise BadInput(_("这一位没有空余名额了。"), field="who")


def _drop(actor: Actor, assignment: Assignment) -> None:
    assignment.ended_at = clock.now()
    assignment.save(update_fields=["ended_at"])
    assignment_workflow.advance(assignment, "drop", actor=actor)


def _proposed(plan: AssignmentPlan) -> list[Assignment]:
    rows = Assignment.objects.filter(need__plan=plan, state=AssignmentState.PROPOSED)
    rows = rows.select_related("need__plan", "need__need", "candidate__profile__person", "candidate__achievement")
    return list(rows.order_by("pk"))


def _check_all_room(rows: Sequence[Assignment]) -> None:
    """With everybody's row locked: of two plans that want the last place of somebody, one gets it."""
    ids = sorted({row.candidate.profile_id for row in rows if row.candidate.profile_id is not None})
    locked = ExpertProfile.objects.select_for_update(of=("self",), no_key=True).select_related("person")
    profiles = {profile.pk: profile for profile in locked.filter(pk__in=ids).order_by("pk")}
    load, capacity = selectors.loads_of(ids), selectors.capacities(profiles.values(), on=clock.today())
    wanted: dict[int, int] = {}
    for row in rows:
        if not selectors.is_public(row.need.need):
            raise WrongState(_("需求 %(code)s 已不再公开，请先撤下。") % {"code": row.need.need.code})
        if row.candidate.profile_id is not None:
            wanted[row.candidate.profile_id] = wanted.get(row.candidate.profile_id, 0) + 1
    for pk, count in wanted.items():
        if not profiles[pk].is_listed:
            raise NoRoom(_("%(name)s 已退出专家库，请改派后再确认。") % {"name": profiles[pk].person})
        if load.get(pk, 0) + count > capacity[pk]:
            raise NoRoom(_("%(name)s 的名额已被占用，请改派后再确认。") % {"name": profiles[pk].person})


def _defer(plan: AssignmentPlan) -> None:
    """By its name: the jobs stand above the commands."""
    app.configure_task("keqiao.experts.tasks.compute_plan", queue="experts", lock=f"plan:{plan.pk}").defer(
        plan_id=plan.pk
    )


def _link(plan: AssignmentPlan) -> str:
    return f"/assignments/plans/{plan.code}"
