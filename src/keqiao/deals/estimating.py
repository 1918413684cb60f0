"""What tax is likely to take of somebody's part of a distribution. Nothing is kept: wages are typed, used, forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from keqiao.deals import tax
from keqiao.deals.computing import STATE_UNITS
from keqiao.deals.models import Confirmation, Distribution
from keqiao.deals.rulebook import rules_in_force
from keqiao.deals.types import SHARES, OwnerKind, ReceiptKind, Rulebook
from keqiao.parties import selectors as parties


@dataclass(frozen=True)
class Estimator:
    """Estimates for the people of one distribution, as of a day."""

    distribution: Distribution
    rules: Rulebook
    employees: frozenset[int]
    on: date

    def cash(self, person_id: int, amount: int, asked: tax.Person) -> tax.TaxEstimate:
        """Of a cash reward; whether somebody is employed here comes from their posts."""
        deal, receipt = self.distribution.deal, self.distribution.receipt
        bond = tax.Bond.EMPLOYEE if person_id in self.employees else tax.Bond.OUTSIDE
        return tax.cash_reward(
            replace(asked, bond=bond), amount, self.rules, paid_on=self.on, income_on=receipt.received_on,
            is_registered=deal.registered_on is not None and deal.registered_on <= self.on,
            payer=OwnerKind.STATE_UNIT if self.distribution.organisation.kind in STATE_UNITS else OwnerKind.ENTERPRISE,
            jurisdiction=deal.jurisdiction,
        )  # fmt: skip


def estimator(distribution: Distribution, person_ids: Iterable[int], *, on: date) -> Estimator:
    homes = parties.merged_into({distribution.organisation_id})
    employed = {person for person, home in parties.tenures(person_ids, homes, since=on) if home in homes}
    return Estimator(distribution, rules_in_force(), frozenset(employed), on)


def own_estimate(mine: Confirmation, asked: tax.Person, *, on: date) -> tax.TaxEstimate:
    """Of one's own part: cash, shares, or what shares bring. The part is 0 or more."""
    found = mine.distribution
    of = estimator(found, [mine.person_id], on=on)
    where, day = found.deal.jurisdiction, found.receipt.received_on
    if found.unit == SHARES:
        return tax.shares_granted(mine.amount, of.rules, on=day, jurisdiction=where)
    if found.receipt.kind == ReceiptKind.DIVIDEND:
        return tax.dividend(mine.amount, of.rules, on=on, jurisdiction=where)
    if found.receipt.kind == ReceiptKind.EXIT:
        return tax.shares_sold(mine.amount, 0, 0, of.rules, on=on, jurisdiction=where)
    return of.cash(mine.person_id, mine.amount, asked)
