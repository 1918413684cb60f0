"""What tax is likely to take of somebody's part of a distribution. Nothing is kept: wages are typed, used, forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from django.utils.translation import gettext_lazy as _

from keqiao.deals import tax
from keqiao.deals.models import Confirmation, Distribution
from keqiao.deals.rulebook import rules_in_force
from keqiao.deals.selectors import STATE_UNITS, law_for
from keqiao.deals.types import SHARES, OwnerKind, ReceiptKind, Rulebook, Step
from keqiao.kernel import clock
from keqiao.parties import selectors as parties

CASH = frozenset({ReceiptKind.PAYMENT, ReceiptKind.PROFIT})
TAXED = frozenset({"CNY", SHARES})
NOT_ESTIMATED = _("收回的奖励、外币收益和所有权份额收益由单位薪酬部门申报，这里不估算。")


@dataclass(frozen=True)
class Estimator:
    """Estimates for the people of one distribution, as of a day."""

    distribution: Distribution
    rules: Rulebook
    employees: frozenset[int]
    on: date
    jurisdiction: str

    def cash(self, person_id: int, amount: int, asked: tax.Person) -> tax.TaxEstimate:
        """Of a cash reward; whether somebody is employed here comes from their posts."""
        deal, receipt = self.distribution.deal, self.distribution.receipt
        bond = tax.Bond.EMPLOYEE if person_id in self.employees else tax.Bond.OUTSIDE
        return tax.cash_reward(
            replace(asked, bond=bond), amount, self.rules, paid_on=self.on, income_on=receipt.received_on,
            is_registered=deal.registered_on is not None and deal.registered_on <= self.on,
            payer=OwnerKind.STATE_UNIT if self.distribution.organisation.kind in STATE_UNITS else OwnerKind.ENTERPRISE,
            jurisdiction=self.jurisdiction,
        )  # fmt: skip


def estimator(distribution: Distribution, person_ids: Iterable[int], *, on: date) -> Estimator:
    homes = parties.merged_into({distribution.organisation_id})
    employed = {person for person, home in parties.tenures(person_ids, homes, since=on) if home in homes}
    law = law_for(distribution.deal, distribution.organisation_id)
    return Estimator(distribution, rules_in_force(), frozenset(employed), on, law)


def is_estimated(mine: Confirmation) -> bool:
    """What is taken back, foreign money, and income from ownership, payroll alone declares."""
    if mine.distribution.lines.filter(person_id=mine.person_id, step=Step.OWNER).exists():
        return False  # income from property, not a reward
    return mine.amount >= 0 and mine.distribution.unit in TAXED


def asks_wages(mine: Confirmation) -> bool:
    return is_estimated(mine) and mine.distribution.unit != SHARES and mine.distribution.receipt.kind in CASH


def paid_or_today(mine: Confirmation) -> date:
    payment = next(iter(mine.distribution.own_payments), None)  # type: ignore[attr-defined]  # the selector's prefetch
    return (payment and payment.paid_on) or clock.machine_today()


def own_estimate(mine: Confirmation, asked: tax.Person) -> tax.TaxEstimate | None:
    """Of one's own part: cash, shares, or what shares bring; as of the day of payment, or of today."""
    found, on = mine.distribution, paid_or_today(mine)
    if not is_estimated(mine):
        return None
    of = estimator(found, [mine.person_id], on=on)
    where, day = of.jurisdiction, found.receipt.received_on
    if found.unit == SHARES:
        return tax.shares_granted(mine.amount, of.rules, on=day, jurisdiction=where)
    if found.receipt.kind == ReceiptKind.DIVIDEND:
        return tax.dividend(mine.amount, of.rules, on=on, jurisdiction=where)
    if found.receipt.kind == ReceiptKind.EXIT:
        return tax.shares_sold(mine.amount, 0, 0, of.rules, on=on, jurisdiction=where)
    return of.cash(mine.person_id, mine.amount, asked)
