"""Estimates of tax, with the computation shown. An institution's payroll is the authority: it gets the figures, not orders.

Cash rewards count as wages of the month they are paid in, by half where the conditions hold; shares are taxed when they pay or
are sold; whoever is not employed by the payer is taxed as an outside worker. Tables are dated rules; amounts are fen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.deals.arithmetic import BASIS_POINTS, half_up
from keqiao.deals.types import Basis, OwnerKind, Rule, Rulebook
from keqiao.kernel.errors import BadInput

MONTHS = 12


class Residence(models.TextChoices):
    """Whether a year's income is taxed as a whole or month by month."""

    RESIDENT = "resident", _("居民个人")
    NON_RESIDENT = "non_resident", _("非居民个人")


class Bond(models.TextChoices):
    """How a person stands to the one who pays."""

    EMPLOYEE = "employee", _("在职人员")
    OUTSIDE = "outside", _("非本单位人员")


class TaxStep(models.TextChoices):
    """The steps of an estimate, in order."""

    REWARD = "reward", _("奖励金额")
    COUNTED = "counted", _("计入应税收入")
    BEFORE = "before", _("不含奖励的应纳税所得额")
    BEFORE_TAX = "before_tax", _("不含奖励的累计税额")
    TAXABLE = "taxable", _("含奖励的应纳税所得额")
    TAX = "tax", _("含奖励的累计税额")
    COSTS = "costs", _("减除费用")
    WITHHELD = "withheld", _("奖励对应的税额")
    RECEIVED = "received", _("税后所得")


class Why(models.TextChoices):
    """Why a reward is not halved."""

    NOT_REGISTERED = "not_registered", _("合同没有认定登记")
    NOT_A_UNIT = "not_a_unit", _("支付单位不是非营利性科研机构或高校")
    TOO_LATE = "too_late", _("超过取得转化收入后的期限")
    NOT_EMPLOYED = "not_employed", _("不是本单位人员，不按工资薪金计税")
    NO_RULE = "no_rule", _("支付时没有这项优惠")


@dataclass(frozen=True)
class Wages:
    """What payroll knows of the person this year, before the reward; of this employer, the month of payment included."""

    income: int = 0
    months: int = 1  # of employment this year, for the standard deduction
    deductions: int = 0  # social insurance, housing fund, special additional deductions


@dataclass(frozen=True)
class Person:
    """Who is taxed."""

    residence: Residence = Residence.RESIDENT
    bond: Bond = Bond.EMPLOYEE
    wages: Wages | None = Wages()  # None: not known
    as_bonus: bool = False  # a non-resident's bonus for several months, which may be taxed apart from wages once a year


@dataclass(frozen=True)
class TaxLine:
    step: TaxStep
    amount: int
    rate: Fraction | None = None
    bases: tuple[Basis, ...] = ()

    @property
    def named_bases(self) -> list[Basis]:
        """Each article once, however many of its figures are used."""
        return list({(basis.instrument, basis.article): basis for basis in self.bases}.values())


@dataclass(frozen=True)
class TaxEstimate:
    """How much of a reward tax is likely to take, and how that was found."""

    lines: tuple[TaxLine, ...]
    is_halved: bool
    why_not: Why | None = None
    assumes_no_wages: bool = False  # the wages are not known: the estimate is of the reward alone

    @property
    def tax(self) -> int:
        return next(line.amount for line in self.lines if line.step == TaxStep.WITHHELD)

    @property
    def unconfirmed(self) -> tuple[Basis, ...]:
        return tuple(dict.fromkeys(b for line in self.lines for b in line.bases if not b.is_confirmed))


