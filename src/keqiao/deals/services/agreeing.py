"""Commands: what was agreed, by which rule it is divided, and what came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from keqiao.deals import asked, selectors
from keqiao.deals.asked import EARLIEST, WHOLE
from keqiao.deals.checks import KINDS
from keqiao.deals.models import Deal, DealOwner, DealResult, Milestone, Receipt, RewardPart, RewardRule
from keqiao.deals.places import jurisdiction_of
from keqiao.deals.policies import can_open_deal, can_record_receipt, can_run_deal, can_write_rules
from keqiao.deals.services.pricing import _is_required, _shown_price
from keqiao.deals.states import GONE, LONGEST_KEY, DealState, KeyOfAnother, Pricing
from keqiao.deals.types import LARGEST, SHARES, ChargeKind, EquityAs, Mode, PartKind, ReceiptKind
from keqiao.deals.workflow import deal_workflow
from keqiao.kernel import clock, codes, site
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

MOST_CHARGES = 30
LATEST_YEAR = 2100
WITHOUT_PAYMENTS = frozenset({Mode.EQUITY, Mode.IMPLEMENTATION})  # what comes in is shares or profit, not a price


@dataclass(frozen=True)
class MilestoneDraft:
    name: str
    amount: int | None = None
    due_on: date | None = None
    condition: str = ""


@dataclass(frozen=True)
class DealDraft:
    """A deal as it was signed. `results`: (code of the achievement, part of the price in basis points)."""

    title_zh: str
    mode: str
    pricing: str
    results: Sequence[tuple[str, int]]
    other_party: str  # code
    signed_on: date
    amount: int | None = None
    currency: str = "CNY"
    ends_on: date | None = None
    title_en: str = ""
    jurisdiction: str = ""
    registration_number: str = ""
    registered_on: date | None = None
    broker: str = ""  # code
    broker_bp: int = 0
    broker_is_cost: bool = False
    produced_on: date | None = None
    first_profitable_year: int | None = None
    equity_as: str = EquityAs.SHARES
    price_notice: str = ""  # code of the notice on which an agreed price was shown
    noticed_from: date | None = None  # or where it was shown outside the platform
    noticed_to: date | None = None
    noticed_where: str = ""
    milestones: Sequence[MilestoneDraft] = ()


@dataclass(frozen=True)
class ReceiptDraft:
    """What came in. `charges`: {kind, amount, note, is_public_money} in minor units of the deal's currency."""

    name: str
    received_on: date
    amount: int
    kind: str = ReceiptKind.PAYMENT
    currency: str = ""
    rate: Decimal | None = None
    rate_source: str = ""
    year: int | None = None
    milestone: int | None = None  # its place
    charges: Sequence[dict[str, Any]] = field(default_factory=tuple)


