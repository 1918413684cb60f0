"""Notices of engagement: that something happened and where to look, never what was said or by whom."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext_lazy as _

from keqiao.kernel import notices
from keqiao.parties import selectors as parties

TITLES = {
    "contact_received": ("有人联系您的单位，等您答复", "Somebody contacted your organisation; an answer is due"),
    "contact_accepted": ("您发出的联系已被接受", "Your contact was accepted"),
    "contact_answered": ("您发出的联系有了答复", "Your contact was answered"),
    "contact_declined": ("您发出的联系被谢绝", "Your contact was declined"),
    "contact_handed_over": ("有一份对接转给了您", "A contact was handed over to you"),
    "contact_closed": ("一份对接已结束", "A contact was closed"),
    "contact_expired": ("一份联系到期未获答复", "A contact expired without an answer"),
    "answer_due": ("一份联系的答复期限已过", "The date promised for an answer has passed"),
    "message": ("对接里有新消息", "A new message in one of your contacts"),
    "publisher_revealed": ("对方公开了单位名称", "The other side revealed its name"),
    "broker_asked": ("对方希望请技术经理人加入，等您同意", "The other side would like a broker to join; please decide"),
    "broker_refused": ("对方未同意请技术经理人加入", "The other side preferred to go on without a broker"),
    "broker_joined": ("技术经理人已加入对接", "A broker joined one of your contacts"),
    "broker_wanted": ("一份对接需要平台指派技术经理人", "A contact waits for the platform to assign a broker"),
}


LABELS = {
    "contact_received": _("收到联系"),
    "contact_accepted": _("联系被接受"),
    "contact_answered": _("联系得到答复"),
    "contact_declined": _("联系被谢绝"),
    "contact_handed_over": _("对接转给您"),
    "contact_closed": _("对接结束"),
    "contact_expired": _("联系到期"),
    "answer_due": _("答复期限已过"),
    "message": _("对接里的新消息"),
    "publisher_revealed": _("对方公开单位名称"),
    "broker_asked": _("请技术经理人加入的请求"),
    "broker_refused": _("未同意技术经理人加入"),
    "broker_joined": _("技术经理人加入"),
    "broker_wanted": _("需要指派技术经理人"),
}


def name_kinds() -> None:
    """So that people can choose how they hear of each."""
    for name, label in LABELS.items():
        notices.kind(f"engagement.{name}", label, email="daily" if name == "message" else "at_once")


def tell(person_id: int, kind: str, *, key: str, link: str) -> None:
    """Inside a command. The same cause is told once."""
    zh, en = TITLES[kind]
    notices.tell(
        actor=parties.system(),
        person_id=person_id,
        kind=f"engagement.{kind}",
        key=f"engagement.{kind}:{key}",
        title_zh=zh,
        title_en=en,
        link=link,
    )


def tell_people(contact: Any, kind: str, *, key: str = "", places: Collection[str], but: int | None = None) -> None:
    """Those of a thread who stand in one of `places`, except the one who did it."""
    for row in contact.people:
        if row.place in places and row.person_id != but:
            tell(
                row.person_id,
                kind,
                key=f"{contact.pk}:{key}" if key else str(contact.pk),
                link=f"/contacts/{contact.code}",
            )
