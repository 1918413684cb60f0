"""Opening balances as a table, CSV or XLSX: read whole, every bad cell named by its row and column.

What is wrong goes back in the same file, in a column of its own (`with_errors`).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import MINOR_DIGITS, Money
from keqiao.ledger.types import LARGEST, LONGEST_WHY, BadRows, Problem, Purpose

MOST_BYTES = 2_000_000
MOST_ROWS = 5_000
MOST_UNPACKED = 60_000_000  # bytes of an XLSX, which is a ZIP
XLSX, XLS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # how the files begin
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ERRORS = ("错误", "errors")
Value = TypeVar("Value")
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
    """An XLSX, or a CSV in UTF-8 or GB 18030, as Excel and WPS write them."""
    if len(content) > MOST_BYTES:
        raise BadInput(_("文件太大：最多 2 MB。"), field="file")
    rows = _workbook_rows(content) if content.startswith(XLSX) else _text_rows(content)
    if not rows:
        raise BadInput(_("文件是空的。第一行写列名：%(columns)s。") % {"columns": header()}, field="file")
    places = _places(rows[0])
    filled = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    if not 2 <= len(filled) <= MOST_ROWS:
        words = {"count": len(filled), "most": MOST_ROWS}
        raise BadInput(_("文件里有 %(count)s 行余额，应有 2 到 %(most)s 行。") % words, field="file")
    problems: list[Problem] = []
    found = [
        _row(number, {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}, problems)
        for number, row in filled
    ]
    if problems:
        raise BadRows(problems)
    return [row for row in found if row is not None]


def header() -> str:
    return "、".join(zh for zh, _en in COLUMNS.values())


EXAMPLE = (
    [Purpose.BANK.value, "CNY", "", "", "100000.00", "", "", ""],
    [Purpose.NET_ASSETS.value, "CNY", "", "", "", "100000.00", "", ""],
)


def template() -> str:
    """An example to fill in, with a byte order mark by which spreadsheets know that it is UTF-8."""
    return _csv([[zh for zh, _en in COLUMNS.values()], *EXAMPLE])


def template_workbook() -> bytes:
    from openpyxl import Workbook

    made = Workbook()
    made.active.append([zh for zh, _en in COLUMNS.values()])
    for row in EXAMPLE:
        made.active.append([Decimal(cell) if AMOUNT.fullmatch(cell) else cell or None for cell in row])
    for letter in "ABCDEFGH":
        made.active.column_dimensions[letter].width = 20
    for letter in "EF":
        for cell in made.active[letter]:
            cell.number_format = "#,##0.00"
    return _saved(made)


def with_errors(content: bytes, problems: Iterable[Problem]) -> tuple[bytes, str]:
    """The file as it was sent, with one more column that says what is wrong in which row; and its media type."""
    said: dict[int, list[str]] = defaultdict(list)
    for problem in problems:
        said[problem.row].append(problem.text)
    texts = {row: "；".join(found) for row, found in said.items()}
    if content.startswith(XLSX):
        return _workbook_with_errors(content, texts), XLSX_TYPE
    rows = _text_rows(content)
    place = _errors_place(rows[0], max(map(len, rows)))
    texts[1] = _("错误")
    wide = [[*row, *[""] * (place + 1 - len(row))] for row in rows]
    marked = [[*row[:place], texts.get(number, ""), *row[place + 1 :]] for number, row in enumerate(wide, start=1)]
    return _csv(marked).encode(), "text/csv; charset=utf-8"


def _workbook_with_errors(content: bytes, texts: dict[int, str]) -> bytes:
    from openpyxl import load_workbook

    made = load_workbook(io.BytesIO(content))
    sheet = _first_sheet(made)
    names = [str(cell.value or "") for cell in sheet[1]]
    place = _errors_place(names, len(names)) + 1
    for number in range(2, sheet.max_row + 1):
        sheet.cell(number, place).value = texts.get(number)
    sheet.cell(1, place).value = _("错误")
    return _saved(made)


def _errors_place(names: list[str], width: int) -> int:
    """That of an earlier report, or the first column beyond the table."""
    earlier = [place for place, name in enumerate(names) if name.strip().casefold() in ERRORS]
    return earlier[0] if earlier else width


def _csv(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    out.write("\ufeff")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _saved(made: Any) -> bytes:
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _first_sheet(book: Any) -> Any:
    return next((sheet for sheet in book.worksheets if sheet.sheet_state == "visible"), book.worksheets[0])


def _workbook_rows(content: bytes) -> list[list[str]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked <= MOST_UNPACKED:
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            sheet = _first_sheet(book)
            sheet.reset_dimensions()  # what the file says of its size may be a lie
            rows = islice(sheet.iter_rows(values_only=True), 4 * MOST_ROWS)
            return [[_text(value) for value in row[:50]] for row in rows]
    except Exception as error:  # a hostile or broken file makes parsers fail in every way
        text = _("文件损坏或带密码，不能打开。请用 Excel 或 WPS 另存为新的 .xlsx 再传。")
        raise BadInput(text, field="file") from error
    raise BadInput(_("文件解压后过大。请只保留余额所在的工作表，另存为新的 .xlsx 再传。"), field="file")


def _text(value: Any) -> str:
    """A cell as a person reads it."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, float):  # as many digits as a spreadsheet has
        return format(Decimal(f"{value:.15g}"), "f")
    return "" if value is None else str(value)


def _text_rows(content: bytes) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(_decoded(content))))
    except csv.Error as error:
        raise BadInput(_("读不懂这个文件。请在 Excel 或 WPS 里另存为 .xlsx 再传。"), field="file") from error


def _decoded(content: bytes) -> str:
    if content.startswith(XLS):
        raise BadInput(_("这是旧的 .xls 文件。请在 Excel 或 WPS 里另存为 .xlsx 再传。"), field="file")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadInput(_("读不懂这个文件。请在 Excel 或 WPS 里另存为 .xlsx 再传。"), field="file")


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


def _row(number: int, cells: dict[str, str], problems: list[Problem]) -> OpeningRow | None:
    """Every cell is looked at, so that all that is wrong is said at once."""
    before = len(problems)

    def read(reader: Callable[..., Value], default: Value, *given: Any) -> Value:
        try:
            return reader(number, *given)
        except BadInput as problem:
            problems.append(Problem(number, problem.field, str(problem)))
            return default

    purpose = read(_purpose, "", cells["purpose"])
    currency = read(_currency, "CNY", cells.get("currency", ""))
    debit, credit = (read(_amount, 1, side, cells[side], currency) for side in ("debit", "credit"))
    due_on = read(_day, None, cells.get("due_on", ""))
    if len(problems) == before and bool(debit) == bool(credit):
        text = _("第 %(row)s 行：借方余额和贷方余额要写一个，也只写一个，例如 1200.00。") % {"row": number}
        problems.append(Problem(number, "debit", text))
    if len(problems) > before:
        return None
    return OpeningRow(
        number,
        purpose,
        currency,
        debit - credit,
        label=cells.get("label", "")[:60],
        party=cells.get("party", ""),
        due_on=due_on,
        why=cells.get("why", "")[:LONGEST_WHY],
    )


def _currency(number: int, text: str) -> str:
    currency = text.upper() or "CNY"
    if currency not in MINOR_DIGITS:
        words = {"row": number, "currency": currency[:10], "known": "、".join(sorted(MINOR_DIGITS))}
        raise BadInput(_("第 %(row)s 行：币种“%(currency)s”不认识。可用：%(known)s。") % words, field="currency")
    return currency


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
