"""Opening balances as a table of text: read whole, every bad cell named by its row and column."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import MINOR_DIGITS, Money
from keqiao.ledger.types import LARGEST, LONGEST_WHY, Purpose

MOST_BYTES = 2_000_000
MOST_ROWS = 5_000
COLUMNS = {
    "purpose": ("用途", "purpose"),
    "currency": ("币种", "currency"),
    "label": ("标签", "label"),
    "party": ("往来单位", "party"),
    "debit": ("借方余额", "debit"),
    "credit": ("贷方余额", "credit"),
    "due_on": ("到期日", "due on"),
    "why": ("摘要", "memo"),
}
NEEDED = ("purpose", "debit", "credit")
AMOUNT = re.compile(r"[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?|[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class OpeningRow:
    """One balance: debits are positive minor units. `party` is an organisation's code or credit code."""

    number: int
    purpose: str
    currency: str
    minor: int
    label: str = ""
    party: str = ""
    due_on: date | None = None
    why: str = ""


def read_opening(content: bytes) -> list[OpeningRow]:
    """A CSV in UTF-8 or GB 18030, as Excel and WPS write it."""
    if len(content) > MOST_BYTES:
        raise BadInput(_("文件太大：最多 2 MB。"), field="file")
    rows = list(csv.reader(io.StringIO(_decoded(content))))
    if not rows:
        raise BadInput(_("文件是空的。第一行写列名：%(columns)s。") % {"columns": header()}, field="file")
    places = _places(rows[0])
    found = [
        _row(number, {name: row[place].strip() if place < len(row) else "" for name, place in places.items()})
        for number, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]
    if not 2 <= len(found) <= MOST_ROWS:
        words = {"count": len(found), "most": MOST_ROWS}
        raise BadInput(_("文件里有 %(count)s 行余额，应有 2 到 %(most)s 行。") % words, field="file")
    return found


def header() -> str:
    return "、".join(zh for zh, _en in COLUMNS.values())


def template() -> str:
    """An example to fill in, with a byte order mark by which spreadsheets know that it is UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    out.write("\ufeff")
    writer.writerow([zh for zh, _en in COLUMNS.values()])
    writer.writerow([Purpose.BANK.value, "CNY", "", "", "100000.00", "", "", ""])
    writer.writerow([Purpose.NET_ASSETS.value, "CNY", "", "", "", "100000.00", "", ""])
    return out.getvalue()


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadInput(_("读不懂这个文件。请在 Excel 或 WPS 里另存为“CSV UTF-8”再传。"), field="file")


def _places(names: list[str]) -> dict[str, int]:
    asked = [name.strip().casefold() for name in names]
    places = {}
    for key, (zh, en) in COLUMNS.items():
        at = [place for place, name in enumerate(asked) if name in {zh, en, key}]
        if len(at) > 1:
            raise BadInput(_("列名“%(name)s”出现了两次。") % {"name": zh}, field="file")
        if at:
            places[key] = at[0]
    missing = [COLUMNS[key][0] for key in NEEDED if key not in places]
    if missing:
        words = {"missing": "、".join(missing), "columns": header()}
        raise BadInput(_("第 1 行缺少列：%(missing)s。列名是：%(columns)s。") % words, field="file")
    return places


def _row(number: int, cells: dict[str, str]) -> OpeningRow:
    purpose = _purpose(number, cells["purpose"])
    currency = cells.get("currency", "").upper() or "CNY"
    if currency not in MINOR_DIGITS:
        words = {"row": number, "currency": currency[:10], "known": "、".join(sorted(MINOR_DIGITS))}
        raise BadInput(_("第 %(row)s 行：币种“%(currency)s”不认识。可用：%(known)s。") % words, field="currency")
    debit, credit = (_amount(number, side, cells[side], currency) for side in ("debit", "credit"))
    if bool(debit) == bool(credit):
        raise BadInput(
            _("第 %(row)s 行：借方余额和贷方余额要写一个，也只写一个，例如 1200.00。") % {"row": number}, field="debit"
        )
    return OpeningRow(
        number,
        purpose,
        currency,
        debit - credit,
        label=cells.get("label", "")[:60],
        party=cells.get("party", ""),
        due_on=_day(number, cells.get("due_on", "")),
        why=cells.get("why", "")[:LONGEST_WHY],
    )


def _purpose(number: int, text: str) -> str:
    """By its word, or by its name in Chinese."""
    named = {str(purpose.label): purpose.value for purpose in Purpose}
    found = text if text in Purpose.values else named.get(text)
    if found is None:
        words = {"row": number, "text": text[:40], "known": "、".join(f"{p.value}（{p.label}）" for p in Purpose)}
        raise BadInput(_("第 %(row)s 行：没有“%(text)s”这种用途。可用：%(known)s。") % words, field="purpose")
    return found


def _amount(number: int, column: str, text: str, currency: str) -> int:
    if not text:
        return 0
    words = {"row": number, "column": COLUMNS[column][0], "text": text[:40]}
    wrong = BadInput(
        _("第 %(row)s 行的%(column)s“%(text)s”不是金额。请写不小于 0 的数，例如 1200.00。") % words, field=column
    )
    if not AMOUNT.fullmatch(text):
        raise wrong
    try:
        minor = Money.of(Decimal(text.replace(",", "")), currency).minor
    except (InvalidOperation, ValueError):
        raise wrong from None
    if minor > LARGEST:
        raise wrong
    return minor


def _day(number: int, text: str) -> date | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text)
    try:
        return date(*map(int, found.groups())) if found else _no_day(number, text)
    except ValueError:
        return _no_day(number, text)


def _no_day(number: int, text: str) -> date:
    words = {"row": number, "text": text[:20]}
    raise BadInput(_("第 %(row)s 行的到期日“%(text)s”不是日期，例如 2026-12-31。") % words, field="due_on")
