"""Commands: what was agreed, by which rule it is divided, and what came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import selectors
from keqiao.deals.models import Deal, DealOwner, DealResult, Milestone, Receipt, RewardPart, RewardRule
from keqiao.deals.policies import can_open_deal, can_record_receipt, can_run_deal, can_write_rules
from keqiao.deals.states import LONGEST_KEY, DealState, KeyOfAnother, Pricing
from keqiao.deals.types import LARGEST, SHARES, ChargeKind, Mode, PartKind, ReceiptKind
from keqiao.deals.workflow import deal_workflow
from keqiao.kernel import clock, codes, site
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

WHOLE = 10_000
MOST_RESULTS = 50
MOST_CHARGES = 30
EARLIEST = date(1990, 1, 1)


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
    name, article = _words(name, "name", 200, _("例如“职务科技成果转化收益分配办法”")), article.strip()[:80]
    _known_day(published_on, "published_on")
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
        RewardPart(rule=rule, position=place, kind=kind, name=part_name.strip()[:80], of_net_bp=part)
        for place, (kind, part_name, part) in enumerate(parts, start=1)
    )
    record("deals.rule_added", rule, actor=actor, organisation_id=organisation.pk)
    return rule


@command
def open_deal(*, actor: Actor, draft: DealDraft) -> Deal:
    """Enter a signed deal, as the transfer office of an owner of all its results."""
    title = _words(draft.title_zh, "title_zh", 200, _("例如“轴承寿命预测专利独占许可”"))
    results = _results(actor, draft.results)
    other = _organisation(draft.other_party, actor, "other_party")
    broker = _organisation(draft.broker, actor, "broker") if draft.broker else None
    owners = _owners(actor, [achievement for achievement, _weight in results])
    _check_draft(draft, other.pk, owners)
    deal = Deal.objects.create(
        code=codes.fresh_of_year(Deal, "HT"),
        title_zh=title,
        title_en=draft.title_en.strip()[:200],
        mode=draft.mode,
        pricing=draft.pricing,
        other_party=other,
        currency=draft.currency,
        amount=draft.amount,
        signed_on=draft.signed_on,
        ends_on=draft.ends_on,
        jurisdiction=draft.jurisdiction or site.jurisdiction(),
        registration_number=draft.registration_number.strip()[:60],
        registered_on=draft.registered_on,
        broker=broker,
        broker_bp=draft.broker_bp if broker else 0,
        broker_is_cost=draft.broker_is_cost,
        produced_on=draft.produced_on,
        first_profitable_year=draft.first_profitable_year,
        made_at=clock.now(),
        made_by_id=actor.person_id,
    )
    DealOwner.objects.bulk_create(
        DealOwner(deal=deal, organisation_id=pk, position=place) for place, pk in enumerate(owners, start=1)
    )
    DealResult.objects.bulk_create(
        DealResult(deal=deal, achievement=achievement, weight_bp=weight, position=place)
        for place, (achievement, weight) in enumerate(results, start=1)
    )
    Milestone.objects.bulk_create(
        Milestone(
            deal=deal, position=place, name=_words(row.name, f"milestones.{place}", 80, _("例如“入门费”")),
            condition=row.condition.strip()[:300], due_on=row.due_on, amount=row.amount,
        )
        for place, row in enumerate(draft.milestones, start=1)
    )  # fmt: skip
    record("deals.deal_opened", deal, actor=actor)
    return deal


@command
def register_contract(*, actor: Actor, code: str, number: str, registered_on: date) -> Deal:
    """The technology contract was registered: what is exempt or taxed less depends on it."""
    deal = selectors.get_deal(code, actor=actor)
    if not can_run_deal(actor, deal):
        raise NotAllowed
    deal = selectors.get_deal(code, actor=actor, lock=True)
    if deal.registered_on is not None:
        raise WrongState(_("这份合同已经登记：%(number)s。") % {"number": deal.registration_number})
    number = _words(number, "number", 60, _("例如 2026310115000123"))
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
    key = _words(key, "key", LONGEST_KEY, _("例如 2026-11-16/1"))
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


def _results(actor: Actor, given: Sequence[tuple[str, int]]) -> list[tuple[Any, int]]:
    if not 1 <= len(given) <= MOST_RESULTS:
        raise BadInput(_("请写 1 到 %(most)s 项成果，例如 CG-2026-00642。") % {"most": MOST_RESULTS}, field="results")
    if len({code for code, _weight in given}) != len(given):
        raise BadInput(_("同一项成果写了两次。"), field="results")
    total = sum(weight for _code, weight in given)
    if total != WHOLE or any(weight < 1 for _code, weight in given):
        words = {"total": f"{total / 100:.2f}"}
        raise BadInput(_("各项成果占价款的比例合计 %(total)s%%，应正好是 100%%。") % words, field="results")
    found = []
    for code, weight in given:
        try:
            found.append((catalogue.get_achievement(code, actor=actor), weight))
        except NotFound:
            raise BadInput(_("没有成果“%(code)s”。") % {"code": code[:24]}, field="results") from None
    return found


def _owners(actor: Actor, achievements: Sequence[Any]) -> list[int]:
    """All owners of the results, the actor's own first. Whoever enters the deal works for an owner of each."""
    shares = catalogue.shares_of([row.pk for row in achievements])
    owners: dict[int, None] = {}
    for row in achievements:
        version = shares.get(row.pk)
        homes = [f.organisation_id for f in version.owners.all()] if version else [row.owner_id]
        if not any(can_open_deal(actor, home) for home in homes):
            raise NotAllowed(_("您所在的单位不是成果 %(code)s 的权属单位。") % {"code": row.code})
        owners |= dict.fromkeys(parties.final_organisations(homes)[home] for home in homes)
    return sorted(owners, key=lambda pk: pk != actor.acting_for)


