"""Whatever the deal: it adds up to the last fen, no floor is broken, instalments end where one payment would."""

from collections import Counter
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keqiao.deals.rulebook import rules_that_ship
from keqiao.deals.types import (
    LEAVES,
    Achievement,
    Broker,
    Charge,
    ChargeKind,
    Choice,
    EquityAs,
    Mode,
    Owner,
    OwnerKind,
    OwnRule,
    Part,
    PartKind,
    Receipt,
    ReceiptKind,
    Role,
    Share,
    Stake,
    Step,
    Terms,
)
from keqiao.deals.waterfall import distribute, holdings_of

RULES = rules_that_ship()
SIGNED, PAID = date(2022, 3, 1), date(2023, 5, 1)
FLOORS = {"CN": 5000, "CN-SH": 5000, "CN-BJ": 5000, "CN-ZJ": 7000}
MAIN_FLOORS = {"CN": 5000, "CN-SH": 5000, "CN-BJ": 5000, "CN-ZJ": 7000}
STAFF_FLOORS = {"CN-ZJ": 500}
PAID_BY = (Mode.TRANSFER, Mode.LICENCE, Mode.DEVELOPMENT, Mode.CONSULTING, Mode.SERVICE)
COSTS = [kind for kind in ChargeKind if kind != ChargeKind.BROKER]


def wholes(most):
    """Fractions that make the whole, in all sorts of denominators."""
    numbers = st.lists(st.integers(1, 997), min_size=1, max_size=most)
    return numbers.map(lambda ns: [Fraction(n, sum(ns)) for n in ns])


@st.composite
def own_rules(draw, where):
    floor = Fraction(FLOORS[where], 10_000)
    reward = draw(st.fractions(floor, 1, max_denominator=1000))
    parts = draw(wholes(3)) if reward < 1 else []
    staff = draw(st.sampled_from([Fraction(0), Fraction(5, 100), Fraction(1, 7)]))
    return OwnRule(
        "办法", "第一条", date(2020, 1, 1), reward,
        tuple(Part(f"part{n}", PartKind.UNIT, part * (1 - reward)) for n, part in enumerate(parts)),
        staff, tuple(Share(f"s{n}", part) for n, part in enumerate(draw(wholes(2)))),
    )  # fmt: skip


@st.composite
def teams(draw, where, prefix):
    parts = draw(wholes(6))
    team = [Share(f"{prefix}{n}", part) for n, part in enumerate(parts)]
    if len(team) > 1 and team[-1].part < Fraction(1, 10):  # mains keep what the law gives them
        team[-1] = replace(team[-1], role=Role.OTHER)
    return tuple(team)


@st.composite
def deals(draw, modes=PAID_BY):
    owners, stakes = [], []
    for n, fraction in enumerate(draw(wholes(3))):
        where = draw(st.sampled_from(sorted(FLOORS)))
        rule = draw(st.none() | own_rules(where))
        owners.append(Owner(f"u{n}", OwnerKind.STATE_UNIT, where, rule))
        stakes.append((f"u{n}", fraction))
    achievements = []
    for n, weight in enumerate(draw(wholes(3))):
        of = [Stake(owner, fraction, draw(teams("CN", f"{owner}a{n}p"))) for owner, fraction in stakes]
        if draw(st.booleans()):
            person = f"own{n}"
            kept = of[0].fraction / 3
            owners.append(
                Owner(person, OwnerKind.PERSON, "CN", None, of[0].owner, draw(st.sampled_from(list(Choice)[:2])))
            )
            of = [replace(of[0], fraction=of[0].fraction - kept), *of[1:], Stake(person, kept)]
        achievements.append(Achievement(f"a{n}", weight, tuple(of)))
    return Terms(
        draw(st.sampled_from(modes)), SIGNED, tuple(achievements), tuple(owners),
        registered_on=draw(st.sampled_from([None, date(2022, 4, 1)])),
        broker=draw(st.none() | st.builds(Broker, st.just("b"), st.fractions(Fraction(1, 100), Fraction(1, 10)), st.booleans())),
    )  # fmt: skip


