"""Books that leave: plain-text accounting (Beancount) and the tables that Chinese accountants know (XLSX)."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import IO, Any

from django.db.models import Sum

from keqiao.kernel.money import Money
from keqiao.ledger import selectors, sheets
from keqiao.ledger.models import Account, Book, Checkpoint, EntryLine
from keqiao.ledger.selectors import Sums
from keqiao.ledger.types import AccountKind, EntryKind, TooMuch

MOST_LINES_ON_THE_WEB = 20_000
MEDIA_TYPES = {"xlsx": sheets.XLSX_TYPE, "beancount": "text/plain; charset=utf-8"}
ROOTS = {
    AccountKind.ASSET: "Assets",
    AccountKind.LIABILITY: "Liabilities",
    AccountKind.EQUITY: "Equity",
    AccountKind.INCOME: "Income",
    AccountKind.EXPENSE: "Expenses",
}
AT_ONCE = 2_000


def as_file(book: Book, first: date, last: date, extension: str) -> io.BytesIO:
    """The months as a file in memory, which holds as many lines as the web carries. `TooMuch`: more than these."""
    out = io.BytesIO()
    if extension == "xlsx":
        workbook(book, first, last, out, most=MOST_LINES_ON_THE_WEB)
    else:
        for text in beancount(book, first, last, most=MOST_LINES_ON_THE_WEB):
            out.write(text.encode())
    out.seek(0)
    return out


def file_name(book: Book, first: date, last: date, extension: str) -> str:
    return f"{book.code}-{first:%Y%m}-{last:%Y%m}.{extension}"


def lines_between(book: Book, first: date, last: date, *, most: int | None = None) -> Iterator[EntryLine]:
    """Every line in the order of the vouchers; refused when there are more than `most`."""
    rows = EntryLine.objects.filter(entry__book=book, entry__month__gte=first, booked_on__lte=last)
    if most is not None and rows[most : most + 1].exists():
        raise TooMuch(field="month")
    rows = rows.select_related("entry__posted_by", "account", "organisation", "person")
    return rows.order_by("entry__month", "entry__number", "position").iterator(chunk_size=AT_ONCE)


# --- Beancount --------------------------------------------------------------------------------------------------------


def beancount(book: Book, first: date, last: date, *, most: int | None = None) -> Iterator[str]:
    """The book as Beancount text: `bean-check` proves the sums and the balances at the end of each closed month.

    People are named by number only, as in the book itself.
    """
    lines = lines_between(book, first, last, most=most)
    accounts = list(selectors.accounts_of(book))
    opening = selectors.balances(book, before=first)
    began = first - timedelta(days=1)
    yield f'option "title" {_quoted(f"{book.organisation} {book.code}")}\n'
    for currency in sorted({account.currency for account in accounts}):
        yield f'option "operating_currency" "{currency}"\n'
    yield "\n"
    for account in accounts:
        yield f"{began} open {_name(account)} {account.currency}\n  name: {_quoted(account.name_zh)}\n"
    yield from _brought(began, accounts, opening)
    yield from _transactions(lines)
    yield from _assertions(book, accounts, first, last)


def _brought(day: date, accounts: list[Account], opening: dict[int, int]) -> Iterator[str]:
    if opening:
        yield f'\n{day} * "期初余额"\n'
        yield from (_posting(account, opening[account.pk]) for account in accounts if account.pk in opening)


def _transactions(lines: Iterable[EntryLine]) -> Iterator[str]:
    current = None
    for line in lines:
        entry = line.entry
        if entry.pk != current:
            current = entry.pk
            yield f"\n{entry.booked_on} * {_quoted(entry.why)}\n  voucher: {_quoted(str(entry))}\n"
            if entry.cause:
                yield f"  cause: {_quoted(entry.cause)}\n"
        yield _posting(line.account, line.amount)
        yield f"    memo: {_quoted(line.why)}\n"
        if line.organisation is not None:
            yield f"    party: {_quoted(line.organisation.code)}\n"
        elif line.person_id is not None:
            yield f'    party: "P{line.person_id}"\n'


def _assertions(book: Book, accounts: list[Account], first: date, last: date) -> Iterator[str]:
    """Of accounts that hold something at the end of a closed month, exact to the minor unit."""
    by_id = {account.pk: account for account in accounts}
    rows = Checkpoint.objects.filter(account__book=book, last_on__gte=first, last_on__lte=last)
    yield "\n"
    sums = rows.values("last_on", "account_id").annotate(sum=Sum("balance")).order_by("last_on", "account_id")
    for row in sums.iterator(chunk_size=AT_ONCE):
        account = by_id[row["account_id"]]
        amount = Money(int(row["sum"]), account.currency).major
        yield f"{row['last_on'] + timedelta(days=1)} balance {_name(account)} {amount} ~ 0 {account.currency}\n"


def _posting(account: Account, minor: int) -> str:
    return f"  {_name(account)}  {Money(minor, account.currency).major} {account.currency}\n"


def _name(account: Account) -> str:
    escrow = ":Escrow" if account.is_escrow else ""
    return f"{ROOTS[AccountKind(account.kind)]}{escrow}:{account.number.replace('.', '-')}"


def _quoted(text: str) -> str:
    inside = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


# --- XLSX -------------------------------------------------------------------------------------------------------------

AMOUNT = "#,##0.00;[Red]-#,##0.00"
Cell = str | Decimal | date | None


class Sheet:
    """One sheet of a workbook that is written row by row: a title, lines about it, column names, rows."""

    def __init__(self, workbook: Any, title: str, widths: list[int]) -> None:
        from openpyxl.utils import get_column_letter

        self.sheet = workbook.create_sheet(title)
        self.row, self.width = 0, len(widths)
        for place, width in enumerate(widths, start=1):
            self.sheet.column_dimensions[get_column_letter(place)].width = width

    def head(self, title: str, about: list[Cell], *headers: list[Cell]) -> None:
        """The title over the whole width, a line with who, when and unit, then one or two rows of column names."""
        from openpyxl.utils import get_column_letter

        self.sheet.merged_cells.add(f"A1:{get_column_letter(self.width)}1")
        self.sheet.freeze_panes = f"A{3 + len(headers)}"
        self.add([title], is_title=True)
        self.add(about)
        for header in headers:
            self.add(header, is_bold=True)

    def add(self, cells: list[Cell], *, is_title: bool = False, is_bold: bool = False) -> None:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
        from openpyxl.styles import Alignment, Font

        self.row += 1
        row = []
        for value in cells:
            text = ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value
            cell = WriteOnlyCell(self.sheet, text)
            if isinstance(value, str):
                cell.data_type = "s"  # a memo that begins with = is text, never a formula
            elif isinstance(value, Decimal):
                cell.number_format = AMOUNT
            elif isinstance(value, date):
                cell.number_format = "yyyy-mm-dd"
            if is_title:
                cell.font, cell.alignment = Font(bold=True, size=14), Alignment(horizontal="center")
            elif is_bold:
                cell.font, cell.alignment = Font(bold=True), Alignment(horizontal="center")
            row.append(cell)
        self.sheet.append(row)


def workbook(book: Book, first: date, last: date, out: IO[bytes], *, most: int | None = None) -> None:
    """科目余额表 and 序时账 of whole months, as accountants lay them out: in Chinese, whoever exports."""
    from openpyxl import Workbook

    lines = lines_between(book, first, last, most=most)  # first: it refuses what is too long
    made = Workbook(write_only=True)
    about: list[Cell] = [
        f"编制单位：{book.organisation.name_zh or book.organisation.name_en}",
        None,
        _period(first, last),
    ]
    _trial_balance(made, about, selectors.trial_balance(book, first, last))
    _journal(made, about, lines)
    made.save(out)


def _period(first: date, last: date) -> str:
    return f"期间：{first:%Y-%m} 至 {last:%Y-%m}"


def _trial_balance(made: Any, about: list[Cell], found: selectors.TrialBalance) -> None:
    sheet = Sheet(made, "科目余额表", [14, 34, 8, *([18] * 6)])
    sheet.head(
        "科目余额表",
        [*about, None, None, None, None, None, "单位：元（外币为原币）"],
        ["科目编码", "科目名称", "币种", "期初余额", None, "本期发生额", None, "期末余额", None],
        [None, None, None, "借方", "贷方", "借方", "贷方", "借方", "贷方"],
    )
    for row in found.rows:
        account = row.account
        sheet.add([account.number, account.name_zh, account.currency, *_six(row.sums, account.currency)])
    for currency, sums in sorted(_sides(found).items()):
        sheet.add(["合计", None, currency, *sums], is_bold=True)


def _six(sums: Sums, currency: str) -> list[Cell]:
    sides = [sums.opening, -sums.opening, None, None, sums.closing, -sums.closing]
    amounts: list[Cell] = [Money(side, currency).major if side is not None and side > 0 else None for side in sides]
    amounts[2], amounts[3] = (Money(side, currency).major if side else None for side in (sums.debit, sums.credit))
    return amounts


def _sides(found: selectors.TrialBalance) -> dict[str, list[Cell]]:
    """The totals of each of the six columns, by currency."""
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 6)
    for row in found.rows:
        currency = row.account.currency
        six = _six(row.sums, currency)
        totals[currency] = [
            total + (cell if isinstance(cell, Decimal) else 0)
            for total, cell in zip(totals[currency], six, strict=True)
        ]
    return {currency: list(cells) for currency, cells in totals.items()}


def _journal(made: Any, about: list[Cell], lines: Iterable[EntryLine]) -> None:
    sheet = Sheet(made, "序时账", [12, 14, 36, 14, 30, 30, 8, 18, 18, 14, 12])
    sheet.head(
        "序时账",
        about,
        [
            "日期",
            "凭证字号",
            "摘要",
            "科目编码",
            "科目名称",
            "往来对方",
            "币种",
            "借方金额",
            "贷方金额",
            "类别",
            "制单",
        ],
    )
    for line in lines:
        entry, account = line.entry, line.account
        debit, credit = sides_of(line)
        sheet.add(
            [
                entry.booked_on,
                f"记-{entry.number}",
                line.why,
                account.number,
                account.name_zh,
                str(line.organisation or line.person or ""),
                account.currency,
                Money(debit, account.currency).major if debit else None,
                Money(credit, account.currency).major if credit else None,
                KINDS_ZH[EntryKind(entry.kind)],
                str(entry.posted_by or "系统"),
            ]
        )


KINDS_ZH = {
    EntryKind.ORDINARY: "记账",
    EntryKind.OPENING: "期初",
    EntryKind.REVERSAL: "红字冲销",
    EntryKind.CARRY: "年末结转",
}


def sides_of(line: EntryLine) -> tuple[int, int]:
    """(debit, credit) as they are written: a red line is below zero on its own side."""
    is_debit = (line.amount > 0) != line.is_red
    return (line.amount, 0) if is_debit else (0, -line.amount)
