"""Notices of deals: that something waits or has happened. No amount and no name stands in them."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals.models import Distribution, Payment, PriceNotice
from keqiao.deals.states import OFFICER_ROLES
from keqiao.kernel import notices
from keqiao.kernel.models import Objection
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

LABELS = {
    "line_to_confirm": _("有收益分配等您确认"),
    "line_contested": _("有人对收益分配提出异议"),
    "contest_answered": _("您对收益分配的异议有了答复"),
    "to_approve": _("有收益分配等您审批"),
    "to_pay": _("有收益分配等您支付"),
    "paid": _("成果转化奖励已支付"),
    "price_passed": _("定价公示期满，可以签约"),
    "price_stopped": _("定价公示的异议成立，已终止"),
    "objection_made": _("有人对公示提出异议"),
    "objection_answered": _("您对公示的异议有了答复"),
}
TITLES = {
    "line_to_confirm": ("{code} 收益分配等您确认", "Distribution {code} waits for you to confirm your part"),
    "line_contested": ("{code} 有人提出异议，请处理", "Somebody contests distribution {code}"),
    "contest_answered": ("您对 {code} 的异议有了答复", "Your objection to distribution {code} was answered"),
    "to_approve": ("{code} 收益分配等您审批", "Distribution {code} waits for approval"),
    "to_pay": ("{code} 收益分配等您支付", "Distribution {code} waits to be paid"),
    "paid": ("{code} 奖励已支付", "Your part of {code} has been paid"),
    "price_passed": ("定价公示 {code} 期满，可以签约", "Price notice {code} is over: the deal may be signed"),
    "price_stopped": ("定价公示 {code} 的异议成立，已终止", "Price notice {code} was stopped by an objection"),
    "objection_made": ("公示 {code} 有新的异议，请按期答复", "Somebody objects to public notice {code}"),
    "objection_answered": ("您对公示 {code} 的异议有了答复", "Your objection to public notice {code} was answered"),
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


def to_pay(actor: Actor, row: Distribution, stamp: str = "") -> None:
    finance = parties.people_in_posts([Role.FINANCE_OFFICER], organisation_id=row.organisation_id)
    _tell(actor, finance.values_list("pk", flat=True), "to_pay", row, f"/distributions/{row.code}", stamp)


def paid(actor: Actor, row: Distribution, payment: Payment) -> None:
    if payment.person_id is not None:
        _tell(actor, [payment.person_id], "paid", row, f"/me/money/{row.code}")


def price_notice_over(code: str, kind: str) -> None:
    """To the transfer office of the institution that showed the price."""
    row = PriceNotice.objects.select_related("notice").get(code=code)
    _say(parties.system(), _officers_of(row.organisation_id), kind, code, f"/public-notices/{row.notice.code}")


def objection_made(objection_id: int) -> None:
    """To those who answer it, whoever made it."""
    row = Objection.objects.select_related("notice").get(pk=objection_id)
    homes = parties.final_organisations(row.notice.organisation_ids).values()
    people = {pk for home in homes for pk in _officers_of(home)} - {row.person_id}
    _say(parties.system(), people, "objection_made", row.notice.code, f"/public-notices/{row.notice.code}", row.code)


def objection_answered(objection_id: int) -> None:
    row = Objection.objects.select_related("notice").get(pk=objection_id)
    link = f"/public-notices/{row.notice.code}"
    _say(parties.system(), [row.person_id], "objection_answered", row.notice.code, link, row.code)


def _officers(row: Distribution) -> list[int]:
    return _officers_of(row.organisation_id)


def _officers_of(organisation_id: int) -> list[int]:
    found = parties.people_in_posts(OFFICER_ROLES, organisation_id=organisation_id)
    return list(found.values_list("pk", flat=True))


def _tell(actor: Actor, people: Iterable[int], kind: str, row: Distribution, link: str, stamp: str = "") -> None:
    _say(actor, people, kind, row.code, link, stamp)


def _say(actor: Actor, people: Iterable[int], kind: str, code: str, link: str, stamp: str = "") -> None:
    zh, en = TITLES[kind]
    for person_id in sorted(catalogue.reached_as(people)):
        notices.tell(
            actor=actor,
            person_id=person_id,
            kind=f"deals.{kind}",
            key=f"deals.{kind}:{code}:{stamp}",
            title_zh=zh.format(code=code),
            title_en=en.format(code=code),
            link=link,
        )