def payments(currency="CNY"):
    charges = st.lists(
        st.builds(Charge, st.sampled_from(COSTS), st.integers(0, 10**6), is_public_money=st.just(False)), max_size=3
    )
    rate = st.none() if currency == "CNY" else st.decimals("0.01", "20", places=4)
    one = st.builds(
        Receipt, st.just(""), st.just(PAID), st.integers(1, 10**9), st.just(ReceiptKind.PAYMENT), st.just(currency), rate,
        charges=charges.map(tuple),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=4).map(lambda rs: [replace(r, key=str(n)) for n, r in enumerate(rs)])


def sheets_of(terms, receipts):
    return [distribute(terms, receipts[: n + 1], RULES) for n in range(len(receipts))]


def back(receipt):
    return replace(
        receipt,
        key=f"back{receipt.key}",
        amount=-receipt.amount,
        charges=tuple(replace(charge, amount=-charge.amount) for charge in receipt.charges),
    )


def assert_flows_add_up(sheet):
    """Every line that is divided equals what is taken from it; the leaves equal the receipt."""
    below = Counter()
    for line in sheet.lines:
        if line.source and line.step != Step.BORNE:
            below[line.source] += line.amount
    divided = {line.key: line.amount for line in sheet.lines if line.step not in LEAVES | {Step.BORNE}}
    assert {key: below[key] for key in divided} == divided
    assert sum(line.amount for line in sheet.leaves) == sheet.gross


def assert_floors_hold(terms, sheet):
    due = {line.key: line.due for line in sheet.lines}
    for owner in terms.owners:
        for achievement in terms.achievements if owner.kind == OwnerKind.STATE_UNIT else ():
            net = due[f"net||{achievement.key}|{owner.key}|"]
            reward = due.get(f"reward||{achievement.key}|{owner.key}|", 0)
            assert reward * 10_000 >= net * FLOORS[owner.jurisdiction]
            mine = [line for line in sheet.lines if (line.achievement, line.owner) == (achievement.key, owner.key)]
            main = sum(line.due for line in mine if line.step == Step.CONTRIBUTOR and line.label == Role.MAIN)
            staff = sum(line.due for line in mine if line.step == Step.STAFF)
            assert main * 10_000 >= reward * MAIN_FLOORS[owner.jurisdiction]
            assert (staff + 1) * 10_000 > reward * STAFF_FLOORS.get(owner.jurisdiction, 0)


def check_any_deal(terms, receipts):
    sheets = sheets_of(terms, receipts)
    totals = Counter()
    for sheet in sheets:
        assert_flows_add_up(sheet)
        assert_floors_hold(terms, sheet)
        totals.update({line.key: line.amount for line in sheet.lines})
    charges = tuple(charge for receipt in receipts for charge in receipt.charges)
    if any(c.kind == ChargeKind.VAT for c in charges):
        return  # VAT stated for some receipts and computed for others is not one step
    whole = replace(receipts[0], amount=sum(receipt.amount for receipt in receipts), charges=charges)
    at_once = {line.key: line.amount for line in distribute(terms, [whole], RULES).lines}
    if whole.rate is None:
        assert totals == at_once
        return
    leaves = [line.key for line in sheets[-1].leaves]  # each instalment in foreign money is converted by itself
    assert max(abs(totals[key] - at_once[key]) for key in leaves) <= len(receipts)


def at_one_rate(receipts):
    return [replace(receipt, rate=receipts[0].rate) for receipt in receipts]


def check_reversal(terms, receipts):
    sheets = sheets_of(terms, [*receipts, *map(back, receipts)])
    totals = Counter()
    for sheet in sheets:
        assert_flows_add_up(sheet)
        totals.update({line.key: line.amount for line in sheet.lines})
    assert not any(totals.values())


