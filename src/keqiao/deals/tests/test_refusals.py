from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from keqiao.deals import tax
from keqiao.deals.rulebook import rules_that_ship
from keqiao.deals.tests.test_waterfall import DAY, OWN_RULE, RULES, TEAM, make_terms
from keqiao.deals.types import (
    Achievement,
    Broker,
    Charge,
    ChargeKind,
    Choice,
    Mode,
    NoSuchRule,
    Owner,
    OwnerKind,
    Receipt,
    ReceiptKind,
    Share,
    Stake,
)
from keqiao.deals.waterfall import distribute
from keqiao.kernel.errors import BadInput

PAYMENT = Receipt("r1", DAY, 100_000)
UNIT = Owner("u", OwnerKind.STATE_UNIT, "CN", None)
HALF = Fraction(1, 2)


def stakes(*given):
    return {"achievements": (Achievement("a", Fraction(1), given),)}


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"team": (Share("p1", HALF), Share("p2", Fraction(4999, 10_000)))}, "stakes.team", "99.99%"),
        ({"team": (Share("p1", HALF), Share("p1", HALF))}, "stakes.team", "“p1”出现了两次"),
        ({"team": (Share("p1", Fraction(3, 2)), Share("p2", -HALF))}, "stakes.team", "须大于 0"),
        ({"team": ()}, "stakes.team", "请填写“u”一方的完成人"),
        (stakes(Stake("u", HALF, TEAM)), "stakes", "权属份额合计为 50%"),
        (stakes(Stake("u", HALF, TEAM), Stake("u", HALF, TEAM)), "stakes", "“u”出现了两次"),
        (stakes(Stake("u", HALF, TEAM), Stake("x", HALF, TEAM)), "stakes", "“x”"),
        ({"achievements": ()}, "achievements", "合计为 0%"),
        ({"currency": "XYZ"}, "currency", "没有币种“XYZ”"),
        ({"registered_on": date(2025, 8, 13)}, "registered_on", "早于签订日期"),
        ({"broker": Broker("b", Fraction(-1, 10))}, "broker.rate", "佣金比例"),
        ({"broker": Broker("b", Fraction(1, 10)), "mode": Mode.EQUITY}, "broker", "登记为费用"),
        ({"rule": replace(OWN_RULE, published_on=None)}, "owners.rule.published_on", "第四十四条"),
        ({"rule": replace(OWN_RULE, reward=Fraction(71, 100))}, "owners.rule.parts", "合计为 101%"),
        ({"rule": replace(OWN_RULE, reward=Fraction(7))}, "owners.rule.reward", "奖励比例"),
        ({"rule": replace(OWN_RULE, reward=Fraction(4999, 10_000))}, "owners.rule.reward", "第四十五条第一款（一）"),
        ({"staff": (Share("s", HALF),)}, "staff", "合计为 50%"),
        ({"staff": (Share("s", HALF), Share("s", HALF))}, "staff", "“s”出现了两次"),
        ({"signed_on": date(2015, 9, 30)}, "rules", "2015-09-30"),
    ],
)
def test_terms_that_cannot_be(fields, field, said):
    with pytest.raises((BadInput, NoSuchRule), match=said) as refusal:
        distribute(make_terms(**fields), [PAYMENT], RULES)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("receipts", "field", "said"),
    [
        ([], "receipts", "没有可分配的收入"),
        ([replace(PAYMENT, amount=0)], "receipts.amount", "不为 0"),
        ([replace(PAYMENT, amount=10**15 + 1)], "receipts.amount", "十万亿"),
        ([replace(PAYMENT, amount=-1)], "receipts.amount", "退款超过"),
        ([PAYMENT, replace(PAYMENT, amount=5)], "receipts", "出现了两次"),
        ([replace(PAYMENT, currency="XYZ", rate=Decimal(1))], "receipts.currency", "没有币种“XYZ”"),
        ([replace(PAYMENT, currency="USD")], "receipts.rate", "7.1234"),
        ([replace(PAYMENT, currency="USD", rate=Decimal("NaN"))], "receipts.rate", "7.1234"),
        ([replace(PAYMENT, currency="USD", rate=Decimal(-7))], "receipts.rate", "7.1234"),
        ([replace(PAYMENT, currency="USD", rate=Decimal(10**12))], "receipts.rate", "核对汇率"),
        ([replace(PAYMENT, rate=Decimal(1))], "receipts.rate", "不填汇率"),
        ([replace(PAYMENT, kind=ReceiptKind.SHARES)], "receipts.kind", "形成的股份"),
        ([replace(PAYMENT, charges=(Charge(ChargeKind.UPKEEP, -1),))], "receipts.charges", "只有退款"),
        (
            [replace(PAYMENT, charges=(Charge(ChargeKind.UPKEEP, 1, achievement="x"),))],
            "receipts.charges",
            "不在本合同",
        ),
        ([replace(PAYMENT, charges=(Charge(ChargeKind.VAT, 1, is_public_money=True),))], "receipts.charges", "财政"),
        (
            [PAYMENT, Receipt("r2", DAY, -1, charges=(Charge(ChargeKind.UPKEEP, -1),))],
            "receipts.charges",
            "冲减的费用超过",
        ),
    ],
)
def test_receipts_that_cannot_be(receipts, field, said):
    with pytest.raises(BadInput, match=said) as refusal:
        distribute(make_terms(), receipts, RULES)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("person", "team", "field"),
    [
        (Owner("p1", OwnerKind.PERSON, "CN", None, "", Choice.OWNERSHIP), TEAM, "owners"),
        (Owner("p1", OwnerKind.PERSON, "CN", None, "u", Choice.OWNERSHIP), TEAM, "stakes.team"),
    ],
    ids=["nobody assigned it", "in the unit's team, too"],
)
def test_assigned_ownership_that_cannot_be(person, team, field):
    terms = make_terms(owners=(UNIT, person), **stakes(Stake("u", HALF, team), Stake("p1", HALF)))
    with pytest.raises(BadInput) as refusal:
        distribute(terms, [PAYMENT], RULES)
    assert refusal.value.field == field


