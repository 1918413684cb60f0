"""Notices of joining: that somebody asked or was answered, never who or what for."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from keqiao.joining.models import Joining
from keqiao.joining.types import JoinState
from keqiao.kernel import notices
from keqiao.parties import selectors as parties

TITLES = {
    "asked": (
        "有单位想加入您单位的条目，等您答复",
        "An organisation would like to join an item of yours; please decide",
    ),
    "accepted": ("您单位的加入申请已被接受", "Your request to join was accepted"),
    "declined": ("您单位的加入申请未被接受", "Your request to join was not accepted"),
}
LABELS = {"asked": _("有单位想加入"), "accepted": _("加入申请被接受"), "declined": _("加入申请未被接受")}


def name_kinds() -> None:
    for name, label in LABELS.items():
        notices.kind(f"joining.{name}", label, email="daily")


def tell_owner(row: Joining) -> None:
    for person_id in parties.approvers_of(row.owner_id):
        _tell(person_id, "asked", row)


def tell_who_asked(row: Joining) -> None:
    if row.person_id is not None:
        _tell(row.person_id, "accepted" if row.state == JoinState.ACCEPTED else "declined", row)


def _tell(person_id: int, kind: str, row: Joining) -> None:
    zh, en = TITLES[kind]
    notices.tell(
        actor=parties.system(),
        person_id=person_id,
        kind=f"joining.{kind}",
        key=f"joining.{kind}:{row.code}",
        title_zh=zh,
        title_en=en,
        link="/me/joins",
    )