def cash_reward(
    person: Person,
    reward: int,
    rules: Rulebook,
    *,
    paid_on: date,
    income_on: date,
    is_registered: bool,
    payer: OwnerKind = OwnerKind.STATE_UNIT,
    jurisdiction: str = "CN",
) -> TaxEstimate:
    """Tax on a cash reward of one person. A clawback is for payroll to settle, so amounts are not below 0."""
    if reward < 0:
        raise BadInput(
            _("收回的奖励由单位薪酬部门更正申报，不在此估算。请填写 0 或正数，例如 658,000.00。"), field="reward"
        )
    if person.wages and (
        not 1 <= person.wages.months <= MONTHS or min(person.wages.income, person.wages.deductions) < 0
    ):
        raise BadInput(_("工资信息有误：任职月数 1 至 12，收入与扣除不为负，例如 11 个月。"), field="wages")
    part, halving, why = _counted_part(person, rules, paid_on, income_on, is_registered, payer, jurisdiction)
    counted = half_up(reward * part)
    top = (
        TaxLine(TaxStep.REWARD, reward),
        TaxLine(TaxStep.COUNTED, counted, part, halving),
    )
    if person.bond == Bond.OUTSIDE:
        steps = _outside_work(person, counted, rules, paid_on, jurisdiction)
    elif person.residence == Residence.NON_RESIDENT and person.as_bonus:
        steps = _spread(counted, rules, paid_on, jurisdiction)
    elif person.residence == Residence.NON_RESIDENT:
        steps = _by_month(person.wages or Wages(), counted, rules, "tax.wages.non_resident", paid_on, jurisdiction)
    else:
        method = rules.find("tax.wages.method", paid_on, jurisdiction)
        how = _cumulative if method.value == "cumulative" else _monthly
        steps = how(person.wages or Wages(), counted, rules, paid_on, jurisdiction)
        top = (*top[:1], replace(top[1], bases=(*halving, method.basis)))
    tax = next(line.amount for line in steps if line.step == TaxStep.WITHHELD)
    lines = (*top, *steps, TaxLine(TaxStep.RECEIVED, reward - tax))
    return TaxEstimate(lines, is_halved=why is None, why_not=why, assumes_no_wages=person.wages is None)


def _counted_part(
    person: Person,
    rules: Rulebook,
    paid_on: date,
    income_on: date,
    is_registered: bool,
    payer: OwnerKind,
    jurisdiction: str,
) -> tuple[Fraction, tuple[Basis, ...], Why | None]:
    """The part of the reward that counts: the half within the window, if the contract is registered."""
    part = rules.seek("tax.cash_reward.taxed_part", paid_on, jurisdiction)
    window = rules.seek("tax.cash_reward.window_months", paid_on, jurisdiction)
    whole = Fraction(1)
    if part is None or window is None:
        return whole, (), Why.NO_RULE
    bases = (part.basis, window.basis)
    if person.bond == Bond.OUTSIDE:
        return whole, bases, Why.NOT_EMPLOYED
    if payer != OwnerKind.STATE_UNIT:
        return whole, bases, Why.NOT_A_UNIT
    if not is_registered:
        return whole, bases, Why.NOT_REGISTERED
    if paid_on > _months_after(income_on, window.value):
        return whole, bases, Why.TOO_LATE
    return Fraction(part.value, BASIS_POINTS), bases, None


def _months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    from calendar import monthrange

    year, month = divmod(day.year * MONTHS + day.month - 1 + months, MONTHS)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def tax_by_table(taxable: int, table: Sequence[Mapping[str, int]]) -> int:
    return half_up(_by_table(Fraction(taxable), table))


def _by_table(taxable: Fraction, table: Sequence[Mapping[str, int]]) -> Fraction:
    """By brackets: each part of the amount by its own rate, so that no quick deduction can be wrong."""
    tax, below = Fraction(0), 0
    for bracket in table:
        upto = bracket.get("upto_fen")
        inside = (taxable if upto is None else min(taxable, Fraction(upto))) - below
        if inside <= 0:
            break
        tax += inside * Fraction(bracket["rate"], BASIS_POINTS)
        below = upto or below
    return tax


