"""Words of the deals context: what a distribution is computed from, and the sheet that comes out.

Amounts are whole minor units (fen), or whole shares where a company's shares are divided; parts are exact fractions.
People and organisations are keys that mean something to the caller only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from keqiao.catalogue.types import Choice as Choice  # noqa: PLC0414 -- a word of this context, too
from keqiao.kernel.errors import DomainError

LARGEST = 10**15  # minor units of one receipt or cost: ten thousand billion yuan
SHARES = "SHARE"  # the unit of a sheet that divides shares of a company


class Mode(models.TextChoices):
    """By what kind of contract a result is converted."""

    TRANSFER = "transfer", _("转让")
    LICENCE = "licence", _("许可")
    EQUITY = "equity", _("作价投资")
    IMPLEMENTATION = "implementation", _("自行或合作实施")
    DEVELOPMENT = "development", _("技术开发")
    CONSULTING = "consulting", _("技术咨询")
    SERVICE = "service", _("技术服务")


CONTRACT_WORK = frozenset({Mode.DEVELOPMENT, Mode.CONSULTING, Mode.SERVICE})


class EquityAs(models.TextChoices):
    """How the people are rewarded when a result becomes shares of a company."""

    SHARES = "shares", _("给予股份")
    PROCEEDS = "proceeds", _("按股份收益给予现金")


class ReceiptKind(models.TextChoices):
    """What came in. A refund is a payment below zero."""

    PAYMENT = "payment", _("合同款")
    PROFIT = "profit", _("年度营业利润")
    SHARES = "shares", _("形成的股份")
    DIVIDEND = "dividend", _("股份分红")
    EXIT = "exit", _("股份转让款")


class ChargeKind(models.TextChoices):
    """What is taken from a receipt before it is net income; whether it may be depends on the jurisdiction."""

    VAT = "vat", _("增值税")
    SURTAX = "surtax", _("附加税费")
    STAMP = "stamp", _("印花税")
    VALUATION = "valuation", _("评估费")
    APPRAISAL = "appraisal", _("鉴定费")
    NEGOTIATION = "negotiation", _("谈判费用")
    VENUE = "venue", _("交易服务费")
    BROKER = "broker", _("技术经理人佣金（约定为成本）")
    OTHER = "other", _("其他直接费用")
    UPKEEP = "upkeep", _("专利等维护费用")
    RESEARCH = "research", _("研发投入")
    PROJECT = "project", _("项目支出")


class Step(models.TextChoices):
    """The steps of a distribution, in order."""

    GROSS = "gross", _("收入")
    TAX = "tax", _("税费")
    COST = "cost", _("直接费用")
    UPKEEP = "upkeep", _("维护费用")
    BORNE = "borne", _("不得扣除的费用")
    NET = "net", _("净收入")
    OWNER = "owner", _("权利人本人")
    REWARD = "reward", _("成果完成人及转化人员")
    STAFF = "staff", _("转化服务人员")
    CONTRIBUTOR = "contributor", _("完成人")
    UNIT = "unit", _("单位留存")
    BROKER = "broker", _("技术经理人佣金")
    PART = "part", _("单位各方")


TAXES = frozenset({ChargeKind.VAT, ChargeKind.SURTAX, ChargeKind.STAMP})
STEP_OF = dict.fromkeys(ChargeKind, Step.COST) | dict.fromkeys(TAXES, Step.TAX) | {ChargeKind.UPKEEP: Step.UPKEEP}
LEAVES = frozenset({
    Step.TAX, Step.COST, Step.UPKEEP, Step.OWNER, Step.STAFF, Step.CONTRIBUTOR, Step.BROKER, Step.PART,
})  # fmt: skip
# The words of `net_income.deductions` under which a charge may be taken off, any of them.
DEDUCTED_AS = {
    ChargeKind.VAT: {"taxes"},
    ChargeKind.SURTAX: {"taxes"},
    ChargeKind.STAMP: {"taxes"},
    ChargeKind.VALUATION: {"valuation", "direct_costs"},
    ChargeKind.APPRAISAL: {"appraisal", "direct_costs"},
    ChargeKind.NEGOTIATION: {"negotiation"},
    ChargeKind.VENUE: {"direct_costs"},
    ChargeKind.BROKER: {"direct_costs"},
    ChargeKind.OTHER: {"direct_costs"},
    ChargeKind.UPKEEP: {"upkeep"},
    ChargeKind.RESEARCH: {"research"},
    ChargeKind.PROJECT: {"project_costs"},
}


class OwnerKind(models.TextChoices):
    """What an owner of a result is; the legal floor binds units that the state funds."""

    STATE_UNIT = "state_unit", _("国家设立的研发机构或高校")
    ENTERPRISE = "enterprise", _("企业或其他单位")
    PERSON = "person", _("被赋权的完成人")


class Role(models.TextChoices):
    """What somebody did for a result."""

    MAIN = "main", _("主要贡献人员")
    OTHER = "other", _("其他贡献人员")


class PartKind(models.TextChoices):
    """Who shares what the unit keeps."""

    TRANSFER_OFFICE = "transfer_office", _("技术转移机构")
    UNIT = "unit", _("院系、所、中心")
    SCHOOL = "school", _("学校或院本级")
    FUND = "fund", _("转化基金")


class Note(models.TextChoices):
    """Why a line is not what its rate alone would give."""

    WAITS = "waits", _("超出已到账收入的部分留待以后到账时扣除")
    LIMITED = "limited", _("以单位留存为限，其余待以后到账时支付")
    BY_PROCEEDS = "by_proceeds", _("股份由单位持有，按分红和转让款奖励")
    ALL_OWN = "all_own", _("完成人均已按所有权份额取得收益")
    OUTSIDE_YEARS = "outside_years", _("不在奖励年度之内")


# --- rules ------------------------------------------------------------------------------------------------------------------


class NoSuchRule(DomainError):
    """No rule pack says anything for that day: a gap, never a default."""

    status = 422

    def __init__(self, key: str, on: date, jurisdiction: str) -> None:
        said = {"key": key, "on": on, "where": jurisdiction}
        super().__init__(
            _("规则包中没有 %(where)s 在 %(on)s 有效的“%(key)s”。请补充规则后再计算。") % said, field="rules"
        )


@dataclass(frozen=True)
class Basis:
    """Where a figure of the sheet comes from, as it is shown and kept."""

    instrument: str
    article: str = ""
    source: str = ""
    is_confirmed: bool = True
    key: str = ""
    since: date | None = None

    @property
    def name(self) -> str:
        """In the reader's language where it is a word of ours, not the title of a law."""
        return gettext(self.instrument) if self.instrument else ""


