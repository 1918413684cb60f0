"""A university, its people and a licence whose figures are those of the demo: built through the commands."""

from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.tests.factories import make_achievement
from keqiao.catalogue.types import Part
from keqiao.deals import services
from keqiao.deals.services.agreeing import DealDraft, MilestoneDraft, ReceiptDraft
from keqiao.deals.types import ChargeKind, Mode, PartKind
from keqiao.kernel import public_notices
from keqiao.kernel.models import PublicNotice
from keqiao.kernel.money import Money
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role

_number = count(1)
SYSTEM = parties.system()
SIGNED = date(2026, 8, 14)
PARTS = ((PartKind.UNIT, "学院", 1500), (PartKind.SCHOOL, "学校", 1000), (PartKind.FUND, "转化基金", 500))


@dataclass
class World:
    """The figures of mockup 06: 2,000,000 in, 1,316,000 for three people."""

    home: Any
    buyer: Any
    officer: Any
    second_officer: Any
    finance: Any
    auditor: Any
    team: list[Any]
    result: Any
    rule: Any
    deal: Any
    receipt: Any = None
    more: dict[str, Any] = field(default_factory=dict)


def make_world(
    *,
    shares=(5000, 3000, 2000),
    signed=True,
    receipt=True,
    mode=Mode.LICENCE,
    amount="2000000.00",
    broker=True,
    home=None,
    team=None,
    **of_result,
):
    home, buyer = home or make_organisation(kind="university"), make_organisation()
    officer, second = (make_actor(organisation=home, role=Role.CONVERSION_OFFICER) for _n in range(2))
    team = team or [make_actor(organisation=home, role=Role.RESEARCHER) for _share in shares]
    result = make_achievement(owner=home, title="轴承寿命预测", **of_result)
    parts = [Part(actor.person_id, bp) for actor, bp in zip(team, shares, strict=True)]
    catalogue.propose_shares(actor=officer, achievement_code=result.code, contributors=parts)
    if signed:
        for actor in team:
            catalogue.sign_shares(actor=actor, achievement_code=result.code, number=1)
    rule = services.add_rule(
        actor=officer, organisation_code=home.code, name="科技成果转化收益分配办法", article="第十一条",
        published_on=date(2023, 6, 1), reward_bp=7000, parts=PARTS,
    )  # fmt: skip
    deal = services.open_deal(
        actor=officer,
        draft=DealDraft(
            title_zh="轴承寿命预测专利独占许可", title_en="Exclusive licence: bearing life", mode=mode, pricing="agreement",
            results=[(result.code, 10_000)], other_party=buyer.code, signed_on=SIGNED, amount=Money.wan("480").minor,
            jurisdiction="CN-SH", registration_number="2026310115000123", registered_on=date(2026, 8, 27),
            noticed_from=date(2026, 7, 1), noticed_to=date(2026, 7, 16), noticed_where="校内网",
            broker=make_organisation(kind="agency").code if broker else "", broker_bp=300, broker_is_cost=True,
            milestones=(MilestoneDraft("入门费", Money.wan("200").minor, date(2026, 9, 13), "合同生效 30 日内"),),
        ),
    )  # fmt: skip
    world = World(
        home, buyer, officer, second, make_actor(organisation=home, role=Role.FINANCE_OFFICER),
        make_actor(organisation=home, role=Role.AUDITOR), team, result, rule, deal,
    )  # fmt: skip
    if receipt:
        world.receipt = pay_in(world, amount)
    return world


def pay_in(world, amount="2000000.00", *, actor=None, key=None, charges=None, **more):
    """The first payment of the licence; VAT is stated, since the rule of 2026 is not known."""
    if charges is None:
        charges = (
            {"kind": ChargeKind.VAT, "amount": 0},
            {"kind": ChargeKind.VENUE, "amount": 20_000_00},
            {"kind": ChargeKind.OTHER, "amount": 40_000_00, "note": "专利与评估"},
        )
    draft = ReceiptDraft(
        **{
            "name": "入门费", "received_on": date(2026, 11, 16), "amount": Money.of(amount).minor, "charges": charges,
            "milestone": 1, **more,
        }
    )  # fmt: skip
    return services.record_receipt(
        actor=actor or world.finance, code=world.deal.code, draft=draft, key=key or f"test:{next(_number)}"
    )


def prepare(world, *, rule=None, receipt=None):
    return services.prepare(
        actor=world.officer, code=world.deal.code, receipt_number=(receipt or world.receipt).number,
        rule_code=world.rule.code if rule is None else rule,
    )  # fmt: skip


def confirm(world, distribution):
    for actor in world.team:
        services.confirm_line(actor=actor, code=distribution.code)
    distribution.refresh_from_db()
    return distribution


def end_notice(distribution):
    """As if its time were over and the job had run."""
    from datetime import timedelta

    from keqiao.kernel import clock

    now = clock.now()
    PublicNotice.objects.filter(pk=distribution.notice_id).update(
        opened_at=now - timedelta(days=30), closes_at=now - timedelta(seconds=1)
    )
    public_notices.pass_notice(actor=SYSTEM, notice_id=distribution.notice_id)
    services.announcement_passed(actor=SYSTEM, distribution_id=distribution.pk)
    distribution.refresh_from_db()


def payable(world):
    """Through confirmation, approval and notice."""
    distribution = confirm(world, prepare(world))
    services.approve(actor=world.officer, code=distribution.code)
    distribution.refresh_from_db()
    if distribution.state == "in_notice":
        end_notice(distribution)
    return distribution


def pay_all(world, distribution):
    for payment in distribution.payments.filter(state="waiting"):
        services.pay(actor=world.finance, code=payment.code)
    distribution.refresh_from_db()
    return distribution
