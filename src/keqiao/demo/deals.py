"""Three deals of the university: one paid, one whose contributors are being asked, one on public notice; and a price on notice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from keqiao.accounts import services as consents
from keqiao.accounts.types import REQUIRED, ConsentWay
from keqiao.catalogue import services as catalogue
from keqiao.catalogue.models import Achievement
from keqiao.catalogue.types import ItemState, Part
from keqiao.deals import services
from keqiao.deals.models import Distribution, RewardRule
from keqiao.deals.services.agreeing import DealDraft, MilestoneDraft, ReceiptDraft
from keqiao.deals.services.pricing import PriceDraft
from keqiao.deals.types import ChargeKind, Mode, PartKind
from keqiao.kernel import clock, public_notices
from keqiao.kernel.models import PublicNotice
from keqiao.kernel.money import Money
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.types import Role

NAME = "职务科技成果转化收益分配办法"
PARTS = ((PartKind.UNIT, "学院", 1500), (PartKind.SCHOOL, "学校", 1000), (PartKind.FUND, "转化基金", 500))
TEAM = (("jiang@lut.example", "江望舒", "Jiang Wangshu"), ("pei@lut.example", "裴听澜", "Pei Tinglan"))
SHARES = (5000, 3000, 2000)


def load(organisations: Mapping[str, int], *, password: str) -> None:
    """Through the ordinary commands, as the transfer office, the contributors and finance. Inside the loader's transaction."""
    home = organisations.get("lut")
    buyers = [organisations[key] for key in ("hengyue", "chengyuan", "c-zhenyue") if key in organisations]
    rows = Achievement.objects.filter(owner_id=home, state=ItemState.PUBLISHED).order_by("code")
    results = list(rows.prefetch_related("texts")[: len(buyers)])
    officer, author, finance = (
        _one(home, role) for role in (Role.CONVERSION_OFFICER, Role.RESEARCHER, Role.FINANCE_OFFICER)
    )
    if home is None or not officer or not author or not finance or not results:
        return
    team = [author, *_team(home, officer, password)]
    code = parties.codes_by_id([home])[home]
    rule = _rules(officer, code)
    for result in results:
        _sign(officer, team, result)
    made = [  # a city loaded in part has fewer results than deals
        _deal(officer, finance, results[place % len(results)], parties.codes_by_id([buyer])[buyer])
        for place, buyer in enumerate(buyers)
    ]
    _price(officer, results[0])
    for place, deal in enumerate(made):
        distribution = services.prepare(actor=officer, code=deal.code, receipt_number=1, rule_code=rule.code)
        (_pay, _ask, _show)[place](officer, finance, team, distribution)


def _one(home: int | None, role: Role) -> Any:
    found = next(iter(parties.people_in_posts([role], organisation_id=home)), None) if home else None
    return parties.actor_for(found.user, acting_for=home) if found is not None else None


def _team(home: int, officer: Any, password: str) -> list[Any]:
    """Two more contributors; the first has left the university since."""
    system, found = parties.system(), []
    for place, (email, zh, en) in enumerate(TEAM):
        person = people.register_person(
            actor=system, email=email, password=password, name_zh=zh, name_en=en, is_fictional=True
        )
        consents.give_consents(actor=system, person_id=person.pk, documents=REQUIRED, how=ConsentWay.DEMO)
        post = people.appoint(actor=system, person_id=person.pk, organisation_id=home, role=Role.RESEARCHER)
        if place == 0:
            people.end_post(actor=officer, code=parties.codes_by_id([home])[home], number=post.number)
        found.append(parties.actor_for(person.user))
    return found


def _rules(officer: Any, code: str) -> RewardRule:
    """What the university published, and the stricter rule that it had before."""
    services.add_rule(
        actor=officer, organisation_code=code, name=NAME, article="第九条", published_on=date(2018, 3, 1), reward_bp=6000,
        parts=((PartKind.UNIT, "学院", 2000), (PartKind.SCHOOL, "学校", 1500), (PartKind.FUND, "转化基金", 500)),
    )  # fmt: skip
    return services.add_rule(
        actor=officer, organisation_code=code, name=NAME, article="第十一条", published_on=date(2023, 6, 1), reward_bp=7000,
        parts=PARTS,
    )  # fmt: skip


def _sign(officer: Any, team: list[Any], result: Achievement) -> None:
    catalogue.propose_shares(
        actor=officer,
        achievement_code=result.code,
        contributors=[Part(actor.person_id, bp) for actor, bp in zip(team, SHARES, strict=True)],
    )
    for actor in team:
        catalogue.sign_shares(actor=actor, achievement_code=result.code, number=1)