def _with_and_without(before: int, counted: int, table: Rule, allowance: Rule) -> tuple[TaxLine, ...]:
    """`before` may be below 0: deductions that the wages left unused still shelter the reward."""
    cited = (table.basis, allowance.basis)
    without, whole = tax_by_table(max(0, before), table.value), tax_by_table(max(0, before + counted), table.value)
    return (
        TaxLine(TaxStep.BEFORE, max(0, before), bases=(allowance.basis,)),
        TaxLine(TaxStep.BEFORE_TAX, without, bases=(table.basis,)),
        TaxLine(TaxStep.TAXABLE, max(0, before + counted), bases=(allowance.basis,)),
        TaxLine(TaxStep.TAX, whole, bases=(table.basis,)),
        TaxLine(TaxStep.WITHHELD, whole - without, bases=cited),
    )


def _cumulative(wages: Wages, counted: int, rules: Rulebook, on: date, where: str) -> tuple[TaxLine, ...]:
    """Residents: the year's income so far, with and without the reward."""
    table, allowance = rules.find("tax.wages.year", on, where), rules.find("tax.wages.allowance", on, where)
    before = wages.income - wages.deductions - allowance.value * wages.months
    return _with_and_without(before, counted, table, allowance)


def _monthly(wages: Wages, counted: int, rules: Rulebook, on: date, where: str) -> tuple[TaxLine, ...]:
    """Residents before the year was taxed as a whole: the month's wages with and without the reward."""
    return _by_month(wages, counted, rules, "tax.wages.month", on, where)


def _by_month(wages: Wages, counted: int, rules: Rulebook, key: str, on: date, where: str) -> tuple[TaxLine, ...]:
    table, allowance = rules.find(key, on, where), rules.find("tax.wages.allowance", on, where)
    income, deductions = Fraction(wages.income, wages.months), Fraction(wages.deductions, wages.months)
    return _with_and_without(half_up(income - deductions) - allowance.value, counted, table, allowance)


def _spread(counted: int, rules: Rulebook, on: date, where: str) -> tuple[TaxLine, ...]:
    """A non-resident's bonus for several months: each month's part by the monthly table, nothing deducted."""
    months = rules.find("tax.non_resident.bonus_months", on, where)
    table = rules.find("tax.wages.non_resident", on, where)
    part = Fraction(counted, months.value)
    tax = half_up(_by_table(part, table.value) * months.value)
    return (
        TaxLine(TaxStep.TAXABLE, half_up(part), Fraction(1, months.value), (months.basis,)),
        TaxLine(TaxStep.WITHHELD, tax, bases=(table.basis, months.basis)),
    )


def _outside_work(person: Person, counted: int, rules: Rulebook, on: date, where: str) -> tuple[TaxLine, ...]:
    """Pay for work by whoever is not employed: less a fixed sum or a fifth, then a table of its own."""
    less = rules.find("tax.outside_work.costs", on, where)
    small = counted <= less.value["upto_fen"] and person.residence == Residence.RESIDENT
    costs = (
        min(counted, less.value["fixed_fen"])
        if small
        else half_up(Fraction(counted * less.value["part"], BASIS_POINTS))
    )
    key = "tax.outside_work.table" if person.residence == Residence.RESIDENT else "tax.wages.non_resident"
    table = rules.find(key, on, where)
    return (
        TaxLine(TaxStep.COSTS, costs, bases=(less.basis,)),
        TaxLine(TaxStep.TAXABLE, counted - costs, bases=(less.basis,)),
        TaxLine(TaxStep.WITHHELD, tax_by_table(counted - costs, table.value), bases=(table.basis,)),
    )


# --- shares ------------------------------------------------------------------------------------------------------------------


def shares_granted(value: int, rules: Rulebook, *, on: date, jurisdiction: str = "CN") -> TaxEstimate:
    """Shares that a unit gives from its own: not taxed when they are given, but when they pay or are sold."""
    rule = rules.find("tax.shares.taxed_when_granted", on, jurisdiction)
    if rule.value:
        raise BadInput(_("现行规则对授予股份征税，请由单位薪酬部门计算。"), field="rules")
    return _simple(value, 0, Fraction(0), (rule.basis,))