@settings(max_examples=25, deadline=None)
@given(deals([Mode.TRANSFER]), st.integers(1, 10**9))
def test_each_contributor_gets_the_product_of_the_parts_to_a_few_fen(terms, amount):
    """Worked out in one line of exact fractions, with no step of the waterfall."""
    terms = replace(terms, broker=None, registered_on=date(2022, 4, 1))
    due = {line.key: line.due for line in distribute(terms, [Receipt("r", PAID, amount)], RULES).lines}
    for achievement in terms.achievements:
        given_up = {
            terms.owner(stake.owner).assigned_by: stake.fraction
            for stake in achievement.stakes
            if terms.owner(stake.owner).choice == Choice.REWARD
        }
        for stake in achievement.stakes:
            owner = terms.owner(stake.owner)
            fraction = stake.fraction + given_up.get(owner.key, 0)
            reward = owner.rule.reward if owner.rule else Fraction(FLOORS[owner.jurisdiction], 10_000)
            staff = (owner.rule and owner.rule.transfer_staff) or Fraction(
                STAFF_FLOORS.get(owner.jurisdiction, 0), 10_000
            )
            for share in stake.team:
                exact = amount * achievement.weight * fraction * reward * (1 - staff) * share.part
                key = f"contributor|{share.role}|{achievement.key}|{owner.key}|{share.person}"
                assert abs(due[key] - exact) < 4


@settings(max_examples=25, deadline=None)
@given(deals(), payments())
def test_a_deal_adds_up_keeps_the_floors_and_ends_where_one_payment_would(terms, receipts):
    check_any_deal(terms, receipts)


@settings(max_examples=25, deadline=None)
@given(deals(), st.sampled_from(["CNY", "USD", "JPY"]).flatmap(payments))
def test_taking_everything_back_leaves_nothing_in_any_currency(terms, receipts):
    check_reversal(terms, receipts)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(deals(), payments())
def test_a_thousand_deals_add_up(terms, receipts):
    check_any_deal(terms, receipts)


@pytest.mark.slow
@settings(max_examples=700, deadline=None)
@given(deals(), payments("USD").map(at_one_rate))
def test_a_thousand_deals_in_foreign_money_end_within_a_fen_an_instalment(terms, receipts):
    check_any_deal(terms, receipts)


@pytest.mark.slow
@settings(max_examples=700, deadline=None)
@given(deals(), st.sampled_from(["CNY", "USD", "JPY"]).flatmap(payments))
def test_a_thousand_deals_are_taken_back(terms, receipts):
    check_reversal(terms, receipts)


@settings(max_examples=12, deadline=None)
@given(deals([Mode.EQUITY]), st.integers(1, 10**9), st.lists(st.integers(1, 10**9), min_size=1, max_size=3))
def test_shares_and_what_they_bring_later_add_up(terms, count, amounts):
    terms, shares = replace(terms, broker=None), Receipt("s", PAID, count, ReceiptKind.SHARES)
    granted = distribute(terms, [shares], RULES)
    assert_flows_add_up(granted)
    held = replace(terms, holdings=holdings_of(granted))
    assert sum(holding.shares for holding in held.holdings) == count
    for as_what in (held, replace(terms, equity_as=EquityAs.PROCEEDS)):
        receipts = [shares, *(Receipt(str(n), PAID, amount, ReceiptKind.DIVIDEND) for n, amount in enumerate(amounts))]
        for sheet in sheets_of(as_what, receipts):
            assert_flows_add_up(sheet)


@settings(max_examples=12, deadline=None)
@given(deals([Mode.IMPLEMENTATION]), st.lists(st.integers(-(10**9), 10**9).filter(bool), min_size=1, max_size=4))
def test_profits_of_a_year_add_up_and_losses_give_nobody_a_debt(terms, amounts):
    terms = replace(
        terms, produced_on=date(2022, 4, 1), first_profitable_year=2022, broker=None,
        owners=tuple(replace(owner, rule=owner.rule and replace(owner.rule, profit_years=5)) for owner in terms.owners),
    )  # fmt: skip
    receipts = [Receipt(str(n), PAID, amount, ReceiptKind.PROFIT, year=2022) for n, amount in enumerate(amounts)]
    for sheet in sheets_of(terms, receipts):
        assert_flows_add_up(sheet)
        assert all(line.due >= 0 for line in sheet.lines)
