"""What the pages and the API show of experts, plans and assignments: plain values, gathered in few queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keqiao.catalogue import selectors as catalogue
from keqiao.experts import policies, selectors
from keqiao.experts.models import Assignment, AssignmentPlan, ExpertProfile
from keqiao.experts.types import ON_DESK, AssignmentState, PlanState, Solver, Tie, WhyNot
from keqiao.experts.workflow import assignment_workflow, plan_workflow
from keqiao.kernel import clock
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor


def directory(profiles: Sequence[ExpertProfile]) -> list[dict[str, Any]]:
    places = selectors.workplaces_of(profiles)
    return [{"profile": row, "person": row.person, "places": places.get(row.person_id, [])} for row in profiles]


def expert(profile: ExpertProfile, actor: Actor) -> dict[str, Any]:
    rows = selectors.with_papers([profile.pk], actor=actor)
    evidence = selectors.evidence_of_each(rows)[profile.pk]
    return {
        "profile": profile,
        "person": profile.person,
        "places": selectors.workplaces_of([profile]).get(profile.person_id, []),
        "evidence": [one for one in evidence if one.kind != "statement"],
        "sees_load": selectors.sees_load(actor, profile),
        "load": selectors.loads_of([profile.pk]).get(profile.pk, 0),
        "capacity": selectors.capacities([profile], on=clock.today())[profile.pk],
        "is_own": actor.person_id == profile.person_id,
    }


def found(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Of a page of experts for a need."""
    places = selectors.workplaces_of([row.profile for row in rows])
    return [
        {
            "found": row,
            "person": row.profile.person,
            "places": places.get(row.profile.person_id, []),
            "ties": [Tie(tie).label for tie in row.ties],
        }
        for row in rows
    ]


def own(actor: Actor) -> dict[str, Any]:
    profile = selectors.own_profile(actor)
    works = selectors.claimed_codes(profile) if profile else set()
    return {
        "profile": profile,
        "person": parties.get_person(actor),
        "possible": list(selectors.possible_works(actor)[:100]),
        "works": works,
        "papers": list(profile.papers.all()) if profile else [],
        "periods": list(profile.periods.all()) if profile else [],
        "conflicts": list(profile.conflicts.select_related("organisation")) if profile else [],
    }


# --- plans ------------------------------------------------------------------------------------------------------------


def is_moving(plan: AssignmentPlan) -> bool:
    return plan.state == PlanState.COMPUTING


def progress(plan: AssignmentPlan) -> dict[str, Any]:
    return {
        "plan": plan,
        "is_moving": is_moving(plan),
        "percent": round(100 * plan.scored / plan.total) if plan.total else 0,
        "stages": plan_workflow.stages(plan),
    }


def plan(row: AssignmentPlan, needs: Sequence[Any], actor: Actor) -> dict[str, Any]:
    """One page of a plan's needs with who takes them and why, and the whole plan in a few numbers."""
    by_need = selectors.assignments_of_needs([need.pk for need in needs])
    held = selectors.loads_in(row)
    best = selectors.best_pairs([need.pk for need in needs])
    return {
        **progress(row),
        "rows": [
            {
                "need": need.need,
                "places": [_place(one, held, actor) for one in by_need.get(need.pk, ())],
                "why_nobody": "" if by_need.get(need.pk) else _why_nobody(best.get(need.pk, ())),
            }
            for need in needs
        ],
        "numbers": _numbers(row),
        "solver": Solver(row.solver).label if row.solver else "",
        "is_approximate": row.solver == Solver.ROUNDS_APPROXIMATE,
        "may_run": policies.can_run(actor, row),
        "open": {step.name for step in plan_workflow.open_to(actor, row)},
        "wishes": {
            "per_need": row.per_need,
            "most_each": row.most_each,
            "spread": row.spread,
            "raises_worst": row.raises_worst,
        },
    }


def _place(row: Assignment, held: Any, actor: Actor) -> dict[str, Any]:
    return {
        "row": row,
        "who": named(row.candidate),
        "load_before": row.load_before,
        "load_after": row.candidate.load + held.get(row.candidate_id, 0),
        "capacity": row.candidate.capacity,
        "next": named(row.next_best) if row.next_best else None,
        "why_not": WhyNot(row.why_not).label if row.why_not else "",
        "instead_of": named(row.instead_of) if row.instead_of else None,
        "open": {step.name for step in assignment_workflow.open_to(actor, row)},
        "is_live": row.state in {AssignmentState.PROPOSED, *ON_DESK},
    }


def named(candidate: Any) -> dict[str, Any]:
    """A candidate: a person or an achievement."""
    if candidate.profile_id is not None:
        profile = candidate.profile
        return {"person": profile.person, "achievement": None, "code": profile.code, "href": f"/experts/{profile.code}"}
    item = candidate.achievement
    return {"person": None, "achievement": item, "code": item.code, "href": f"/achievements/{item.code}"}


def _why_nobody(pairs: Sequence[Any]) -> str:
    """Of a need without anybody: what became of its best candidates."""
    if not pairs:
        return "nobody"
    return "tied" if all(pair.ties for pair in pairs) else "full"


def _numbers(row: AssignmentPlan) -> dict[str, Any]:
    range_ = selectors.score_range(row)
    price = (row.points_without_fairness or 0) - (row.points or 0)
    return {
        "filled": range_["filled"] or 0,
        "wanted": row.total * row.per_need,
        "least": range_["least"],
        "most": range_["most"],
        "points": range_["points"] or 0,
        "price": price,
        "price_percent": round(100 * price / row.points_without_fairness, 1) if row.points_without_fairness else 0,
        **{f"desk_{name}": value for name, value in selectors.spread_of(row).items()},
    }


def plan_need(row: AssignmentPlan, need: Any, pairs: Sequence[Any], actor: Actor) -> dict[str, Any]:
    assignments = selectors.assignments_of_needs([need.pk]).get(need.pk, [])
    taken = {one.candidate_id: one for one in assignments}
    held = selectors.loads_in(row, [pair.candidate_id for pair in pairs])
    return {
        "plan": row,
        "need": need.need,
        "may_run": policies.can_run(actor, row) and row.state in {PlanState.READY, PlanState.CONFIRMED},
        "proposed": [
            {"row": one, "who": named(one.candidate)} for one in assignments if one.state == AssignmentState.PROPOSED
        ],
        "rows": [
            {
                "pair": pair,
                "who": named(pair.candidate),
                "ties": [Tie(tie).label for tie in pair.ties],
                "taken": taken.get(pair.candidate_id),
                "load": pair.candidate.load + held.get(pair.candidate_id, 0),
                "capacity": pair.candidate.capacity,
                "is_full": pair.candidate.load + held.get(pair.candidate_id, 0) >= pair.candidate.capacity,
            }
            for pair in pairs
        ],
    }


def assignment(row: Assignment, actor: Actor) -> dict[str, Any]:
    need = catalogue.needs_by_code([row.need.need.code], actor=actor)
    publisher = (
        catalogue.publisher_seen_by(actor, need[0], is_matched=matching.is_matched(need[0], actor=actor))
        if need
        else None
    )
    runs = policies.can_run_assignment(actor, row)
    return {
        "row": row,
        "need": need[0] if need else None,
        "publisher": publisher,
        "who": named(row.candidate),
        "runs": runs,
        "answers": policies.can_answer(actor, row),
        "open": {step.name for step in assignment_workflow.open_to(actor, row)},
        "stages": assignment_workflow.stages(row),
        "reasons": selectors.reasons_of_pair(need[0], row, actor=actor) if need else (),
    }
