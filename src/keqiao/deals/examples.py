"""The worked examples of examples.toml, read and computed: for the tests and for docs/reference."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from keqiao.deals import tax, waterfall
from keqiao.deals.types import (
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
    Rulebook,
    Share,
    Sheet,
    Stake,
    Terms,
)
from keqiao.kernel.money import MINOR_DIGITS

FILE = Path(__file__).with_name("examples.toml")


@dataclass(frozen=True)
class Example:
    """A deal, its receipts one after another, and what each gives to whom; or the field that is refused."""

    title: str
    terms: Terms
    receipts: tuple[Receipt, ...]
    gives: tuple[Mapping[str, int], ...]
    refused: str
    articles: tuple[str, ...]

    def sheets(self, rules: Rulebook) -> Iterator[Sheet]:
        """One sheet a receipt. Once shares are divided, what they bring goes by who holds them."""
        terms = self.terms
        for number, receipt in enumerate(self.receipts, start=1):
            sheet = waterfall.distribute(terms, self.receipts[:number], rules)
            yield sheet
            if receipt.kind == ReceiptKind.SHARES and terms.equity_as == EquityAs.SHARES:
                terms = replace(terms, holdings=waterfall.holdings_of(sheet))


@dataclass(frozen=True)
class TaxExample:
    title: str
    asked: Mapping[str, Any]
    gives: int
    refused: str
    why_not: str

    def estimate(self, rules: Rulebook) -> tax.TaxEstimate:
        ask = dict(self.asked)
        name = ask.pop("of")
        if name != "cash_reward":
            return getattr(tax, name)(rules=rules, **{k: fen(v) if isinstance(v, str) else v for k, v in ask.items()})
        wages = ask.get("wages")
        person = tax.Person(
            residence=tax.Residence(ask.get("residence", "resident")),
            bond=tax.Bond(ask.get("bond", "employee")),
            wages=tax.Wages(fen(wages["income"]), wages.get("months", 1), fen(wages.get("deductions", "0")))
            if wages
            else None,
            as_bonus=ask.get("as_bonus", False),
        )
        return tax.cash_reward(
            person, fen(ask["reward"]), rules, paid_on=ask["paid"], income_on=ask["income"], is_registered=ask["registered"],
            payer=OwnerKind(ask.get("payer", "state_unit")),
        )  # fmt: skip


@dataclass(frozen=True)
class BonusExample:
    title: str
    kind: str
    granted_on: date
    gives: int
    articles: tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    deals: list[Example]
    taxes: list[TaxExample]
    bonuses: list[BonusExample]


def fen(yuan: str, currency: str = "CNY") -> int:
    return int(Decimal(yuan).scaleb(MINOR_DIGITS[currency]))


def part(text: str) -> Fraction:
    """Of a whole: 49.99% or 1/3."""
    return Fraction(text.removesuffix("%")) / 100 if text.endswith("%") else Fraction(text)


def read_examples(file: Path = FILE) -> Examples:
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    taxes = [
        TaxExample(
            title=row["title"],
            asked={k: v for k, v in row.items() if k not in {"title", "gives_tax", "refused", "why_not"}},
            gives=fen(row.get("gives_tax", "0")),
            refused=row.get("refused", ""),
            why_not=row.get("why_not", ""),
        )
        for row in raw["tax"]
    ]
    bonuses = [
        BonusExample(row["title"], row["kind"], row["granted"], fen(row["gives"]), tuple(row["articles"]))
        for row in raw["bonus"]
    ]
    return Examples([_example(row) for row in raw["example"]], taxes, bonuses)


def _example(row: Mapping[str, Any]) -> Example:
    terms = Terms(
        mode=Mode(row["mode"]),
        signed_on=row["signed"],
        achievements=_achievements(row),
        owners=_owners(row),
        registered_on=row.get("registered"),
        broker=_broker(row),
        staff=tuple(Share(who, part(of)) for who, of in row.get("rule", {}).get("staff_team", {}).items()),
        equity_as=EquityAs(row.get("equity_as", "shares")),
        produced_on=row.get("produced"),
        first_profitable_year=row.get("first_profitable_year"),
    )
    receipts = tuple(_receipt(str(n), each) for n, each in enumerate(row["receipts"]))
    gives = tuple(
        {
            payee: int(amount) if receipt.kind == ReceiptKind.SHARES else fen(amount)
            for payee, amount in each["gives"].items()
        }
        for each, receipt in zip(row["receipts"], receipts, strict=True)
        if "gives" in each
    )
    return Example(row["title"], terms, receipts, gives, row.get("refused", ""), tuple(row["articles"]))


def _achievements(row: Mapping[str, Any]) -> tuple[Achievement, ...]:
    plain = [{"key": "a", "weight": "100%", "owners": {"u": "100%"}, "teams": {"u": row.get("team", {})}}]
    return tuple(
        Achievement(
            each["key"],
            part(each["weight"]),
            tuple(
                Stake(owner, part(fraction), _team(row, each.get("teams", {}).get(owner, {})))
                for owner, fraction in each["owners"].items()
            ),
        )
        for each in row.get("achievements", plain)
    )


def _team(row: Mapping[str, Any], team: Mapping[str, str]) -> tuple[Share, ...]:
    others, heads = row.get("others", ()), row.get("heads", ())
    return tuple(
        Share(who, part(signed), Role.OTHER if who in others else Role.MAIN, is_head=who in heads)
        for who, signed in team.items()
    )


def _owners(row: Mapping[str, Any]) -> tuple[Owner, ...]:
    named: dict[str, Mapping[str, Any]] = {"u": {}} | row.get("owners", {})
    return tuple(
        Owner(
            key,
            OwnerKind(each.get("kind", "state_unit")),
            each.get("where", row["where"]),
            _rule(each.get("rule", row.get("rule")) if each.get("kind") != "person" else None),
            each.get("assigned_by", ""),
            Choice(each.get("choice", "ownership")),
        )
        for key, each in named.items()
    )


def _rule(row: Mapping[str, Any] | None) -> OwnRule | None:
    if not row:
        return None
    kinds = {"college": PartKind.UNIT, "fund": PartKind.FUND}
    return OwnRule(
        "单位成果转化收益分配办法",
        "第十一条",
        date(2016, 1, 1),
        part(row["reward"]),
        tuple(Part(who, kinds.get(who, PartKind.SCHOOL), part(of)) for who, of in row.get("parts", {}).items()),
        part(row.get("staff", "0")),
        row.get("years"),
    )


def _broker(row: Mapping[str, Any]) -> Broker | None:
    return Broker("b", part(row["broker"]["rate"]), row["broker"].get("cost", False)) if "broker" in row else None


def _receipt(key: str, row: Mapping[str, Any]) -> Receipt:
    kind, currency = ReceiptKind(row.get("kind", "payment")), row.get("currency", "CNY")
    return Receipt(
        key,
        row["on"],
        int(row["amount"]) if kind == ReceiptKind.SHARES else fen(row["amount"], currency),
        kind,
        currency,
        Decimal(row["rate"]) if "rate" in row else None,
        year=row.get("year"),
        charges=_charges(row.get("charges", ())),
    )


def _charges(rows: Sequence[Mapping[str, Any]]) -> tuple[Charge, ...]:
    return tuple(
        Charge(
            ChargeKind(row["kind"]),
            fen(row["amount"]),
            row.get("achievement", ""),
            row.get("owner", ""),
            row.get("public", False),
        )
        for row in rows
    )