@dataclass(frozen=True)
class Rule:
    """One dated row of a rule pack."""

    key: str
    jurisdiction: str
    value: Any
    first_on: date
    last_on: date | None
    basis: Basis

    def holds_on(self, day: date) -> bool:
        return self.first_on <= day and (self.last_on is None or day <= self.last_on)


class Rulebook:
    """Dated rules of every jurisdiction, one a day for each key; CN-SH inherits what CN says."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rows: dict[tuple[str, str], list[Rule]] = {}
        for rule in sorted(rules, key=lambda r: r.first_on):
            self._rows.setdefault((rule.key, rule.jurisdiction), []).append(rule)

    def __iter__(self) -> Any:
        return (rule for rows in self._rows.values() for rule in rows)

    def seek(self, key: str, on: date, jurisdiction: str) -> Rule | None:
        """The rule in force on that day, from the nearest jurisdiction that has one."""
        parts = jurisdiction.split("-")
        for n in range(len(parts), 0, -1):
            for rule in self._rows.get((key, "-".join(parts[:n])), ()):
                if rule.holds_on(on):
                    return rule
        return None

    def find(self, key: str, on: date, jurisdiction: str) -> Rule:
        rule = self.seek(key, on, jurisdiction)
        if rule is None:
            raise NoSuchRule(key, on, jurisdiction)
        return rule


@dataclass(frozen=True)
class Part:
    """Somebody who shares what the unit keeps: a part of net income."""

    payee: str
    kind: PartKind
    of_net: Fraction


@dataclass(frozen=True)
class OwnRule:
    """What an institution's published rule, or its agreement with the completers, gives."""

    name: str
    article: str
    published_on: date | None
    reward: Fraction  # of net income, of the shares, or of each year's operating profit
    parts: tuple[Part, ...] = ()  # with the reward they make the whole
    transfer_staff: Fraction = Fraction(0)  # of the reward
    profit_years: int | None = None

    @property
    def basis(self) -> Basis:
        return Basis(self.name, self.article, since=self.published_on)


# --- what is divided --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """A part that somebody signed; the parts of one team make the whole."""

    person: str
    part: Fraction
    role: Role = Role.MAIN
    is_head: bool = False  # the head of the unit


