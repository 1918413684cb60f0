"""Notices of experts: that something happened and where to look, never what or by whom."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from keqiao.kernel import notices
from keqiao.parties import selectors as parties

TITLES = {
    "plan_ready": ("派单计划已算完，等您确认", "An assignment plan is computed; please confirm it"),
    "assignment_received": ("有一项需求派给您，等您答复", "A need was assigned to you; an answer is due"),
    "assignment_accepted": ("一份派单已被接受", "An assignment was accepted"),
    "next_proposed": (
        "一份派单未成，已拟下一位人选，等您通知",
        "An assignment fell through; the next best is proposed",
    ),
    "nobody_left": ("一份派单未成，没有下一位人选了", "An assignment fell through and nobody is left to ask"),
    "assignment_dropped": ("一份派给您的需求已撤下", "A need assigned to you was taken back"),
    "assignment_done": ("您承担的一项需求已办结", "A need that you took on was marked as done"),
}

LABELS = {
    "plan_ready": _("派单计划算完"),
    "assignment_received": _("收到派单"),
    "assignment_accepted": _("派单被接受"),
    "next_proposed": _("派单未成，已拟下一位"),
    "nobody_left": _("派单未成，没有下一位"),
    "assignment_dropped": _("派单被撤下"),
    "assignment_done": _("派单办结"),
}


def name_kinds() -> None:
    """So that people can choose how they hear of each."""
    for name, label in LABELS.items():
        notices.kind(f"experts.{name}", label)


def tell(person_id: int, kind: str, *, key: str, link: str) -> None:
    """Inside a command. The same cause is told once."""
    zh, en = TITLES[kind]
    notices.tell(
        actor=parties.system(),
        person_id=person_id,
        kind=f"experts.{kind}",
        key=f"experts.{kind}:{key}",
        title_zh=zh,
        title_en=en,
        link=link,
    )
