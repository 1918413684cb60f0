"""Commands: founding an organisation that the register does not have, and its verification by the operators."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from keqiao.kernel import clock, codes, files
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.kernel.models import StoredFile
from keqiao.kernel.parameters import parameter
from keqiao.parties import reading
from keqiao.parties.models import Organisation, OrganisationIdentifier, Post, Verification, VerificationNote
from keqiao.parties.selectors import get_verification, operators
from keqiao.parties.services._shared import _end_posts, _give_post, _tell
from keqiao.parties.types import (
    FOUNDED_BY_ITSELF,
    Actor,
    NoteKind,
    OrganisationKind,
    Role,
    Scheme,
    VerificationState,
    founding_roles,
)
from keqiao.parties.workflow import verification_workflow

MOST_UNVERIFIED = 3  # organisations that one person has founded and nobody has verified yet


@command
def found_organisation(
    *,
    actor: Actor,
    kind: str,
    name_zh: str = "",
    name_en: str = "",
    credit_code: str = "",
    registration: str = "",
    region: str = "",
    role: str = "",
    licence: Any = None,
) -> Verification:
    """Enter one's own organisation. Until an operator has verified it, it is marked so and publishes nothing."""
    if actor.person_id is None:
        raise NotAllowed
    if kind not in FOUNDED_BY_ITSELF:
        raise BadInput(_("请选择单位的类别，例如：企业。"), field="kind")
    waiting = Verification.objects.filter(
        applicant_id=actor.person_id, state__in=[VerificationState.OPEN, VerificationState.ASKED]
    )
    if waiting.count() >= MOST_UNVERIFIED:
        raise BadInput(_("您登记的单位还有几家在等核实。请等有了结果再登记下一家。"), field="kind")
    fields = {
        "name_zh": reading.plain(name_zh, 200, "name_zh"),
        "name_en": reading.plain(name_en, 200, "name_en"),
        "region": reading.region(region),
        "credit_code": None,
    }
    if not (fields["name_zh"] or fields["name_en"]):
        raise BadInput(_("填单位全称，中文或英文至少一种，例如：澜江理工大学。"), field="name_zh")
    register_number = ""
    if kind == OrganisationKind.CHANNEL and not credit_code.strip():
        register_number = reading.identifier(Scheme.REGISTRATION, registration, "registration")
    else:
        fields["credit_code"] = reading.credit_code(credit_code)
    known = _founders_role(kind, role)
    organisation = _enter(kind, fields, register_number)
    paper = keep_paper(actor=actor, upload=licence, field="licence")
    _give_post(actor.person_id, organisation.pk, known)
    verification = Verification.objects.create(
        code=codes.fresh(Verification, "RZ"),
        organisation=organisation,
        applicant_id=actor.person_id,
        licence=paper,
        credit_code=fields["credit_code"] or "",
        due_on=_promised(),
    )
    record("parties.organisation_founded", organisation, actor=actor, verification_id=verification.pk)
    _tell(
        actor,
        operators(),
        "to_decide",
        f"verification:{verification.pk}",
        gettext_noop("新登记的单位等待核实：%(organisation)s"),
        f"/verifications/{verification.code}",
        organisation=organisation,
    )
    return verification


@command
def ask_founder(*, actor: Actor, code: str, text: str) -> Verification:
    """Ask for what is missing; the promised date waits for the answer."""
    verification = get_verification(code, actor=actor, lock=True)
    verification_workflow.check(verification, "ask", actor=actor)
    _note(verification, NoteKind.QUESTION, actor, text, _("写清要补充什么，例如：执照照片看不清，请重新上传。"))
    verification_workflow.advance(verification, "ask", actor=actor, organisation_id=verification.organisation_id)
    _tell_founder(actor, verification, "asked", gettext_noop("核实%(organisation)s还需要您补充"))
    return verification


@command
def answer_verification(*, actor: Actor, code: str, text: str, licence: Any = None) -> Verification:
    """Answer, if need be with a better scan; a new date is promised."""
    verification = get_verification(code, actor=actor, lock=True)
    verification_workflow.check(verification, "answer", actor=actor)
    _note(verification, NoteKind.ANSWER, actor, text, _("写一句答复，例如：已重新上传清晰的执照。"))
    if licence is not None and licence.size:
        verification.licence = keep_paper(actor=actor, upload=licence, field="licence")
    verification.due_on = _promised()
    verification.save(update_fields=["licence", "due_on"])
    verification_workflow.advance(verification, "answer", actor=actor, organisation_id=verification.organisation_id)
    _tell(
        actor,
        operators(),
        "to_decide",
        f"verification:{verification.pk}:{verification.notes.count()}",
        gettext_noop("%(organisation)s补充了核实材料"),
        f"/verifications/{verification.code}",
        organisation=verification.organisation,
    )
    return verification


