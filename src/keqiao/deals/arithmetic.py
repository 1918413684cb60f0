"""Exact parts of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, lcm

from keqiao.deals.types import Receipt, ReceiptKind
from keqiao.kernel.money import MINOR_DIGITS, allocate

BASIS_POINTS = 10_000


def split(whole: int, parts: Sequence[Fraction]) -> list[int]:
    """By largest remainder, in proportion."""
    common = lcm(*(part.denominator for part in parts))
    return allocate(whole, [int(part * common) for part in parts])


def half_up(amount: Fraction) -> int:
    """To the nearest whole, halves away from zero, so that a refund mirrors its payment."""
    return floor(amount + Fraction(1, 2)) if amount >= 0 else -floor(-amount + Fraction(1, 2))


def converted(receipt: Receipt, currency: str) -> int:
    """In minor units of the terms' currency, at the receipt's rate."""
    if receipt.kind == ReceiptKind.SHARES or receipt.currency == currency or receipt.rate is None:
        return receipt.amount
    scale = Fraction(10) ** (MINOR_DIGITS[currency] - MINOR_DIGITS[receipt.currency])
    return half_up(receipt.amount * scale * Fraction(receipt.rate))
