from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from keqiao.deals.rulebook import rules_that_ship
from keqiao.deals.types import (
    Achievement,
    Broker,
    Charge,
    ChargeKind,
    Mode,
    Note,
    Owner,
    OwnerKind,
    OwnRule,
    Part,
    PartKind,
    Receipt,
    Share,
    Stake,
    Step,
    Terms,
)
from keqiao.deals.waterfall import distribute

RULES = rules_that_ship()
DAY = date(2025, 8, 14)
OWN_RULE = OwnRule(
    "东屏工业大学成果转化收益分配办法",
    "第十一条",
    date(2023, 6, 1),
    Fraction(70, 100),
    (
        Part("college", PartKind.UNIT, Fraction(15, 100)),
        Part("school", PartKind.SCHOOL, Fraction(10, 100)),
        Part("fund", PartKind.FUND, Fraction(5, 100)),
    ),
)
TEAM = (Share("p1", Fraction(5, 10)), Share("p2", Fraction(3, 10)), Share("p3", Fraction(2, 10)))


def make_terms(**fields):
    owner = fields.pop("owner", Owner("u", OwnerKind.STATE_UNIT, "CN-SH", fields.pop("rule", OWN_RULE)))
    stakes = (Stake("u", Fraction(1), fields.pop("team", TEAM)),)
    base = {
        "mode": Mode.LICENCE,
        "signed_on": DAY,
        "achievements": (Achievement("a", Fraction(1), stakes),),
        "owners": (owner,),
        "registered_on": date(2025, 8, 27),
    }
    return Terms(**{**base, **fields})


def test_first_payment_of_a_licence_is_divided_as_the_agreed_plan_says():
    charges = (Charge(ChargeKind.VENUE, 2_000_000), Charge(ChargeKind.OTHER, 4_000_000))
    receipt = Receipt("r1", date(2025, 11, 16), 200_000_000, charges=charges)
    sheet = distribute(make_terms(broker=Broker("b", Fraction(3, 100), is_cost=True)), [receipt], RULES)
    assert sheet.totals() == {
        "vat": 0,
        "venue": 2_000_000,
        "broker": 6_000_000,
        "other": 4_000_000,
        "p1": 65_800_000,
        "p2": 39_480_000,
        "p3": 26_320_000,
        "college": 28_200_000,
        "school": 18_800_000,
        "fund": 9_400_000,
    }


@pytest.mark.parametrize("amounts", [[100_003], [33_334, 33_335, 33_334], [100_000, 3], [150_000, -49_997]])
def test_instalments_and_refunds_end_where_one_payment_would(amounts):
    receipts = [Receipt(str(n), DAY, amount) for n, amount in enumerate(amounts)]
    sheets = [distribute(make_terms(), receipts[: n + 1], RULES) for n in range(len(receipts))]
    totals = {}
    for sheet in sheets:
        assert sum(line.amount for line in sheet.leaves) == sheet.gross
        for payee, amount in sheet.totals().items():
            totals[payee] = totals.get(payee, 0) + amount
    assert totals == distribute(make_terms(), [Receipt("whole", DAY, sum(amounts))], RULES).totals()


def test_a_foreign_receipt_says_at_which_rate_of_which_day_it_was_taken():
    receipt = Receipt("r1", DAY, 10_000, currency="USD", rate=Decimal("7.1234"), rate_source="CFETS")
    top = distribute(make_terms(), [receipt], RULES).lines[0]
    basis = next(basis for basis in top.bases if basis.source)
    assert (top.amount, basis.article, basis.source, basis.since) == (71_234, "USD 7.1234", "CFETS", DAY)


def test_a_commission_waits_for_what_the_unit_keeps():
    terms = make_terms(broker=Broker("b", Fraction(35, 100)))
    line = next(line for line in distribute(terms, [Receipt("r", DAY, 100_000)], RULES).lines if line.payee == "b")
    assert (line.amount, line.note) == (30_000, Note.LIMITED)


def test_unconfirmed_rules_are_named_once_on_every_sheet_that_uses_them():
    sheet = distribute(make_terms(), [Receipt("r", DAY, 100_000)], RULES)
    assert [basis.key for basis in sheet.unconfirmed] == [
        "tax.vat.technology_transfer",
        "reward.least_share_of_main_contributors",
    ]
    assert {line.step for line in sheet.lines if not line.is_confirmed} == {Step.TAX, Step.CONTRIBUTOR}


def test_public_money_is_no_cost_of_a_completer_with_assigned_ownership_either():
    stakes = (Stake("p1", Fraction(7, 10)), Stake("u", Fraction(3, 10)))
    owners = (
        Owner("u", OwnerKind.STATE_UNIT, "CN-ZJ"),
        Owner("p1", OwnerKind.PERSON, "CN", assigned_by="u"),
    )
    terms = make_terms(owners=owners, achievements=(Achievement("a", Fraction(1), stakes),))
    charges = (Charge(ChargeKind.RESEARCH, 10_000, is_public_money=True),)
    totals = distribute(terms, [Receipt("r", DAY, 100_000, charges=charges)], RULES).totals()
    assert totals == {"vat": 0, "p1": 70_000, "u": 30_000}