@command
def approve_verification(*, actor: Actor, code: str) -> Verification:
    """The organisation is what it says it is."""
    verification = get_verification(code, actor=actor, lock=True)
    verification_workflow.check(verification, "approve", actor=actor)
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=verification.organisation_id)
    organisation.is_verified = organisation.is_listed = True
    organisation.save(update_fields=["is_verified", "is_listed"])
    _decide(verification, "approve", actor)
    _tell_founder(actor, verification, "approved", gettext_noop("%(organisation)s已通过核实"))
    return verification


@command
def decline_verification(*, actor: Actor, code: str, reason: str) -> Verification:
    """Not what it says: it leaves the register, its posts end, and its credit code is free for the real one."""
    verification = get_verification(code, actor=actor, lock=True)
    verification_workflow.check(verification, "decline", actor=actor)
    _note(verification, NoteKind.REASON, actor, reason, _("写明不通过的理由，例如：执照上的名称与填写的不一致。"))
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=verification.organisation_id)
    organisation.is_listed, organisation.credit_code = False, None
    organisation.save(update_fields=["is_listed", "credit_code"])
    organisation.identifiers.all().delete()
    _tell_founder(actor, verification, "declined", gettext_noop("%(organisation)s没有通过核实，理由见详情"))
    _end_posts(Post.objects.filter(organisation=organisation, ended_on=None))
    _decide(verification, "decline", actor)
    return verification


def _founders_role(kind: str, role: str) -> Role:
    possible = founding_roles(kind)
    if not role:
        return possible[0]
    if role not in possible:
        words = {
            "kind": OrganisationKind(kind).label,
            "roles": "、".join(str(r.label) for r in possible),
        }
        raise BadInput(_("登记%(kind)s的人要能替单位办理，角色可选：%(roles)s。") % words, field="role")
    return Role(role)


def _enter(kind: str, fields: dict[str, Any], register_number: str) -> Organisation:
    """The row; two who enter the same organisation at once are told apart by the unique codes."""
    try:
        with transaction.atomic():
            organisation = Organisation.objects.create(
                code=codes.fresh(Organisation, "DW"), kind=kind, is_verified=False, **fields
            )
            if register_number:
                OrganisationIdentifier.objects.create(
                    organisation=organisation, scheme=Scheme.REGISTRATION, value=register_number
                )
    except IntegrityError as error:
        field = "registration" if register_number else "credit_code"
        raise BadInput(_("这家单位已经在名录里了。请按这个代码查找它，再申请加入。"), field=field) from error
    return organisation


@command
def keep_paper(*, actor: Actor, upload: Any, field: str) -> StoredFile:
    """A scan that somebody hands in, kept; refused when it is none. For commands, which have asked who may."""
    most = parameter("parties.paper_most_mb", on=clock.today())
    media_type = reading.paper(upload, most_mb=most, field=field)
    file: StoredFile = files.store(actor=actor, name=upload.name, media_type=media_type, chunks=upload.chunks())
    return file


def _promised() -> Any:
    today = clock.today()
    return add_working_days(today, parameter("parties.verification_days", on=today)).day


def _note(verification: Verification, kind: NoteKind, actor: Actor, text: str, missing: str) -> None:
    text = reading.plain(text, 1_000, "text", lines=True)
    if not text:
        raise BadInput(missing, field="text")
    VerificationNote.objects.create(verification=verification, kind=kind, person_id=actor.person_id, text=text)


def _decide(verification: Verification, step: str, actor: Actor) -> None:
    verification.decided_by_id, verification.decided_at = actor.person_id, clock.now()
    verification.save(update_fields=["decided_by", "decided_at"])
    verification_workflow.advance(verification, step, actor=actor, organisation_id=verification.organisation_id)


def _tell_founder(actor: Actor, verification: Verification, what: str, title: str) -> None:
    people = set(
        Post.objects.filter(organisation_id=verification.organisation_id, ended_on=None).values_list(
            "person_id", flat=True
        )
    )
    if verification.applicant_id:
        people.add(verification.applicant_id)
    _tell(
        actor,
        sorted(people),
        "membership",
        f"verification-{what}:{verification.pk}:{verification.notes.count()}",
        title,
        f"/verifications/{verification.code}",
        organisation=verification.organisation,
    )