@dataclass(frozen=True)
class Stake:
    """One owner's fraction of a result, and the team that this owner rewards for it."""

    owner: str
    fraction: Fraction
    team: tuple[Share, ...] = ()


@dataclass(frozen=True)
class Achievement:
    """One of the results of a deal, and its part of the price."""

    key: str
    weight: Fraction
    stakes: tuple[Stake, ...]


@dataclass(frozen=True)
class Owner:
    """An owner of results in the deal: by which law, by which rule of its own."""

    key: str
    kind: OwnerKind
    jurisdiction: str
    rule: OwnRule | None = None
    assigned_by: str = ""  # of a person: the unit that assigned the ownership
    choice: Choice = Choice.OWNERSHIP


@dataclass(frozen=True)
class Broker:
    """A commission: a part of the gross receipts, out of what the unit keeps unless the contract makes it a cost."""

    payee: str
    rate: Fraction
    is_cost: bool = False


@dataclass(frozen=True)
class Holding:
    """Shares that somebody owns; through an owner when the owner's name stands in the register for them."""

    payee: str
    step: Step
    shares: int
    achievement: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Terms:
    """What a deal says about its money. Receipts under the same terms are divided cumulatively."""

    mode: Mode
    signed_on: date
    achievements: tuple[Achievement, ...]
    owners: tuple[Owner, ...]
    registered_on: date | None = None  # the technology contract
    currency: str = "CNY"
    broker: Broker | None = None
    staff: tuple[Share, ...] = ()  # who gets what transfer staff get; empty: the unit's office divides it
    equity_as: EquityAs = EquityAs.SHARES
    holdings: tuple[Holding, ...] = ()  # who shares dividends and exits that the unit receives
    produced_on: date | None = None  # start of production
    first_profitable_year: int | None = None

    def owner(self, key: str) -> Owner:
        return next(owner for owner in self.owners if owner.key == key)


@dataclass(frozen=True)
class Charge:
    """A tax or cost, in the currency of the terms; of one result or one owner, or of all."""

    kind: ChargeKind
    amount: int
    achievement: str = ""
    owner: str = ""
    is_public_money: bool = False
    note: str = ""


@dataclass(frozen=True)
class Receipt:
    """Something that came in, or, below zero, was paid back."""

    key: str
    received_on: date
    amount: int
    kind: ReceiptKind = ReceiptKind.PAYMENT
    currency: str = "CNY"
    rate: Decimal | None = None  # of the terms' currency for one of this currency, on that day
    rate_source: str = ""
    year: int | None = None  # of a profit
    charges: tuple[Charge, ...] = ()


# --- the sheet --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a sheet. `amount` is what this receipt brings: what is due in all, less what was given before."""

    key: str  # the same line in every sheet of the same terms
    source: str  # the line it is taken from
    step: Step
    label: str  # a ChargeKind, Role or PartKind, where there is one
    achievement: str
    owner: str
    payee: str
    rate: Fraction | None
    base: int
    amount: int
    due: int  # from all receipts so far
    given: int  # from the receipts before
    on: date
    bases: tuple[Basis, ...] = ()
    note: str = ""  # a Note

    @property
    def is_leaf(self) -> bool:
        return self.step in LEAVES

    @property
    def is_confirmed(self) -> bool:
        return all(basis.is_confirmed for basis in self.bases)


@dataclass(frozen=True)
class Sheet:
    """A receipt divided, line by line; the leaves add up to the receipt."""

    unit: str  # a currency, or SHARES
    on: date
    lines: tuple[Line, ...]
    facts: tuple[Basis, ...] = field(default=())  # rules that apply without moving an amount

    @property
    def gross(self) -> int:
        return sum(line.amount for line in self.lines if line.step == Step.GROSS)

    @property
    def leaves(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.is_leaf)

    @property
    def unconfirmed(self) -> tuple[Basis, ...]:
        """Rules this sheet uses that nobody compared with the text yet, each once."""
        bases = [basis for line in self.lines for basis in line.bases] + list(self.facts)
        return tuple(dict.fromkeys(basis for basis in bases if not basis.is_confirmed))

    def of(self, payee: str) -> tuple[Line, ...]:
        return tuple(line for line in self.leaves if line.payee == payee)

    def totals(self) -> Mapping[str, int]:
        """What each payee gets from this receipt; taxes and costs stand under their kind."""
        totals: dict[str, int] = {}
        for line in self.leaves:
            payee = line.payee or line.label
            totals[payee] = totals.get(payee, 0) + line.amount
        return totals
