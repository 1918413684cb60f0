"""Those who are asked accept or decline; after a refusal the next best is proposed, not asked."""

from __future__ import annotations

from django.utils.translation import gettext as _

from keqiao.experts import selectors
from keqiao.experts.asking import propose_next, tell_of_next
from keqiao.experts.models import Assignment
from keqiao.experts.policies import can_answer
from keqiao.experts.refreshing import changed
from keqiao.experts.telling import tell
from keqiao.experts.types import AssignmentState, DeclineReason
from keqiao.experts.workflow import assignment_workflow
from keqiao.kernel import clock
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput
from keqiao.parties.types import Actor

__all__ = ["accept_assignment", "decline_assignment", "expire_assignment", "finish_assignment"]


@publishes
@command
def accept_assignment(*, actor: Actor, code: str) -> Assignment:
    """Take it on. Accepted once more, nothing changes."""
    assignment = _locked(code, actor)
    if assignment.state == AssignmentState.ACCEPTED and can_answer(actor, assignment):
        return assignment
    assignment_workflow.check(assignment, "accept", actor=actor)
    _answer(assignment, actor)
    assignment_workflow.advance(assignment, "accept", actor=actor)
    _tell_maker(assignment, "assignment_accepted")
    return assignment


@command
def decline_assignment(*, actor: Actor, code: str, reason: str, note: str = "") -> Assignment:
    """Refuse it, or give it back, with a reason. The next best is proposed to whoever runs the plan."""
    assignment = _locked(code, actor)
    assignment_workflow.check(assignment, "decline", actor=actor)
    if reason not in DeclineReason.values:
        raise BadInput(_("请选一个谢绝的原因。"), field="reason")
    plain = note.replace("\x00", "").strip()
    if len(plain) > 300:
        raise BadInput(_("说明最多 300 个字。"), field="note")
    assignment.decline_reason, assignment.decline_note, assignment.ended_at = reason, plain, clock.now()
    assignment.save(update_fields=["decline_reason", "decline_note", "ended_at"])
    _answer(assignment, actor)
    assignment_workflow.advance(assignment, "decline", actor=actor, reason=reason)
    tell_of_next(assignment.need, assignment, propose_next(assignment.need))
    return assignment


@command
def expire_assignment(*, actor: Actor, assignment_id: int) -> None:
    """Past its date without an answer. Asked after the lock: it may have been answered while the job waited."""
    rows = Assignment.objects.select_for_update(of=("self",), no_key=True).select_related("need__plan", "candidate")
    assignment = rows.filter(pk=assignment_id).first()
    if assignment is None or assignment.state != AssignmentState.ASKED:
        return
    if assignment.due_on is None or assignment.due_on >= clock.today():
        return
    assignment.ended_at = clock.now()
    assignment.save(update_fields=["ended_at"])
    assignment_workflow.advance(assignment, "expire", actor=actor)
    tell_of_next(assignment.need, assignment, propose_next(assignment.need))


@command
def finish_assignment(*, actor: Actor, code: str) -> Assignment:
    """The need was seen through: it speaks for the expert from now on, and their desk is free again."""
    assignment = _locked(code, actor)
    assignment_workflow.check(assignment, "finish", actor=actor)
    assignment.ended_at = clock.now()
    assignment.save(update_fields=["ended_at"])
    assignment_workflow.advance(assignment, "finish", actor=actor)
    if assignment.candidate.profile is not None:
        changed(assignment.candidate.profile)
    for person_id in selectors.askees(assignment):
        tell(person_id, "assignment_done", key=str(assignment.pk), link=f"/assignments/{assignment.code}")
    return assignment


def _locked(code: str, actor: Actor) -> Assignment:
    return selectors.get_assignment(code, actor=actor, lock=True)


def _answer(assignment: Assignment, actor: Actor) -> None:
    assignment.answered_at, assignment.answered_by_id = clock.now(), actor.person_id
    assignment.save(update_fields=["answered_at", "answered_by"])


def _tell_maker(assignment: Assignment, kind: str) -> None:
    plan = assignment.need.plan
    if plan.made_by_id is not None:
        tell(plan.made_by_id, kind, key=str(assignment.pk), link=f"/assignments/{assignment.code}")
