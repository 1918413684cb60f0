"""Notices of deals: that something waits or has happened. No amount and no name stands in them."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from keqiao.deals.models import Distribution, Payment
from keqiao.deals.states import OFFICER_ROLES
from keqiao.kernel import notices
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

LABELS = {
    "line_to_confirm": _("有收益分配等您确认"),
    "line_contested": _("有人对收益分配提出异议"),
    "contest_answered": _("您对收益分配的异议有了答复"),
    "to_approve": _("有收益分配等您审批"),
    "to_pay": _("有收益分配等您支付"),
    "paid": _("成果转化奖励已支付"),
}
TITLES = {
    "line_to_confirm": ("{code} 收益分配等您确认", "Distribution {code} waits for you to confirm your part"),
    "line_contested": ("{code} 有人提出异议，请处理", "Somebody contests distribution {code}"),
    "contest_answered": ("您对 {code} 的异议有了答复", "Your objection to distribution {code} was answered"),
    "to_approve": ("{code} 收益分配等您审批", "Distribution {code} waits for approval"),
    "to_pay": ("{code} 收益分配等您支付", "Distribution {code} waits to be paid"),
    "paid": ("{code} 奖励已支付", "Your part of {code} has been paid"),
}


def name_kinds() -> None:
    for name, label in LABELS.items():
        notices.kind(f"deals.{name}", label)


def line_to_confirm(actor: Actor, row: Distribution, people: Iterable[int]) -> None:
    _tell(actor, people, "line_to_confirm", row, f"/me/money/{row.code}")


def line_contested(actor: Actor, row: Distribution) -> None:
    stamp = str(row.confirmations.exclude(reason="").count())
    _tell(actor, _officers(row), "line_contested", row, f"/distributions/{row.code}", stamp)


def contest_answered(actor: Actor, row: Distribution, person_id: int) -> None:
    _tell(actor, [person_id], "contest_answered", row, f"/me/money/{row.code}")


def to_approve(actor: Actor, row: Distribution) -> None:
    _tell(actor, _officers(row), "to_approve", row, f"/distributions/{row.code}")


def to_pay(actor: Actor, row: Distribution) -> None:
    finance = parties.people_in_posts([Role.FINANCE_OFFICER], organisation_id=row.organisation_id)
    _tell(actor, finance.values_list("pk", flat=True), "to_pay", row, f"/distributions/{row.code}")


def paid(actor: Actor, row: Distribution, payment: Payment) -> None:
    if payment.person_id is not None:
        _tell(actor, [payment.person_id], "paid", row, f"/me/money/{row.code}")


def _officers(row: Distribution) -> list[int]:
    found = parties.people_in_posts(OFFICER_ROLES, organisation_id=row.organisation_id)
    return list(found.values_list("pk", flat=True))


def _tell(actor: Actor, people: Iterable[int], kind: str, row: Distribution, link: str, stamp: str = "") -> None:
    zh, en = TITLES[kind]
    for person_id in people:
        notices.tell(
            actor=actor,
            person_id=person_id,
            kind=f"deals.{kind}",
            key=f"deals.{kind}:{row.code}:{stamp}",
            title_zh=zh.format(code=row.code),
            title_en=en.format(code=row.code),
            link=link,
        )