@command
def add_rule(
    *,
    actor: Actor,
    organisation_code: str,
    name: str,
    article: str,
    published_on: date,
    reward_bp: int,
    parts: Sequence[tuple[str, str, int]],
    staff_bp: int = 0,
    profit_years: int | None = None,
) -> RewardRule:
    """An institution's rule as it published it. `parts`: (kind, name, basis points of net income); with the reward 100 %."""
    organisation = parties.get_organisation(organisation_code, actor=actor)
    if not can_write_rules(actor, organisation.pk):
        raise NotAllowed
    name, article = (
        asked.words(name, "name", 200, _("例如“职务科技成果转化收益分配办法”")),
        asked.maybe(article, "article", 80),
    )
    asked.known_day(published_on, "published_on")
    if not 0 < reward_bp <= WHOLE or not 0 <= staff_bp <= WHOLE:
        raise BadInput(_("比例应在 0.01%% 与 100%% 之间，例如 70。") % {}, field="reward")
    for place, (kind, part_name, part) in enumerate(parts, start=1):
        if kind not in PartKind.values or not part_name.strip() or not 0 < part <= WHOLE:
            raise BadInput(
                _("第 %(place)s 行：请写名称和比例，例如 学院 15。") % {"place": place}, field=f"parts.{place}"
            )
    total = reward_bp + sum(part for _kind, _name, part in parts)
    if parts and total != WHOLE:
        words = {"total": f"{total / 100:.2f}"}
        raise BadInput(_("奖励与单位各方合计 %(total)s%%，应正好是 100%%，例如 70、15、10、5。") % words, field="parts")
    if len({name.strip() for _kind, name, _part in parts}) != len(parts):
        raise BadInput(_("单位各方的名称不能重复。"), field="parts")
    rule = RewardRule.objects.create(
        code=codes.fresh(RewardRule, "BF"), organisation=organisation, name=name, article=article,
        published_on=published_on, reward_bp=reward_bp, staff_bp=staff_bp, profit_years=profit_years,
        made_by_id=actor.person_id,
    )  # fmt: skip
    RewardPart.objects.bulk_create(
        RewardPart(
            rule=rule, position=place, kind=kind, name=asked.maybe(part_name, f"parts.{place}", 80), of_net_bp=part
        )
        for place, (kind, part_name, part) in enumerate(parts, start=1)
    )
    record("deals.rule_added", rule, actor=actor, organisation_id=organisation.pk)
    return rule


@command
def open_deal(*, actor: Actor, draft: DealDraft) -> Deal:
    """Enter a signed deal, as the transfer office of an owner of all its results."""
    title = asked.words(draft.title_zh, "title_zh", 200, _("例如“轴承寿命预测专利独占许可”"))
    results = asked.results(actor, draft.results)
    other = asked.organisation(draft.other_party, actor, "other_party")
    broker = asked.organisation(draft.broker, actor, "broker") if draft.broker else None
    owners = asked.owners(actor, [achievement for achievement, _weight in results])
    homes = parties.organisations_by_id(owners)
    _check_draft(draft, other.pk, owners)
    shown = _price(actor, draft, results, homes)
    deal = Deal.objects.create(
        code=codes.fresh_of_year(Deal, "HT"),
        title_zh=title,
        title_en=asked.maybe(draft.title_en, "title_en", 200),
        mode=draft.mode,
        pricing=draft.pricing,
        other_party=other,
        currency=draft.currency,
        amount=draft.amount,
        signed_on=draft.signed_on,
        ends_on=draft.ends_on,
        jurisdiction=draft.jurisdiction or site.jurisdiction(),
        registration_number=asked.maybe(draft.registration_number, "registration_number", 60),
        registered_on=draft.registered_on,
        broker=broker,
        broker_bp=draft.broker_bp if broker else 0,
        broker_is_cost=draft.broker_is_cost,
        produced_on=draft.produced_on,
        first_profitable_year=draft.first_profitable_year,
        equity_as=draft.equity_as,
        made_at=clock.now(),
        made_by_id=actor.person_id,
    )
    if shown is not None:
        shown.deal = deal
        shown.save()
    DealOwner.objects.bulk_create(
        DealOwner(deal=deal, organisation_id=pk, position=place, jurisdiction=_law_of(homes[pk]))
        for place, pk in enumerate(owners, start=1)
    )
    DealResult.objects.bulk_create(
        DealResult(deal=deal, achievement=achievement, weight_bp=weight, position=place)
        for place, (achievement, weight) in enumerate(results, start=1)
    )
    Milestone.objects.bulk_create(
        Milestone(
            deal=deal, position=place, name=asked.words(row.name, f"milestones.{place}", 80, _("例如“入门费”")),
            condition=asked.maybe(row.condition, f"milestones.{place}", 300), due_on=row.due_on, amount=row.amount,
        )
        for place, row in enumerate(draft.milestones, start=1)
    )  # fmt: skip
    record("deals.deal_opened", deal, actor=actor)
    return deal