def _deal(officer: Any, finance: Any, result: Achievement, buyer: str) -> Any:
    """A licence for 4.8 million, of which the first 2 million have come in."""
    today = clock.today()
    signed_on = today - timedelta(days=105)
    titles = {text.lang: text.title for text in result.texts.all()}
    broker = next(iter(parties.people_in_posts([Role.TECHNOLOGY_MANAGER])), None)
    homes = parties.organisations_of_person(broker.pk) if broker is not None else []
    deal = services.open_deal(
        actor=officer,
        draft=DealDraft(
            title_zh=f"{titles.get('zh', result.code)[:150]}独占许可",
            title_en=f"Exclusive licence: {titles.get('en', result.code)[:150]}",
            mode=Mode.LICENCE,
            pricing="agreement",
            noticed_from=signed_on - timedelta(days=30),
            noticed_to=signed_on - timedelta(days=10),
            noticed_where="校内公示栏与校园网",
            results=[(result.code, 10_000)],
            other_party=buyer,
            signed_on=signed_on,
            ends_on=signed_on + timedelta(days=3 * 365),
            amount=Money.wan("480").minor,
            jurisdiction="CN-SH",
            registration_number=f"2026310115{result.pk % 1_000_000:06d}",
            registered_on=signed_on + timedelta(days=13),
            broker=parties.codes_by_id(homes[:1])[homes[0]] if homes else "",
            broker_bp=300,
            broker_is_cost=True,
            milestones=(
                MilestoneDraft("入门费", Money.wan("200").minor, signed_on + timedelta(days=30), "合同生效 30 日内"),
                MilestoneDraft(
                    "样机验收", Money.wan("160").minor, signed_on + timedelta(days=260), "台架 2,000 小时，误报率 ≤ 1%"
                ),
                MilestoneDraft("销售提成", None, signed_on + timedelta(days=3 * 365), "净销售额 3%，每年 3 月结算"),
            ),
        ),
    )
    services.record_receipt(
        actor=finance,
        code=deal.code,
        key="demo:1",
        draft=ReceiptDraft(
            name="首付款", received_on=today - timedelta(days=11), amount=Money.wan("200").minor, milestone=1,
            charges=(
                {"kind": ChargeKind.VAT, "amount": 0, "note": "免税，以主管税务机关认定为准"},
                {"kind": ChargeKind.VENUE, "amount": Money.wan("2").minor, "note": "首期 1%"},
                {"kind": ChargeKind.OTHER, "amount": Money.wan("4").minor, "note": "专利与评估，据实"},
            ),
        ),
    )  # fmt: skip
    return deal


def _price(officer: Any, result: Achievement) -> None:
    """A price that the university means to agree, shown to its people now."""
    titles = {text.lang: text.title for text in result.texts.all()}
    services.show_price(
        actor=officer,
        draft=PriceDraft(
            title_zh=f"{titles.get('zh', result.code)[:150]}（海外市场）普通许可",
            title_en=f"Non-exclusive licence abroad: {titles.get('en', result.code)[:150]}",
            mode=Mode.LICENCE,
            results=[result.code],
            amount=Money.wan("120").minor,
            price_text="入门费 40 万元，其余按净销售额 2% 提成，三年内付清",
        ),
    )


def _confirm(team: list[Any], distribution: Distribution) -> None:
    for actor in team:
        services.confirm_line(actor=actor, code=distribution.code)


def _show(officer: Any, _finance: Any, team: list[Any], distribution: Distribution) -> None:
    _confirm(team, distribution)
    services.approve(actor=officer, code=distribution.code)


def _pay(officer: Any, finance: Any, team: list[Any], distribution: Distribution) -> None:
    """The notice of the demo's past: its days are over when the demo begins."""
    _show(officer, finance, team, distribution)
    notice = public_notices.of_subject(f"deals.distribution:{distribution.pk}")
    if notice is not None:
        before = timedelta(days=30)
        PublicNotice.objects.filter(pk=notice.pk).update(
            opened_at=notice.opened_at - before, closes_at=notice.opened_at - timedelta(days=1)
        )
        public_notices.pass_notice(actor=parties.system(), notice_id=notice.pk)
        services.announcement_passed(actor=parties.system(), distribution_id=distribution.pk)
    for payment in distribution.payments.all():
        services.pay(actor=finance, code=payment.code)


def _ask(_officer: Any, _finance: Any, team: list[Any], distribution: Distribution) -> None:
    """One has confirmed, one contests, one has not answered yet."""
    services.confirm_line(actor=team[1], code=distribution.code)
    services.contest_line(actor=team[2], code=distribution.code, reason="台架试验由我完成，按实际贡献应为 30%。")