def test_who_opts_for_the_reward_needs_a_unit_that_kept_a_share():
    person = Owner("p1", OwnerKind.PERSON, "CN", None, "u", Choice.REWARD)
    terms = make_terms(owners=(UNIT, person), **stakes(Stake("p1", Fraction(1))))
    with pytest.raises(BadInput, match="赋权单位须保有"):
        distribute(terms, [PAYMENT], RULES)


@pytest.mark.parametrize(
    ("where", "field"), [("CN", "produced_on"), ("CN-SH", "first_profitable_year")], ids=["production", "profit"]
)
def test_years_of_profit_need_their_beginning(where, field):
    terms = make_terms(mode=Mode.IMPLEMENTATION, owner=replace(UNIT, jurisdiction=where))
    with pytest.raises(BadInput) as refusal:
        distribute(terms, [Receipt("r", DAY, 1, ReceiptKind.PROFIT, year=2025)], RULES)
    assert refusal.value.field == field


def test_profit_needs_its_year_and_has_no_costs():
    terms = make_terms(mode=Mode.IMPLEMENTATION, owner=UNIT, produced_on=DAY)
    with pytest.raises(BadInput, match="年度"):
        distribute(terms, [Receipt("r", DAY, 1, ReceiptKind.PROFIT)], RULES)
    charges = (Charge(ChargeKind.OTHER, 1),)
    with pytest.raises(BadInput, match="没有可扣除的费用"):
        distribute(terms, [Receipt("r", DAY, 1, ReceiptKind.PROFIT, year=2025, charges=charges)], RULES)


def test_proceeds_of_shares_bear_no_research():
    charges = (Charge(ChargeKind.RESEARCH, 1),)
    terms = make_terms(mode=Mode.EQUITY)
    with pytest.raises(BadInput, match="只扣除税费和直接费用"):
        distribute(terms, [Receipt("r", DAY, 10, ReceiptKind.DIVIDEND, charges=charges)], RULES)


def test_contract_work_without_any_rule_is_not_guessed():
    terms = make_terms(mode=Mode.SERVICE, owner=UNIT, signed_on=date(2019, 1, 1), registered_on=None)
    with pytest.raises(BadInput, match="没有法定标准"):
        distribute(terms, [PAYMENT], RULES)


def test_what_was_given_under_other_terms_is_reversed_first():
    with pytest.raises(BadInput, match="冲销"):
        distribute(make_terms(), [PAYMENT], RULES, given={"contributor|main|a|u|p9": 5})


def test_what_was_really_given_is_taken_into_account():
    line = next(line for line in distribute(make_terms(), [PAYMENT], RULES).lines if line.payee == "p1")
    again = distribute(make_terms(), [PAYMENT], RULES, given={line.key: 1_000})
    assert next(each.amount for each in again.lines if each.payee == "p1") == line.amount - 1_000


def test_packs_with_a_gap_are_refused_before_anything_is_divided(tmp_path):
    rows = "".join(
        f'[[parameter]]\nkey = "reward.x"\nvalue = 1\nconfirmed = true\narticle = "第九条"\n{dates}\n'
        for dates in ("first_on = 2015-01-01\nlast_on = 2019-12-31", "first_on = 2020-01-02")
    )
    (tmp_path / "site.toml").write_text(f'pack = "x"\njurisdiction = "CN"\ninstrument = "某条例"\n{rows}', "utf-8")
    with pytest.raises(BadInput, match=r"空档.*第九条"):
        rules_that_ship(tmp_path)


@pytest.mark.parametrize(
    "ask",
    [
        {"reward": -1},
        {"person": tax.Person(wages=tax.Wages(months=0))},
        {"person": tax.Person(wages=tax.Wages(months=13))},
        {"person": tax.Person(wages=tax.Wages(income=-1))},
    ],
)
def test_tax_of_what_cannot_be(ask):
    base = {"person": tax.Person(), "reward": 100, "paid_on": DAY, "income_on": DAY, "is_registered": True}
    with pytest.raises(BadInput):
        tax.cash_reward(rules=RULES, **{**base, **ask})


def test_estimate_says_when_it_knows_no_wages():
    estimate = tax.cash_reward(tax.Person(wages=None), 10_000_00, RULES, paid_on=DAY, income_on=DAY, is_registered=True)
    assert (estimate.assumes_no_wages, estimate.is_halved, estimate.tax) == (True, True, 0)