def _check_draft(draft: DealDraft, other_id: int, owners: Sequence[int]) -> None:
    for name, values in (("mode", Mode.values), ("pricing", Pricing.values), ("currency", sorted(MINOR_DIGITS))):
        if getattr(draft, name) not in values:
            words = {"given": str(getattr(draft, name))[:20], "known": "、".join(values)}
            raise BadInput(_("“%(given)s”不认识。可用：%(known)s。") % words, field=name)
    if draft.amount is not None and not 0 < draft.amount <= LARGEST:
        raise BadInput(_("合同金额应大于 0，例如 4800000.00。"), field="amount")
    _known_day(draft.signed_on, "signed_on")
    if draft.ends_on is not None and draft.ends_on < draft.signed_on:
        raise BadInput(_("履约截止日不能早于签订日。"), field="ends_on")
    if other_id in owners:
        raise BadInput(_("合同对方不能是权属单位自己。"), field="other_party")
    if bool(draft.registration_number.strip()) != (draft.registered_on is not None):
        raise BadInput(_("登记编号和登记日期要一起填写，例如 2026310115000123、2026-08-27。"), field="registered_on")
    if not 0 <= draft.broker_bp <= WHOLE:
        raise BadInput(_("佣金比例应在 0 与 100%% 之间，例如 3。") % {}, field="broker_bp")
    for place, row in enumerate(draft.milestones, start=1):
        if row.amount is not None and not 0 < row.amount <= LARGEST:
            raise BadInput(_("第 %(place)s 行：金额应大于 0。") % {"place": place}, field=f"milestones.{place}")


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
    if currency not in {SHARES, deal.currency} and (draft.rate is None or draft.rate <= 0):
        words = {"currency": currency, "own": deal.currency}
        raise BadInput(
            _("%(currency)s 款项要写当日汇率（1 %(currency)s 合多少 %(own)s），例如 7.1234。") % words, field="rate"
        )
    if not deal.signed_on <= draft.received_on <= clock.today():
        words = {"first": deal.signed_on.isoformat()}
        raise BadInput(_("到账日期应在签订日 %(first)s 与今天之间。") % words, field="received_on")
    if draft.kind == ReceiptKind.PROFIT and draft.year is None:
        raise BadInput(_("营业利润要写年度，例如 2026。"), field="year")
    milestone = None
    if draft.milestone is not None:
        milestone = Milestone.objects.filter(deal=deal, position=draft.milestone).first()
        if milestone is None:
            raise BadInput(_("没有这个付款节点。"), field="milestone")
    return {
        "milestone": milestone,
        "kind": draft.kind,
        "name": _words(draft.name, "name", 80, _("例如“入门费”")),
        "received_on": draft.received_on,
        "amount": draft.amount,
        "currency": currency,
        "rate": draft.rate if currency not in {SHARES, deal.currency} else None,
        "rate_source": draft.rate_source.strip()[:120],
        "year": draft.year if draft.kind == ReceiptKind.PROFIT else None,
        "charges": _charges(draft),
    }


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


def _organisation(code: str, actor: Actor, name: str) -> Any:
    try:
        return parties.get_organisation(code.strip(), actor=actor)
    except NotFound:
        words = {"code": code[:24]}
        raise BadInput(_("没有单位“%(code)s”。请写平台上的单位编号，例如 DW-7K2M9QX4。") % words, field=name) from None


def _known_day(day: date, name: str) -> None:
    if not EARLIEST <= day <= clock.today():
        words = {"first": EARLIEST.isoformat()}
        raise BadInput(_("日期应在 %(first)s 与今天之间，例如 2026-08-14。") % words, field=name)


def _words(text: str, name: str, most: int, example: str) -> str:
    text = text.strip()
    if not text or len(text) > most or "\0" in text:
        words = {"most": most, "example": example}
        raise BadInput(_("请填写，最多 %(most)s 个字，%(example)s。") % words, field=name)
    return text