def _price(actor: Actor, draft: DealDraft, results: Sequence[Any], homes: dict[int, Any]) -> Any:
    law = draft.jurisdiction or site.jurisdiction()
    required = _is_required(
        pricing=draft.pricing, mode=draft.mode, on=draft.signed_on, law=law,
        owner_kinds=[home.kind for home in homes.values()],
    )  # fmt: skip
    ids = {achievement.pk for achievement, _weight in results}
    return _shown_price(actor, draft, ids, required=required, law=law)


def _law_of(home: Any) -> str:
    """Of the owner's own province, where it has written a law; else the deal's."""
    found = jurisdiction_of(home.region)
    return found if found in site.known_jurisdictions() else ""


@command
def choose_law(*, actor: Actor, code: str, jurisdiction: str, organisation_code: str = "") -> DealOwner:
    """By whose law an owner divides its part, until it has divided something. For its own transfer office."""
    deal = selectors.get_deal(code, actor=actor)
    if not can_run_deal(actor, deal):
        raise NotAllowed
    deal = selectors.get_deal(code, actor=actor, lock=True)
    mine = [row for row in selectors.owners_of(deal) if can_open_deal(actor, row.organisation_id)]
    mine = [row for row in mine if organisation_code in {"", row.organisation.code}]
    if not mine:
        raise NotFound
    known = site.known_jurisdictions()
    if jurisdiction not in known:
        words = {"given": jurisdiction[:20], "known": "、".join(known)}
        raise BadInput(_("没有地区“%(given)s”的规则。可用：%(known)s。") % words, field="jurisdiction")
    owner = mine[0]
    if deal.distributions.filter(organisation_id=owner.organisation_id).exclude(state__in=GONE).exists():
        raise WrongState(_("本单位已按原来的规则编制分配方案。要改，请先撤回或冲正。"))
    owner.jurisdiction = jurisdiction
    owner.save(update_fields=["jurisdiction"])
    record("deals.law_chosen", deal, actor=actor, organisation_id=owner.organisation_id, jurisdiction=jurisdiction)
    return owner


@command
def register_contract(*, actor: Actor, code: str, number: str, registered_on: date) -> Deal:
    """The technology contract was registered: what is exempt or taxed less depends on it."""
    deal = selectors.get_deal(code, actor=actor)
    if not can_run_deal(actor, deal):
        raise NotAllowed
    deal = selectors.get_deal(code, actor=actor, lock=True)
    if deal.registered_on is not None:
        raise WrongState(_("这份合同已经登记：%(number)s。") % {"number": deal.registration_number})
    number = asked.words(number, "number", 60, _("例如 2026310115000123"))
    if not deal.signed_on <= registered_on <= clock.today():
        words = {"first": deal.signed_on.isoformat()}
        raise BadInput(_("登记日期应在签订日 %(first)s 与今天之间。") % words, field="registered_on")
    deal.registration_number, deal.registered_on = number, registered_on
    deal.save(update_fields=["registration_number", "registered_on"])
    record("deals.contract_registered", deal, actor=actor)
    return deal


@command
def record_receipt(*, actor: Actor, code: str, draft: ReceiptDraft, key: str) -> Receipt:
    """Say what came in, or was paid back. The same key records once."""
    deal = selectors.get_deal(code, actor=actor)
    if not can_record_receipt(actor, deal):
        raise NotAllowed
    key = asked.words(key, "key", LONGEST_KEY, _("例如 2026-11-16/1"))
    deal = selectors.get_deal(code, actor=actor, lock=True)
    found = Receipt.objects.filter(deal=deal, key=key).first()
    values = _receipt_values(deal, draft)
    if found is not None:
        if any(getattr(found, name) != value for name, value in values.items()):
            raise KeyOfAnother(field="key")
        return found
    if deal.state != DealState.RUNNING:
        raise WrongState
    last = Receipt.objects.filter(deal=deal).order_by("-number").values_list("number", flat=True).first() or 0
    receipt = Receipt.objects.create(
        deal=deal, number=last + 1, key=key, made_at=clock.now(), made_by_id=actor.person_id, **values
    )
    record("deals.receipt_recorded", receipt, actor=actor, deal_id=deal.pk)
    return receipt


