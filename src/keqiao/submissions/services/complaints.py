"""Commands: complaints about public items."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as items
from keqiao.catalogue.types import EndReason, ItemState
from keqiao.kernel import clock, codes, files
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import Actor
from keqiao.submissions.filetypes import media_type_of
from keqiao.submissions.models import Complaint
from keqiao.submissions.policies import is_of
from keqiao.submissions.selectors import complaint_handlers, get_complaint, owner_people
from keqiao.submissions.telling import tell_of_complaint
from keqiao.submissions.types import (
    AlreadyDecided,
    ComplaintIsOpen,
    ComplaintReason,
    ComplaintState,
    SubmissionKind,
    TooManyComplaints,
)
from keqiao.submissions.workflow import complaint_workflow

__all__ = [
    "dismiss_complaint",
    "make_complaint",
    "state_view",
    "take_back_complaint",
    "take_up_complaint",
    "uphold_complaint",
]

LONGEST_TEXT = 4_000
PUBLIC = {ItemState.PUBLISHED, ItemState.CLOSED}
CAN_BE_WITHDRAWN = {ItemState.PUBLISHED, ItemState.CLOSED, ItemState.EXPIRED}


@publishes
@command
def make_complaint(
    *,
    actor: Actor,
    kind: str,
    item_code: str,
    reason: str,
    text: str,
    file: Any = None,
    file_name: str = "",
) -> Complaint:
    """Somebody signed in says what is wrong with a public item. Operators alone learn who said it. `file` is a binary one."""
    if actor.person_id is None:
        raise NotAllowed
    item = _public_item(kind, item_code, actor)
    if is_of(actor, _owner_id(item)):
        raise BadInput(_("这是您单位自己公开的内容：请在该页撤回或修改。"))
    if reason not in ComplaintReason.values:
        raise BadInput(_("请从列表里选一个原因，例如“内容不实”。"), field="reason")
    words = _text(text, "text", example=_("“指标 2 的数值与其论文不符，论文第 5 页为 12.3。”"))
    _check_limits(actor, kind, item)
    stored = None
    if file is not None:
        media_type = media_type_of(file_name, file)
        chunks = iter(lambda: file.read(64 * 1024), b"")
        stored = files.store(actor=actor, name=file_name, media_type=media_type, chunks=chunks)
    today = clock.today()
    try:
        with transaction.atomic():
            complaint = Complaint.objects.create(
                code=codes.fresh_of_year(Complaint, "TS"),
                **{kind: item},
                reason=reason,
                text=words,
                complainant_id=actor.person_id,
                file=stored,
                made_at=clock.now(),
                due_on=add_working_days(today, parameter("submissions.complaint_days", on=today)).day,
            )
    except IntegrityError as error:
        if "one_open_complaint" in str(error):  # the same form, sent twice at once
            raise ComplaintIsOpen from error
        raise
    record("submissions.complaint_made", complaint, actor=actor, item=item.code, reason=reason)
    handlers = complaint_handlers(complaint).values_list("pk", flat=True)
    tell_of_complaint(complaint, handlers, "complaint_made", actor=actor)
    return complaint


@command
def take_up_complaint(*, actor: Actor, code: str) -> Complaint:
    """An operator looks into it; from now on the owner sees what is said, not who says it."""
    complaint = _locked(code, "take_up", actor)
    complaint.handler_id = actor.person_id
    complaint.save(update_fields=["handler"])
    complaint_workflow.advance(complaint, "take_up", actor=actor)
    tell_of_complaint(complaint, _complainant(complaint), "complaint_received", actor=actor)
    tell_of_complaint(complaint, owner_people(complaint), "complaint_taken_up", actor=actor)
    return complaint


@publishes
@command
def state_view(*, actor: Actor, code: str, text: str) -> Complaint:
    """The owner of the item says what they think of it, as long as nothing is decided."""
    complaint = get_complaint(code, actor=actor, lock=True)
    if not actor.works_for(_owner_id(complaint.item)):
        raise NotAllowed
    if complaint.state != ComplaintState.IN_REVIEW:
        raise WrongState
    complaint.owner_view = _text(text, "text", example=_("“该数值见附件 1 第三方检测报告第 4 页。”"))
    complaint.owner_view_at = clock.now()
    complaint.save(update_fields=["owner_view", "owner_view_at"])
    record("submissions.view_stated", complaint, actor=actor)
    if complaint.handler_id:
        tell_of_complaint(complaint, [complaint.handler_id], "complaint_answered", actor=actor)
    return complaint


@command
def uphold_complaint(*, actor: Actor, code: str, answer: str, owner_answer: str) -> Complaint:
    """It is right: the item leaves public view. `answer` goes to who complained, `owner_answer` to the owner."""
    complaint = _locked(code, "uphold", actor)
    complaint.answer = _text(answer, "answer", example=_("“经核实，该内容已撤下。”"))
    complaint.owner_answer = _text(
        owner_answer, "owner_answer", example=_("“指标 2 与检测报告不符，更正后可重新提交。”")
    )
    is_need = complaint.need_id is not None
    get = catalogue.get_need if is_need else catalogue.get_achievement
    item: Any = get(complaint.item.code, actor=actor, lock=True)
    if item.state in CAN_BE_WITHDRAWN:
        withdraw = items.withdraw_need if is_need else items.withdraw_achievement
        withdraw(actor=actor, code=item.code, reason=EndReason.COMPLAINT)
    _decide(complaint, "uphold", actor)
    tell_of_complaint(complaint, [*_complainant(complaint), *owner_people(complaint)], "complaint_upheld", actor=actor)
    return complaint


@command
def dismiss_complaint(*, actor: Actor, code: str, answer: str, owner_answer: str = "") -> Complaint:
    """It is not right, or nothing follows from it: the item stays."""
    complaint = _locked(code, "dismiss", actor)
    complaint.answer = _text(answer, "answer", example=_("“经核对检测报告，所述数值属实。”"))
    complaint.owner_answer = _text(owner_answer, "owner_answer", required=False)
    _decide(complaint, "dismiss", actor)
    tell_of_complaint(
        complaint, [*_complainant(complaint), *owner_people(complaint)], "complaint_dismissed", actor=actor
    )
    return complaint


@command
def take_back_complaint(*, actor: Actor, code: str) -> Complaint:
    """Who complained changes their mind."""
    complaint = _locked(code, "take_back", actor)
    complaint.decided_at = clock.now()
    complaint.save(update_fields=["decided_at"])
    complaint_workflow.advance(complaint, "take_back", actor=actor)
    if complaint.handler_id:
        people = [complaint.handler_id, *owner_people(complaint)]
        tell_of_complaint(complaint, people, "complaint_ended", actor=actor)
    return complaint


# --- parts ------------------------------------------------------------------------------------------------------------


def _public_item(kind: str, code: str, actor: Actor) -> Any:
    if kind not in SubmissionKind.values:
        raise NotFound
    get = catalogue.get_need if kind == SubmissionKind.NEED else catalogue.get_achievement
    item: Any = get(code, actor=actor)
    if item.state not in PUBLIC:
        raise NotFound
    return item


def _owner_id(item: Any) -> int:
    return int(item.publisher_id if hasattr(item, "publisher_id") else item.owner_id)


def _check_limits(actor: Actor, kind: str, item: Any) -> None:
    mine = Complaint.objects.filter(complainant_id=actor.person_id)
    if mine.filter(**{kind: item}, state__in=[ComplaintState.OPEN, ComplaintState.IN_REVIEW]).exists():
        raise ComplaintIsOpen
    today = clock.today()
    midnight = datetime.combine(today, time(), tzinfo=clock.site_zone())
    if mine.filter(made_at__gte=midnight).count() >= parameter("submissions.complaints_per_day", on=today):
        raise TooManyComplaints


def _locked(code: str, step: str, actor: Actor) -> Complaint:
    complaint = get_complaint(code, actor=actor, lock=True)
    try:
        complaint_workflow.check(complaint, step, actor=actor)
    except WrongState:
        if complaint.handler is None or complaint.handler_id == actor.person_id:
            raise
        state = ComplaintState(complaint.state).label
        message = _("这件投诉由%(who)s办理，现在是“%(state)s”。请刷新页面查看。")
        raise AlreadyDecided(message % {"who": str(complaint.handler), "state": state}) from None
    return complaint


def _decide(complaint: Complaint, step: str, actor: Actor) -> None:
    complaint.handler_id = actor.person_id
    complaint.decided_at = clock.now()
    complaint.save(update_fields=["handler", "answer", "owner_answer", "decided_at"])
    complaint_workflow.advance(complaint, step, actor=actor)


def _complainant(complaint: Complaint) -> list[int]:
    return [complaint.complainant_id] if complaint.complainant_id else []


def _text(text: str, field: str, *, required: bool = True, example: str = "") -> str:
    text = text.strip()
    if required and not text:
        raise BadInput(_("请写明，例如 %(example)s") % {"example": example}, field=field)
    if len(text) > LONGEST_TEXT:
        raise BadInput(_("有 %(n)d 个字，最多 %(most)d 个。") % {"n": len(text), "most": LONGEST_TEXT}, field=field)
    return text
