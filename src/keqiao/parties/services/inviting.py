"""Commands: invitations, for one use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import reading, tokens
from keqiao.parties.models import Invitation
from keqiao.parties.selectors import get_invitation, invitations_managed_by
from keqiao.parties.services._shared import _give_post, _known_role, _own_organisation
from keqiao.parties.types import Actor
from keqiao.parties.workflow import invitation_workflow


@dataclass(frozen=True)
class Invited:
    """An invitation with its token, which is shown once and kept only as a hash."""

    invitation: Invitation
    token: str

    @property
    def path(self) -> str:
        return f"/invitation?t={self.token}"


@command
def invite(*, actor: Actor, code: str, role: str, email: str = "") -> Invited:
    """Invite somebody by e-mail address, or without one by a link to hand over."""
    organisation = _own_organisation(actor, code)
    if not organisation.is_verified:
        raise WrongState(_("单位通过核实之后才能邀请别人。"))
    known = _known_role(organisation, role, actor=actor)
    address = reading.email(email) if email.strip() else ""
    now = clock.now()
    days = parameter("parties.invitation_days", on=clock.today())
    new_code = codes.fresh(Invitation, "YQ")
    token = tokens.token_of(new_code)
    invitation = Invitation.objects.create(
        code=new_code,
        organisation=organisation,
        role=known,
        email=address,
        token_hash=tokens.hash_of(token),
        invited_by_id=actor.person_id,
        expires_at=now + timedelta(days=days),
    )
    record("parties.invitation_made", invitation, actor=actor, organisation_id=organisation.pk, role=known.value)
    if address and settings.SENDS_EMAIL:
        app.configure_task("keqiao.parties.tasks.mail_invitation", queue="mail").defer(invitation_id=invitation.pk)
    return Invited(invitation, token)


@command
def withdraw_invitation(*, actor: Actor, code: str) -> Invitation:
    """It cannot be used any more. Somebody else's invitation is not there."""
    invitation = invitations_managed_by(actor).select_for_update(of=("self",), no_key=True).filter(code=code).first()
    if invitation is None:
        raise NotFound
    invitation_workflow.advance(invitation, "withdraw", actor=actor, organisation_id=invitation.organisation_id)
    return invitation


@command
def accept_invitation(*, actor: Actor, token: str) -> Invitation:
    """Come in. To the wrong person an invitation looks like none."""
    if actor.person_id is None:
        raise NotAllowed
    invitation = get_invitation(token, actor=actor, lock=True)
    _known_role(invitation.organisation, invitation.role, actor=_inviter(invitation))
    _give_post(actor.person_id, invitation.organisation_id, invitation.role)
    invitation.used_by_id, invitation.used_at = actor.person_id, clock.now()
    invitation.save(update_fields=["used_by", "used_at"])
    invitation_workflow.advance(
        invitation, "accept", actor=actor, organisation_id=invitation.organisation_id, role=invitation.role
    )
    return invitation


@command
def note_invitation_mailed(*, actor: Actor, invitation_id: int) -> None:
    """Called by the job after the mail went out: it is sent once."""
    if not actor.is_system:
        raise NotAllowed
    Invitation.objects.filter(pk=invitation_id, mailed_at=None).update(mailed_at=clock.now())


def _inviter(invitation: Invitation) -> Actor:
    """The role was checked against who invited; here only whether it still makes sense in the organisation."""
    return Actor(is_system=True, person_id=invitation.invited_by_id)
