"""What people type on the deals' pages, as values of the commands."""

from __future__ import annotations

import re
import secrets
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import QuerySet
from django.http.request import QueryDict
from django.utils.translation import gettext as _

from keqiao.catalogue.types import Assigned, Part
from keqiao.deals import tax
from keqiao.deals.services.agreeing import DealDraft, MilestoneDraft, ReceiptDraft
from keqiao.deals.services.pricing import PriceDraft
from keqiao.deals.types import SHARES, ChargeKind, EquityAs, ReceiptKind
from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import MINOR_DIGITS, Money

MILESTONES, RESULTS, PARTS, CHARGES, PEOPLE, OWNERS, STAFF = 4, 3, 5, 4, 6, 3, 3
MOST_ROWS = 60
PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?")


ASSIGNED = ("assigned", "assigned_share", "choice_kind")
CHARGE_COLUMNS = ("charge_kind", "charge_amount", "charge_note", "charge_from_kind")


def fresh_key() -> str:
    """Sent with a form, so that a form sent twice records once."""
    return f"page:{secrets.token_urlsafe(12)}"


def read_day(text: str, field: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise BadInput(_("“%(text)s”不是日期，例如 2026-03-10。") % {"text": text[:20]}, field=field)


def read_amount(text: str, currency: str, field: str) -> int:
    """Minor units of what was typed in major ones; shares are whole."""
    plain = text.strip().replace(",", "").replace("，", "")
    if currency != SHARES and currency not in MINOR_DIGITS:
        words = {"currency": currency[:10], "known": "、".join(sorted(MINOR_DIGITS))}
        raise BadInput(_("币种“%(currency)s”不认识。可用：%(known)s，例如 CNY。") % words, field="currency")
    try:
        if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,4})?", plain):
            return int(plain) if currency == SHARES else Money.of(plain, currency).minor
    except (ValueError, InvalidOperation):
        pass
    raise BadInput(_("“%(text)s”不是金额，例如 2000000.00。") % {"text": text[:24]}, field=field)


def read_bp(text: str, field: str) -> int:
    """Basis points of a percentage: 33.34 → 3334."""
    plain = text.strip().removesuffix("%")
    if not PERCENT.fullmatch(plain):
        raise BadInput(_("“%(text)s”不是百分比，例如 33.34。") % {"text": text[:20]}, field=field)
    return int(Decimal(plain) * 100)


def rows_of(given: QueryDict, names: tuple[str, ...], least: int) -> list[dict[str, str]]:
    """The rows of a form as typed, with blank ones behind."""
    columns = [given.getlist(name)[:MOST_ROWS] for name in names]
    count = max([least, *(len(column) for column in columns)])
    return [
        {name: column[place] if place < len(column) else "" for name, column in zip(names, columns, strict=True)}
        for place in range(count)
    ]


def _filled(given: QueryDict, names: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    rows = enumerate(rows_of(given, names, 0), start=1)
    return [
        (place, row) for place, row in rows if any(value.strip() for name, value in row.items() if name[-5:] != "_kind")
    ]


def read_deal(given: QueryDict) -> DealDraft:
    currency = given.get("currency", "CNY")
    results = _filled(given, ("result", "weight"))
    return DealDraft(
        title_zh=given.get("title_zh", ""),
        title_en=given.get("title_en", ""),
        mode=given.get("mode", ""),
        pricing=given.get("pricing", ""),
        results=[
            (row["result"].strip(), read_bp(row["weight"] or ("100" if len(results) == 1 else ""), "results"))
            for _place, row in results
        ],
        other_party=given.get("other_party", ""),
        signed_on=read_day(given.get("signed_on", ""), "signed_on"),
        ends_on=_optional_day(given, "ends_on"),
        amount=read_amount(given.get("amount", ""), currency, "amount") if given.get("amount", "").strip() else None,
        currency=currency,
        registration_number=given.get("registration_number", ""),
        registered_on=_optional_day(given, "registered_on"),
        broker=given.get("broker", "").strip(),
        broker_bp=read_bp(given.get("broker_rate", ""), "broker_rate") if given.get("broker_rate", "").strip() else 0,
        broker_is_cost=given.get("broker_is_cost") == "1",
        equity_as=given.get("equity_as", EquityAs.SHARES),
        produced_on=_optional_day(given, "produced_on"),
        first_profitable_year=_optional_year(given, "first_profitable_year"),
        price_notice=given.get("price_notice", ""),
        noticed_from=_optional_day(given, "noticed_from"),
        noticed_to=_optional_day(given, "noticed_to"),
        noticed_where=given.get("noticed_where", ""),
        milestones=[
            MilestoneDraft(
                row["milestone"],
                read_amount(row["milestone_amount"], currency, f"milestones.{place}")
                if row["milestone_amount"].strip()
                else None,
                read_day(row["milestone_due"], f"milestones.{place}") if row["milestone_due"].strip() else None,
                row["milestone_condition"],
            )
            for place, row in _filled(given, ("milestone", "milestone_amount", "milestone_due", "milestone_condition"))
        ],
    )


def read_price(given: QueryDict) -> PriceDraft:
    currency = given.get("currency", "CNY")
    return PriceDraft(
        title_zh=given.get("title_zh", ""),
        title_en=given.get("title_en", ""),
        mode=given.get("mode", ""),
        results=[code.strip() for code in given.getlist("result")[:MOST_ROWS] if code.strip()],
        amount=read_amount(given.get("amount", ""), currency, "amount") if given.get("amount", "").strip() else None,
        currency=currency,
        price_text=given.get("price_text", ""),
        abstract=given.get("abstract", ""),
        is_related=given.get("is_related") == "1",
    )


def _optional_day(given: QueryDict, name: str) -> date | None:
    return read_day(given.get(name, ""), name) if given.get(name, "").strip() else None


def _optional_year(given: QueryDict, name: str) -> int | None:
    text = given.get(name, "").strip()
    if text and not re.fullmatch(r"(19|20)[0-9]{2}", text):
        raise BadInput(_("“%(text)s”不是年度，例如 2026。") % {"text": text[:10]}, field=name)
    return int(text) if text else None


def read_receipt(given: QueryDict, own_currency: str) -> ReceiptDraft:
    kind = given.get("kind", ReceiptKind.PAYMENT)
    currency = SHARES if kind == ReceiptKind.SHARES else given.get("currency", own_currency)
    rate = given.get("rate", "").strip()
    milestone = given.get("milestone", "")
    if rate and not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,8})?", rate):
        raise BadInput(_("“%(text)s”不是汇率，例如 7.1234。") % {"text": rate[:20]}, field="rate")
    return ReceiptDraft(
        name=given.get("name", ""),
        received_on=read_day(given.get("received_on", ""), "received_on"),
        amount=read_amount(given.get("amount", ""), currency, "amount"),
        kind=kind,
        currency=currency,
        rate=Decimal(rate) if rate else None,
        rate_source=given.get("rate_source", ""),
        year=_optional_year(given, "year"),
        milestone=int(milestone) if milestone.isascii() and milestone.isdigit() and len(milestone) < 5 else None,
        charges=[
            {
                "kind": row["charge_kind"] if row["charge_kind"] in ChargeKind.values else "",
                "amount": read_amount(row["charge_amount"], own_currency, f"charges.{place}"),
                "note": row["charge_note"],
                "is_public_money": row["charge_from_kind"] == "public",
            }
            for place, row in _filled(given, CHARGE_COLUMNS)
        ],
    )