def technology_contributed(
    value: int,
    original: int,
    taxes: int,
    rules: Rulebook,
    *,
    on: date,
    defers: bool,
    only_shares: bool,
    jurisdiction: str = "CN",
) -> TaxEstimate:
    """Ownership of one's own put into a company: taxed at once, or, if one chooses so and got shares only, at the sale."""
    _refuse_negative(value, original, taxes)
    rule = rules.find("tax.shares.deferral", on, jurisdiction)
    gain = rules.find("tax.gain.rate", on, jurisdiction)
    if defers and rule.value["only_shares"] and not only_shares:
        raise BadInput(
            _("被投资企业支付的对价须全部为股份，才能选择递延纳税（%(where)s）。") % {"where": rule.basis.instrument},
            field="only_shares",
        )
    if defers:
        return _simple(value, 0, Fraction(0), (rule.basis,))
    return _simple(value, max(0, value - original - taxes), Fraction(gain.value, BASIS_POINTS), (gain.basis,))


def dividend(amount: int, rules: Rulebook, *, on: date, jurisdiction: str = "CN") -> TaxEstimate:
    rule = rules.find("tax.dividend.rate", on, jurisdiction)
    _refuse_negative(amount)
    return _simple(amount, amount, Fraction(rule.value, BASIS_POINTS), (rule.basis,))


def shares_sold(
    price: int, original: int, taxes: int, rules: Rulebook, *, on: date, jurisdiction: str = "CN"
) -> TaxEstimate:
    """Price less what they cost (nothing, where they were a reward; the technology's cost, where the tax was deferred)."""
    rule = rules.find("tax.gain.rate", on, jurisdiction)
    _refuse_negative(price, original, taxes)
    return _simple(price, max(0, price - original - taxes), Fraction(rule.value, BASIS_POINTS), (rule.basis,))


def _simple(amount: int, taxable: int, rate: Fraction, bases: tuple[Basis, ...]) -> TaxEstimate:
    tax = half_up(taxable * rate)
    return TaxEstimate(
        (
            TaxLine(TaxStep.REWARD, amount),
            TaxLine(TaxStep.TAXABLE, taxable, bases=bases),
            TaxLine(TaxStep.WITHHELD, tax, rate, bases),
            TaxLine(TaxStep.RECEIVED, amount - tax),
        ),
        is_halved=False,
    )


def _refuse_negative(*amounts: int) -> None:
    if min(amounts) < 0:
        raise BadInput(_("金额须为 0 或正数，例如 658,000.00。"), field="amount")


# --- what an institution or firm owes ----------------------------------------------------------------------------------------


def transfer_gain(gain: int, gain_before: int, rules: Rulebook, *, on: date, jurisdiction: str = "CN") -> TaxEstimate:
    """A resident firm's income tax on transfer gains: free up to a sum a year, the excess by half."""
    _refuse_negative(gain, gain_before)
    rule, rate = (
        rules.find("tax.income.technology_transfer", on, jurisdiction),
        rules.find("tax.income.rate", on, jurisdiction),
    )
    free = rule.value["exempt_fen"]
    above = max(0, gain_before + gain - free) - max(0, gain_before - free)
    return _simple(
        gain,
        half_up(Fraction(above * rule.value["above"], BASIS_POINTS)),
        Fraction(rate.value, BASIS_POINTS),
        (rule.basis, rate.basis),
    )


def stamp_duty(amount: int, rules: Rulebook, *, on: date, jurisdiction: str = "CN") -> TaxEstimate:
    """Of each party, on the amount of a technology contract."""
    _refuse_negative(amount)
    rule = rules.find("tax.stamp.technology_contract", on, jurisdiction)
    return _simple(amount, amount, Fraction(rule.value, 1_000_000), (rule.basis,))


def least_patent_bonus(kind: str, rules: Rulebook, *, granted_on: date, jurisdiction: str = "CN") -> tuple[int, Basis]:
    """What a firm owes its inventors for a granted patent when nothing is agreed."""
    rule = rules.find(f"bonus.patent.{'invention' if kind == 'invention' else 'other'}", granted_on, jurisdiction)
    return rule.value, rule.basis
