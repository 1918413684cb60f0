"""Commands: asking to be let into an organisation that exists."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import reading
from keqiao.parties.models import JoinRequest, Post
from keqiao.parties.policies import can_give
from keqiao.parties.selectors import approvers_of, get_join_request, get_organisation, operators
from keqiao.parties.services._shared import _give_post, _known_role, _tell
from keqiao.parties.types import Actor, JoinState
from keqiao.parties.workflow import join_workflow

MOST_OPEN = 10  # requests of one person that wait for an answer


@command
def request_to_join(*, actor: Actor, code: str, role: str, text: str = "") -> JoinRequest:
    """Ask to be let in. Those of the organisation who may decide hear of it; when it has nobody, the operators do."""
    if actor.person_id is None:
        raise NotAllowed
    organisation = get_organisation(code, actor=actor)
    known = _known_role(organisation, role, actor=actor)
    if not can_give(actor, known):
        raise NotAllowed
    text = reading.plain(text, 500, "text", lines=True)
    if Post.objects.filter(person_id=actor.person_id, organisation=organisation, role=known, ended_on=None).exists():
        raise BadInput(_("您在这家单位已经有这个角色，不用再申请。"), field="role")
    if JoinRequest.objects.filter(person_id=actor.person_id, state=JoinState.OPEN).count() >= MOST_OPEN:
        raise BadInput(_("您有太多申请还没有答复。请等一等，或先撤回几份。"), field="role")
    request, is_new = JoinRequest.objects.get_or_create(
        organisation=organisation,
        person_id=actor.person_id,
        state=JoinState.OPEN,
        defaults={"code": codes.fresh(JoinRequest, "JR"), "role": known, "text": text},
    )
    if not is_new:
        raise BadInput(_("您已经申请加入这家单位，正在等答复。要改角色，请先撤回那一份。"), field="role")
    record("parties.join_requested", request, actor=actor, organisation_id=organisation.pk, role=known.value)
    deciding = approvers_of(organisation.pk) if organisation.is_verified else []
    _tell(
        actor,
        deciding or operators(),
        "to_decide",
        f"join:{request.pk}",
        gettext_noop("有人申请加入%(organisation)s，等您答复"),
        f"/organisations/{organisation.code}/manage#requests" if deciding else "/join-requests",
        organisation=organisation,
    )
    return request


@command
def approve_join(*, actor: Actor, code: str) -> JoinRequest:
    """Let somebody in, in the role they asked for."""
    request = get_join_request(code, actor=actor, lock=True)
    join_workflow.check(request, "approve", actor=actor)
    _known_role(request.organisation, request.role, actor=actor)
    _decide(request, "approve", actor)
    _give_post(request.person_id, request.organisation_id, request.role)
    _tell(
        actor,
        [request.person_id],
        "membership",
        f"join-answer:{request.pk}",
        gettext_noop("您已加入%(organisation)s"),
        "/me/organisations",
        organisation=request.organisation,
    )
    return request


@command
def decline_join(*, actor: Actor, code: str, reason: str) -> JoinRequest:
    """Say no, and why: the reason is shown to who asked."""
    request = get_join_request(code, actor=actor, lock=True)
    join_workflow.check(request, "decline", actor=actor)
    request.reason = reading.plain(reason, 500, "reason", lines=True)
    if not request.reason:
        raise BadInput(_("写明不同意的理由，例如：没有查到您在本单位任职。"), field="reason")
    _decide(request, "decline", actor)
    _tell(
        actor,
        [request.person_id],
        "membership",
        f"join-answer:{request.pk}",
        gettext_noop("您加入%(organisation)s的申请没有得到同意，理由在“我的单位”里"),
        "/me/organisations",
        organisation=request.organisation,
    )
    return request


@command
def take_back_join(*, actor: Actor, code: str) -> JoinRequest:
    request = get_join_request(code, actor=actor, lock=True)
    join_workflow.advance(request, "take_back", actor=actor, organisation_id=request.organisation_id)
    return request


def _decide(request: JoinRequest, step: str, actor: Actor) -> None:
    request.decided_by_id = actor.person_id
    request.decided_at = clock.now()
    request.save(update_fields=["decided_by", "decided_at", "reason"])
    join_workflow.advance(
        request, step, actor=actor, organisation_id=request.organisation_id, person_id=request.person_id
    )
