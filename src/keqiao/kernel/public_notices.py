"""公示: a matter is shown for the days that a dated rule says, people object meanwhile, and each objection has its answer.

A context names its kinds at import and says who answers objections:
`public_notices.kind("deals.reward", _("奖励公示"), labels={…}, may_answer=can_answer)`. It opens a notice inside a
command of its own and hears of the end by the events `kernel.public_notice_passed` and `kernel.public_notice_stopped`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.kernel import clock, codes
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.models import NoticeAudience, Objection, ObjectionOutcome, PublicNotice
from keqiao.kernel.models import PublicNoticeState as S
from keqiao.kernel.parameters import find, parameter
from keqiao.kernel.workflow import Transition, Workflow

LONGEST_TEXT = 4_000
WORKING_DAYS = "working days"
MOST_OBJECTIONS = 20  # of one person to one notice


class NoticeOver(WrongState):
    """The last second has passed; the database's clock says so."""

    message = gettext_lazy("公示期已满，不再受理异议。")


@dataclass(frozen=True)
class Kind:
    """A kind of notice: what its facts are called, who answers objections, and where the officers' page of it is."""

    name: str
    label: str | Promise
    labels: Mapping[str, str | Promise] = field(default_factory=dict)
    may_answer: Callable[[Any, PublicNotice], bool] = lambda _actor, _notice: False


_kinds: dict[str, Kind] = {}


def kind(
    name: str,
    label: str | Promise,
    *,
    labels: Mapping[str, str | Promise],
    may_answer: Callable[[Any, PublicNotice], bool],
) -> None:
    _kinds[name] = Kind(name, label, labels, may_answer)


def kind_of(notice: PublicNotice) -> Kind:
    return _kinds.get(notice.kind) or Kind(notice.kind, notice.kind)


def can_answer(actor: Any, notice: PublicNotice) -> bool:
    return bool(kind_of(notice).may_answer(actor, notice))


def can_end(actor: Any, notice: PublicNotice) -> bool:  # noqa: ARG001 -- a policy's signature
    """The clock ends a notice, not a person."""
    return bool(actor.is_system)


workflow = Workflow(
    "public_notice",
    S,
    (S.OPEN.value, S.PASSED.value),
    Transition("pass", frozenset({S.OPEN}), S.PASSED, can_end, "kernel.public_notice_passed", gettext_lazy("期满")),
    Transition(
        "stop", frozenset({S.OPEN}), S.STOPPED, can_answer, "kernel.public_notice_stopped", gettext_lazy("终止")
    ),
    Transition(
        "withdraw", frozenset({S.OPEN}), S.WITHDRAWN, can_answer, "kernel.public_notice_withdrawn", gettext_lazy("撤回")
    ),
)


# --- what may be seen ---------------------------------------------------------------------------------------------------


def visible_to(actor: Any, *, within: Iterable[int]) -> QuerySet[PublicNotice]:
    """While open: public ones to everybody, a unit's own to its people. Afterwards to the unit's people who object or answer.

    `within`: the organisations in which the actor works, with those merged into them.
    """
    homes = list(within)
    now = clock.now()
    is_open = Q(state=S.OPEN, closes_at__gt=now)
    seen = is_open & (Q(audience=NoticeAudience.PUBLIC) | Q(organisation_ids__overlap=homes))
    if actor.person_id is not None:  # whoever objected reads the answer
        seen |= Q(Exists(Objection.objects.filter(notice=OuterRef("pk"), person_id=actor.person_id)))
    return PublicNotice.objects.filter(seen).order_by("-opened_at", "-id")


def get(code: str, *, actor: Any, within: Iterable[int]) -> PublicNotice:
    """Those who answer its objections see a notice in every state."""
    found = visible_to(actor, within=within).filter(code=code).first()
    if found is None:
        found = PublicNotice.objects.filter(code=code).first()
        if found is None or not can_answer(actor, found):
            raise NotFound
    return found


def objections_visible_to(actor: Any, notice: PublicNotice) -> QuerySet[Objection]:
    """All to those who answer them, what still waits first; to others their own."""
    is_answered = Case(When(outcome="", then=0), default=1)
    rows = Objection.objects.filter(notice=notice).order_by(is_answered, "-made_at", "-id")
    if can_answer(actor, notice):
        return rows
    return rows.filter(person_id=actor.person_id) if actor.person_id is not None else rows.none()


def of_subject(subject: str) -> PublicNotice | None:
    """The newest notice of a matter. For commands and pages that have asked who may see it."""
    return PublicNotice.objects.filter(subject=subject).order_by("-id").first()


def due(now: datetime) -> QuerySet[PublicNotice]:
    """Open ones whose time is over and whose objections are all answered."""
    waiting = Objection.objects.filter(notice=OuterRef("pk"), outcome="")
    return PublicNotice.objects.filter(state=S.OPEN, closes_at__lte=now).exclude(Exists(waiting)).order_by("id")


def least_last_day(days_rule: str, *, first_on: date, jurisdiction: str | None = None) -> date:
    """The earliest last day of a notice that was opened on a day, by the rule in force then."""
    rule = find(days_rule, on=first_on, jurisdiction=jurisdiction)
    return _last_day(first_on, int(rule.value), rule.unit == WORKING_DAYS, jurisdiction)[0]


def is_over(notice: PublicNotice) -> bool:
    """May no more objection be made? For pages; a command asks the clock after its lock."""
    return notice.state != S.OPEN or clock.now() >= notice.closes_at


def last_day(notice: PublicNotice) -> date:
    """The last day on which objections are taken."""
    return (notice.closes_at.astimezone(clock.site_zone()) - timedelta(seconds=1)).date()


# --- commands -----------------------------------------------------------------------------------------------------------