@command
def settle_deal(*, actor: Actor, code: str) -> Deal:
    """Nothing more will come in."""
    deal = selectors.get_deal(code, actor=actor, lock=True)
    deal_workflow.advance(deal, "settle", actor=actor)
    return deal


# --- checks -------------------------------------------------------------------------------------------------------------


def _check_draft(draft: DealDraft, other_id: int, owners: Sequence[int]) -> None:
    for name, values in (("mode", Mode.values), ("pricing", Pricing.values), ("currency", sorted(MINOR_DIGITS))):
        if getattr(draft, name) not in values:
            words = {"given": str(getattr(draft, name))[:20], "known": "、".join(values)}
            raise BadInput(_("“%(given)s”不认识。可用：%(known)s。") % words, field=name)
    if draft.amount is not None and not 0 < draft.amount <= LARGEST:
        raise BadInput(_("合同金额应大于 0，例如 4800000.00。"), field="amount")
    asked.known_day(draft.signed_on, "signed_on")
    if draft.ends_on is not None and draft.ends_on < draft.signed_on:
        raise BadInput(_("履约截止日不能早于签订日。"), field="ends_on")
    if other_id in owners:
        raise BadInput(_("合同对方不能是权属单位自己。"), field="other_party")
    if bool(draft.registration_number.strip()) != (draft.registered_on is not None):
        raise BadInput(_("登记编号和登记日期要一起填写，例如 2026310115000123、2026-08-27。"), field="registered_on")
    _check_terms(draft)
    _check_broker(draft)
    for place, row in enumerate(draft.milestones, start=1):
        if row.amount is not None and not 0 < row.amount <= LARGEST:
            raise BadInput(_("第 %(place)s 行：金额应大于 0。") % {"place": place}, field=f"milestones.{place}")


def _check_terms(draft: DealDraft) -> None:
    """What equity and implementation ask beyond the others."""
    if draft.equity_as not in EquityAs.values:
        words = {"given": draft.equity_as[:20], "known": "、".join(EquityAs.values)}
        raise BadInput(_("“%(given)s”不认识。可用：%(known)s。") % words, field="equity_as")
    if draft.produced_on is not None and draft.produced_on < EARLIEST:
        raise BadInput(
            _("投产日期不早于 %(first)s，例如 2024-03-01。") % {"first": EARLIEST.isoformat()}, field="produced_on"
        )
    if draft.first_profitable_year is not None and not EARLIEST.year <= draft.first_profitable_year <= LATEST_YEAR:
        years = {"first": EARLIEST.year, "last": LATEST_YEAR}
        raise BadInput(
            _("开始盈利的年度应在 %(first)s 与 %(last)s 之间，例如 2024。") % years, field="first_profitable_year"
        )


def _check_broker(draft: DealDraft) -> None:
    if draft.broker.strip() and draft.broker_bp and draft.mode in WITHOUT_PAYMENTS:
        raise BadInput(
            _("“%(mode)s”没有可按比例提取佣金的合同款，请把佣金比例留空，按约定金额登记为费用。")
            % {"mode": Mode(draft.mode).label},
            field="broker_rate",
        )
    if not 0 <= draft.broker_bp <= WHOLE:
        raise BadInput(_("佣金比例应在 0 与 100%% 之间，例如 3。") % {}, field="broker_bp")


