"""Commands: an operator looks at the pages of a user, for a written reason and a limited time, and changes nothing."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from keqiao.accounts import selectors
from keqiao.accounts.models import StandingIn
from keqiao.accounts.policies import can_stand_in
from keqiao.kernel import clock, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import Actor

__all__ = ["begin_standing_in", "end_overdue_standing_in", "end_standing_in"]

SHORTEST_REASON = 10
LONGEST_REASON = 300


@command
def begin_standing_in(*, actor: Actor, person_id: int, reason: str, minutes: int | None = None) -> StandingIn:
    """Begin, and tell the person. Never into one's own account or another operator's; one at a time."""
    if actor.person_id is None or not can_stand_in(actor, person_id):
        raise NotAllowed
    now = clock.now()
    most = parameter("accounts.standing_in_minutes", on=clock.today())
    wanted = most if minutes is None else minutes
    text = " ".join(reason.split())
    if not SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        message = _("请写明原因，10 到 300 个字，例如：用户来电称看不到已提交的需求，核对页面显示。")
        raise BadInput(message, field="reason")
    if not 1 <= wanted <= most:
        raise BadInput(_("时间为 1 到 %(most)d 分钟，例如 15。") % {"most": most}, field="minutes")
    if not selectors.has_account(person_id):
        raise NotFound
    if selectors.is_operator(person_id):
        raise NotAllowed(_("不能代登录另一位平台管理员的账号。"))
    for open_row in StandingIn.objects.filter(operator_id=actor.person_id, ended_at=None).select_for_update():
        _end(open_row, actor)
    row = StandingIn.objects.create(
        operator_id=actor.person_id,
        person_id=person_id,
        reason=text,
        began_at=now,
        ends_at=now + timedelta(minutes=wanted),
    )
    record("accounts.standing_in_began", row, actor=actor, person_id=person_id, minutes=wanted)
    notices.tell(
        actor=actor,
        person_id=person_id,
        kind="accounts.standing_in",
        key=f"accounts.standing_in:{row.pk}",
        title_zh="平台管理员为排查问题查看了您的页面（只能查看）。原因见“我的 › 隐私”。",
        title_en="An administrator looked at your pages, read-only. The reason is under Me › Privacy.",
        link="/me/privacy",
    )
    return row


@command
def end_standing_in(*, actor: Actor) -> bool:
    """End what one began. False when nothing was open: pressing the button twice is no mistake."""
    if actor.person_id is None:
        raise NotAllowed
    rows = list(StandingIn.objects.filter(operator_id=actor.person_id, ended_at=None).select_for_update())
    for row in rows:
        _end(row, actor)
    return bool(rows)


@command
def end_overdue_standing_in(*, actor: Actor) -> int:
    """Write down the end of those whose time is over; they showed nothing any more since then."""
    if not actor.is_system:
        raise NotAllowed
    rows = list(StandingIn.objects.filter(ended_at=None, ends_at__lte=clock.now()).select_for_update(skip_locked=True))
    for row in rows:
        _end(row, actor)
    return len(rows)


def _end(row: StandingIn, actor: Actor) -> None:
    row.ended_at = min(clock.now(), row.ends_at)
    row.save(update_fields=["ended_at"])
    record("accounts.standing_in_ended", row, actor=actor, person_id=row.person_id)