def read_rule(given: QueryDict) -> dict[str, Any]:
    return {
        "name": given.get("name", ""),
        "article": given.get("article", ""),
        "published_on": read_day(given.get("published_on", ""), "published_on"),
        "reward_bp": read_bp(given.get("reward", ""), "reward"),
        "staff_bp": read_bp(given.get("staff", ""), "staff") if given.get("staff", "").strip() else 0,
        "parts": [
            (row["part_kind"], row["part"], read_bp(row["part_share"], f"parts.{place}"))
            for place, row in _filled(given, ("part_kind", "part", "part_share"))
        ],
    }


def read_shares(given: QueryDict, people: dict[str, int]) -> list[Part]:
    """`people`: the key that the form gave each possible contributor → their id."""
    parts = []
    for place, row in enumerate(rows_of(given, ("person", "share", "main"), 0), start=1):
        if not row["person"].strip() and not row["share"].strip():
            continue
        if row["person"] not in people:
            raise BadInput(_("第 %(place)s 行：请选择贡献人。") % {"place": place}, field="contributors")
        share = read_bp(row["share"], "contributors")
        is_head = row["person"] == given.get("head", "")
        parts.append(Part(people[row["person"]], share, is_main=row["main"] != "other", is_head=is_head))
    return parts


def read_staff(given: QueryDict, people: dict[str, int]) -> list[tuple[int, int]]:
    """(person, basis points) of named transfer staff; nobody: the office divides it."""
    staff = []
    for place, row in _filled(given, ("staff", "staff_share")):
        if row["staff"] not in people:
            raise BadInput(_("第 %(place)s 行：请选择转化服务人员。") % {"place": place}, field="staff")
        staff.append((people[row["staff"]], read_bp(row["staff_share"], "staff")))
    return staff


def read_assigned(given: QueryDict, people: dict[str, int], organisation_id: int) -> list[Assigned]:
    """What the owner assigned to completers; none typed: nothing."""
    return [
        Assigned(
            people.get(row["assigned"], 0),
            organisation_id,
            read_bp(row["assigned_share"], "assigned"),
            row["choice_kind"],
        )
        for _place, row in _filled(given, ASSIGNED)
    ]


def read_owners(given: QueryDict, organisations: QuerySet[Any]) -> list[Part]:
    """Ownership fractions; none typed: as the last version has them."""
    rows = _filled(given, ("owner", "owner_share"))
    ids = dict(organisations.filter(code__in=[row["owner"].strip() for _place, row in rows]).values_list("code", "pk"))
    parts = []
    for place, row in rows:
        code = row["owner"].strip()
        if code not in ids:
            words = {"place": place, "code": code[:24]}
            raise BadInput(_("第 %(place)s 行：没有单位“%(code)s”，例如 DW-7K2M9QX4。") % words, field="owners")
        parts.append(Part(ids[code], read_bp(row["owner_share"], "owners")))
    return parts


def read_taxed_person(given: QueryDict) -> tax.Person:
    """What somebody says of their wages this year, for an estimate."""
    residence, months = given.get("residence", tax.Residence.RESIDENT), given.get("months", "1")
    if residence not in tax.Residence.values or not re.fullmatch(r"[0-9]{1,2}", months):
        raise BadInput(_("请选择居民或非居民，并填写任职月数，例如 11。"), field="months")
    amounts = [read_amount(given.get(name, "") or "0", "CNY", name) for name in ("income", "deductions")]
    wages = tax.Wages(amounts[0], int(months), amounts[1]) if given.get("income", "").strip() else None
    return tax.Person(residence=tax.Residence(residence), wages=wages, as_bonus=given.get("as_bonus") == "1")
