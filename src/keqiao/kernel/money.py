"""Money is a whole number of minor units of one currency; it is divided only by allocate()."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

MINOR_DIGITS = {"CNY": 2, "USD": 2, "EUR": 2, "GBP": 2, "HKD": 2, "SGD": 2, "CHF": 2, "ILS": 2, "JPY": 0, "KRW": 0}


@dataclass(frozen=True)
class Money:
    """`minor` counts fen (or cents, or yen); `currency` is an ISO 4217 code."""

    minor: int
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if not isinstance(self.minor, int) or isinstance(self.minor, bool):
            raise TypeError("Money holds whole minor units")
        if self.currency not in MINOR_DIGITS:
            raise ValueError(f"unknown currency {self.currency!r}; for example CNY")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str = "CNY") -> Money:
        """From major units: Money.of("12.34") is 1234 fen. Refuses an amount finer than the minor unit."""
        if currency not in MINOR_DIGITS:
            raise ValueError(f"unknown currency {currency!r}; for example CNY")
        minor = Decimal(amount).scaleb(MINOR_DIGITS[currency])
        if minor != minor.to_integral_value():
            raise ValueError(f"{amount} {currency} is finer than one minor unit")
        return cls(int(minor), currency)

    @classmethod
    def wan(cls, amount: str | int | Decimal) -> Money:
        """From 万元 (ten thousand yuan), the unit of Chinese lists."""
        return cls.of(Decimal(amount) * 10_000)

    @property
    def major(self) -> Decimal:
        return Decimal(self.minor).scaleb(-MINOR_DIGITS[self.currency])

    def _same(self, other: Money) -> None:
        if not isinstance(other, Money) or other.currency != self.currency:
            raise TypeError(f"{self!r} and {other!r} are not of one currency")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def allocate(self, shares: Sequence[int]) -> list[Money]:
        """Split by non-negative integer shares (largest remainder); the parts add up to the whole, of either sign."""
        return [Money(part, self.currency) for part in allocate(self.minor, shares)]

    def __str__(self) -> str:
        return f"{self.currency} {self.major:,}"


def allocate(whole: int, shares: Sequence[int]) -> list[int]:
    """Split whole units by non-negative integer shares (largest remainder); the parts add up to the whole, of either sign."""
    total = sum(shares)
    if total <= 0 or any(share < 0 for share in shares):
        raise ValueError("shares are whole numbers of 0 or more, and not all 0")
    sign = -1 if whole < 0 else 1
    exact = [divmod(abs(whole) * share, total) for share in shares]
    parts = [quotient for quotient, _ in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (-exact[i][1], i))
    for i in by_remainder[: abs(whole) - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]
