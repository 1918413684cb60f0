"""Asking somebody to take a need on, and whom to propose when they do not."""

from __future__ import annotations

from keqiao.experts import selectors
from keqiao.experts.models import Assignment, PlanNeed
from keqiao.experts.telling import tell
from keqiao.experts.workflow import assignment_workflow
from keqiao.kernel import clock, codes
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import Actor


def ask(assignment: Assignment, *, actor: Actor) -> None:
    """Inside a command, after the room was looked at."""
    assignment_workflow.check(assignment, "ask", actor=actor)
    today = clock.today()
    assignment.asked_at = clock.now()
    assignment.due_on = add_working_days(today, parameter("experts.answer_days", on=today)).day
    assignment.save(update_fields=["asked_at", "due_on"])
    assignment_workflow.advance(assignment, "ask", actor=actor)
    for person_id in selectors.askees(assignment):
        tell(person_id, "assignment_received", key=str(assignment.pk), link=f"/assignments/{assignment.code}")


def propose_next(need: PlanNeed) -> Assignment | None:
    """Inside a command: the next best by score who has no tie and room now. Whoever runs the plan decides to ask them."""
    gone = list(need.assignments.values_list("candidate_id", flat=True))
    pairs = [pair for pair in selectors.pairs_of(need, besides=gone) if not pair.ties and pair.score]
    profiles = [pair.candidate.profile for pair in pairs if pair.candidate.profile is not None]
    load = selectors.loads_of([profile.pk for profile in profiles])
    capacity = selectors.capacities(profiles, on=clock.today())
    held = selectors.proposed_of([profile.pk for profile in profiles], plan_id=need.plan_id)
    for pair in pairs:
        profile = pair.candidate.profile
        is_free = profile is None or (
            profile.is_listed and load.get(profile.pk, 0) + held.get(profile.pk, 0) < capacity[profile.pk]
        )
        if is_free:
            return Assignment.objects.create(
                code=codes.fresh(Assignment, "PG"),
                need=need,
                candidate=pair.candidate,
                score=pair.score,
                load_before=load.get(profile.pk, 0) if profile else pair.candidate.load,
            )
    return None


def tell_of_next(need: PlanNeed, assignment: Assignment, found: Assignment | None) -> None:
    """Whoever made the plan hears that somebody else is to be asked, or that nobody is left."""
    person_id = need.plan.made_by_id
    if person_id is None:
        return
    kind = "next_proposed" if found else "nobody_left"
    tell(person_id, kind, key=str(assignment.pk), link=f"/assignments/plans/{need.plan.code}")