def _receipt_values(deal: Deal, draft: ReceiptDraft) -> dict[str, Any]:
    currency = SHARES if draft.kind == ReceiptKind.SHARES else draft.currency or deal.currency
    if draft.kind not in ReceiptKind.values:
        words = {"known": "、".join(ReceiptKind.values)}
        raise BadInput(_("款项类型不认识。可用：%(known)s。") % words, field="kind")
    if currency != SHARES and currency not in MINOR_DIGITS:
        words = {"currency": currency[:10], "known": "、".join(sorted(MINOR_DIGITS))}
        raise BadInput(_("币种“%(currency)s”不认识。可用：%(known)s，例如 CNY。") % words, field="currency")
    if draft.amount == 0 or abs(draft.amount) > LARGEST:
        raise BadInput(_("金额不能是 0，也不能太大，例如 2000000.00；退款写负数。"), field="amount")
    _check_rate(deal, draft, currency)
    if not deal.signed_on <= draft.received_on <= clock.today():
        words = {"first": deal.signed_on.isoformat()}
        raise BadInput(_("到账日期应在签订日 %(first)s 与今天之间。") % words, field="received_on")
    _check_kind(deal, draft)
    milestone = None
    if draft.milestone is not None:
        milestone = Milestone.objects.filter(deal=deal, position=draft.milestone).first()
        if milestone is None:
            raise BadInput(_("没有这个付款节点。"), field="milestone")
    return {
        "milestone": milestone,
        "kind": draft.kind,
        "name": asked.words(draft.name, "name", 80, _("例如“入门费”")),
        "received_on": draft.received_on,
        "amount": draft.amount,
        "currency": currency,
        "rate": draft.rate if currency not in {SHARES, deal.currency} else None,
        "rate_source": asked.maybe(draft.rate_source, "rate_source", 120),
        "year": draft.year if draft.kind == ReceiptKind.PROFIT else None,
        "charges": _charges(draft),
    }


def _check_rate(deal: Deal, draft: ReceiptDraft, currency: str) -> None:
    """A foreign receipt is converted at the rate of its day, which somebody published."""
    if currency in {SHARES, deal.currency}:
        return
    if draft.rate is None or draft.rate <= 0:
        words = {"currency": currency, "own": deal.currency}
        raise BadInput(
            _("%(currency)s 款项要写当日汇率（1 %(currency)s 合多少 %(own)s），例如 7.1234。") % words, field="rate"
        )
    if not draft.rate_source.strip():
        raise BadInput(
            _("%(currency)s 款项要写汇率的来源，例如 中国外汇交易中心当日中间价。") % {"currency": currency},
            field="rate_source",
        )


def _check_kind(deal: Deal, draft: ReceiptDraft) -> None:
    if draft.kind == ReceiptKind.PROFIT and draft.year is None:
        raise BadInput(_("营业利润要写年度，例如 2026。"), field="year")
    allowed = KINDS.get(Mode(deal.mode), {ReceiptKind.PAYMENT})
    if draft.kind not in allowed:
        words = {
            "mode": Mode(deal.mode).label, "kind": ReceiptKind(draft.kind).label,
            "known": "、".join(str(kind.label) for kind in sorted(allowed)),
        }  # fmt: skip
        raise BadInput(_("“%(mode)s”的收入不能是“%(kind)s”。可用：%(known)s。") % words, field="kind")


def _charges(draft: ReceiptDraft) -> list[dict[str, Any]]:
    if len(draft.charges) > MOST_CHARGES:
        raise BadInput(_("扣除项太多：最多 %(most)s 项。") % {"most": MOST_CHARGES}, field="charges")
    found = []
    for place, row in enumerate(draft.charges, start=1):
        amount = row.get("amount")
        if row.get("kind") not in ChargeKind.values or not isinstance(amount, int) or abs(amount) > LARGEST:
            raise BadInput(
                _("第 %(place)s 项扣除：请选类型并写金额，例如 评估费 40000.00。") % {"place": place},
                field=f"charges.{place}",
            )
        found.append(
            {
                "kind": row["kind"],
                "amount": amount,
                "note": str(row.get("note", "")).replace("\0", "")[:200],
                "is_public_money": bool(row.get("is_public_money", False)),
            }
        )
    return found
