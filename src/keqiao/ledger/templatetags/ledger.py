"""Filters of the book's pages: amounts in minor units as people write them."""

from __future__ import annotations

from django import template

from keqiao.kernel.money import Money
from keqiao.ledger.exporting import sides_of
from keqiao.ledger.selectors import mark_of
from keqiao.ledger.types import Purpose

register = template.Library()


@register.filter
def minor(value: int | None, currency: str) -> str:
    """1,234.56; nothing where there is nothing."""
    return f"{Money(value, currency).major:,}" if value else ""


@register.filter
def side(value: int) -> str:
    """借, 贷 or 平: the direction that a balance has in a Chinese book."""
    return "debit" if value > 0 else "credit" if value < 0 else "even"


register.filter("size", lambda value: abs(value))  # noqa: PLW0108 -- Django writes on the function
register.filter("debit_of", lambda line: sides_of(line)[0])
register.filter("credit_of", lambda line: sides_of(line)[1])
register.filter("purpose_name", lambda account: Purpose(account.purpose).label)


register.filter("mark", mark_of)