@command
def open_notice(
    *,
    actor: Any,
    kind: str,
    subject: str,
    organisation_ids: Sequence[int],
    audience: str,
    title_zh: str,
    facts: Sequence[tuple[str, Any]],
    people: Sequence[Mapping[str, Any]] = (),
    days_rule: str,
    jurisdiction: str | None = None,
    title_en: str = "",
) -> PublicNotice:
    """Show a matter from now to the end of the last day that the rule `days_rule`, in force today, asks for.

    For commands of other contexts, which have asked who may.
    """
    now = clock.now()
    today = now.astimezone(clock.site_zone()).date()
    rule = find(days_rule, on=today, jurisdiction=jurisdiction)
    last_on, provisional = _last_day(today, int(rule.value), rule.unit == WORKING_DAYS, jurisdiction)
    notice = PublicNotice.objects.create(
        code=codes.fresh_of_year(PublicNotice, "GS"),
        kind=kind,
        subject=subject,
        audience=audience,
        organisation_ids=sorted(organisation_ids),
        title_zh=title_zh,
        title_en=title_en,
        facts=[list(row) for row in facts],
        people=[dict(row) for row in people],
        rule_key=rule.key,
        rule_text=f"{rule.instrument} {rule.article}".strip()[:400],
        days=int(rule.value),
        in_working_days=rule.unit == WORKING_DAYS,
        is_provisional=provisional,
        opened_at=now,
        closes_at=_end_of(last_on),
    )
    record("kernel.public_notice_opened", notice, actor=actor, kind=kind, about=subject)
    return notice


@publishes
@command
def object_to(*, actor: Any, code: str, text: str, within: Iterable[int]) -> Objection:
    """Object while the notice is open: the database's clock decides, after the lock."""
    if actor.person_id is None:
        raise NotAllowed
    text = _text(text, "text", _("例如“第二完成人没有参加这项成果的研制”"))
    seen = get(code, actor=actor, within=within)
    notice = _lock(seen.pk)
    now = clock.now()
    if notice.state != S.OPEN or now >= notice.closes_at:
        raise NoticeOver
    if notice.objections.filter(person_id=actor.person_id).count() >= MOST_OBJECTIONS:
        raise BadInput(_("您对这份公示提的异议已经很多，请等待答复。"), field="text")
    today = now.astimezone(clock.site_zone()).date()
    days = parameter("public_notices.answer_working_days", on=today)
    objection = Objection.objects.create(
        code=codes.fresh(Objection, "YY"),
        notice=notice,
        person_id=actor.person_id,
        text=text,
        made_at=now,
        due_on=add_working_days(today, days).day,
    )
    record("kernel.objection_made", objection, actor=actor, notice_id=notice.pk)
    return objection


@command
def answer_objection(*, actor: Any, code: str, objection_code: str, outcome: str, answer: str) -> Objection:
    """Uphold it, which stops the notice and what waits for it, or dismiss it with reasons."""
    seen = PublicNotice.objects.filter(code=code).first()
    if seen is None or not can_answer(actor, seen):
        raise NotFound
    answer = _text(answer, "answer", _("例如“经核实，署名顺序与验收报告一致”"))
    if outcome not in ObjectionOutcome.values:
        words = {"known": "、".join(ObjectionOutcome.values)}
        raise BadInput(_("请选处理结果：%(known)s。") % words, field="outcome")
    notice = _lock(seen.pk)
    objection = notice.objections.filter(code=objection_code).first()
    if objection is None:
        raise NotFound
    if objection.person_id == actor.person_id:
        raise NotAllowed(_("不能答复自己提出的异议，请另一位同事办理。"))
    if objection.outcome:
        raise WrongState(_("这条异议已经答复。"))
    objection.answer, objection.outcome = answer, outcome
    objection.answered_at, objection.answered_by_id = clock.now(), actor.person_id
    objection.save(update_fields=["answer", "outcome", "answered_at", "answered_by_id"])
    record("kernel.objection_answered", objection, actor=actor, outcome=outcome)
    if outcome == ObjectionOutcome.UPHELD and notice.state == S.OPEN:
        _end(notice, "stop", actor)
    return objection


@command
def withdraw(*, actor: Any, notice_id: int) -> None:
    """Its matter has changed. For commands of other contexts; twice is once."""
    notice = _lock(notice_id)
    if notice.state == S.OPEN:
        _end(notice, "withdraw", actor)


@command
def pass_notice(*, actor: Any, notice_id: int) -> bool:
    """Its time is over and every objection was dismissed. False: not yet, or already."""
    notice = _lock(notice_id)
    if not due(clock.now()).filter(pk=notice.pk).exists():
        return False
    _end(notice, "pass", actor)
    return True


def _end(notice: PublicNotice, step: str, actor: Any) -> None:
    workflow.advance(notice, step, actor=actor, about=notice.subject)
    notice.ended_at = clock.now()
    notice.save(update_fields=["ended_at"])


def _lock(notice_id: int) -> PublicNotice:
    return PublicNotice.objects.select_for_update(of=("self",), no_key=True).get(pk=notice_id)


def _last_day(today: date, days: int, in_working_days: bool, jurisdiction: str | None) -> tuple[date, bool]:
    """The day on which it is opened does not count."""
    if not in_working_days:
        return today + timedelta(days=days), False
    found = add_working_days(today, days, jurisdiction=jurisdiction)
    return found.day, found.is_provisional


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=clock.site_zone())


def _text(text: str, name: str, example: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT or "\0" in text:
        words = {"most": LONGEST_TEXT, "example": example}
        raise BadInput(_("请填写，最多 %(most)s 个字，%(example)s。") % words, field=name)
    return text
