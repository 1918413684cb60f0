"""Who may. Whether now is the right time is the workflow's business."""

from __future__ import annotations

from typing import Any

from keqiao.parties.types import APPROVING_ROLES, Actor


def can_plan(actor: Actor) -> bool:
    """Operators for any public need; the people in charge of an organisation for its own."""
    return actor.is_operator or actor.is_in_charge


def can_run(actor: Actor, plan: Any) -> bool:
    """Change, confirm and cancel a plan: operators, and those in charge where it was made."""
    return actor.is_operator or actor.has_role(plan.organisation_id, *APPROVING_ROLES)


def can_run_assignment(actor: Actor, assignment: Any) -> bool:
    return can_run(actor, assignment.need.plan)


def can_answer(actor: Actor, assignment: Any) -> bool:
    """The expert or broker themselves; of an achievement, those in charge where it belongs."""
    candidate = assignment.candidate
    if candidate.profile_id is not None:
        return actor.person_id is not None and actor.person_id == candidate.profile.person_id
    return actor.has_role(candidate.achievement.owner_id, *APPROVING_ROLES)


def is_job(actor: Actor, row: Any) -> bool:  # noqa: ARG001 -- a policy's signature
    return actor.is_system
