"""What an institution's payroll needs of a distribution: who gets how much, by which rule. Payroll stays the authority on tax."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _

from keqiao.deals import estimating, selectors, tax
from keqiao.deals.models import Distribution, Payment
from keqiao.deals.states import PaymentState
from keqiao.deals.types import SHARES
from keqiao.kernel import clock
from keqiao.kernel.money import Money

MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
RISKY = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def rows(distribution: Distribution) -> Iterator[list[Any]]:
    """A heading, then one row for each person's order."""
    deal, receipt = distribution.deal, distribution.receipt
    yield [
        _("付款单"), _("姓名"), _("金额"), _("币种"), _("状态"), _("支付日期"), _("分配方案"), _("合同"), _("款项"),
        _("技术合同登记编号"), _("登记日期"), _("分配办法"), _("计入应税收入（估算）"), _("未减半的原因"),
    ]  # fmt: skip
    if distribution.unit == SHARES:
        return
    payments = list(selectors.payments_of(distribution).filter(person__isnull=False))
    of = estimating.estimator(
        distribution, {row.person_id for row in payments if row.person_id}, on=clock.machine_today()
    )
    for row in payments:
        amount = Money(row.amount, row.currency).major
        yield [
            row.code, _plain(str(row.person)), amount, row.currency, str(PaymentState(row.state).label),
            row.paid_on.isoformat() if row.paid_on else "", distribution.code, deal.code, _plain(receipt.name),
            _plain(deal.registration_number), deal.registered_on.isoformat() if deal.registered_on else "",
            _plain(str(distribution.rule)) if distribution.rule else _("法定标准"),
            *_counted(replace(of, on=row.paid_on or of.on), row),
        ]  # fmt: skip


def _counted(of: estimating.Estimator, row: Payment) -> list[Any]:
    """What of a cash reward counts as income, and why not half; payroll works out the tax itself."""
    if row.amount < 0 or row.currency != "CNY" or of.distribution.receipt.kind not in estimating.CASH:
        return ["", ""]
    estimate = of.cash(row.person_id or 0, row.amount, tax.Person(wages=None))
    counted = next(line.amount for line in estimate.lines if line.step == tax.TaxStep.COUNTED)
    return [Money(counted, row.currency).major, str(estimate.why_not.label) if estimate.why_not else ""]


def as_download(distribution: Distribution, extension: str) -> HttpResponse:
    made = workbook(distribution) if extension == "xlsx" else csv_of(distribution)
    answer = HttpResponse(made, content_type=MEDIA_TYPES[extension])
    answer["Content-Disposition"] = f'attachment; filename="{distribution.code}-payroll.{extension}"'
    return answer


def csv_of(distribution: Distribution) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows(distribution))
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def workbook(distribution: Distribution) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet(distribution.code)
    for number, row in enumerate(rows(distribution)):
        cells = [WriteOnlyCell(sheet, value=value) for value in row]
        for cell in cells:
            cell.font = Font(bold=number == 0)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(RISKY) else text
