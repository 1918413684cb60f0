import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.kernel.money import Money

minor = st.integers(min_value=-(10**15), max_value=10**15)
shares = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=30).filter(any)


@given(minor, shares)
def test_parts_add_up_to_the_whole_and_none_is_off_by_more_than_one(amount, parts):
    split = Money(amount).allocate(parts)
    assert sum(part.minor for part in split) == amount
    for part, share in zip(split, parts, strict=True):
        assert abs(part.minor * sum(parts) - amount * share) < sum(parts)


@given(minor, shares)
def test_a_refund_splits_like_the_payment(amount, parts):
    assert [-part for part in Money(amount).allocate(parts)] == Money(-amount).allocate(parts)


def test_three_thirds_of_a_hundred_yuan():
    assert Money.of("100.00").allocate([1, 1, 1]) == [Money(3334), Money(3333), Money(3333)]


@pytest.mark.parametrize(("text", "currency", "minor"), [("12.34", "CNY", 1234), ("5", "JPY", 5), ("0.01", "EUR", 1)])
def test_from_major_units(text, currency, minor):
    assert Money.of(text, currency) == Money(minor, currency)


def test_wan_is_ten_thousand_yuan():
    assert Money.wan("860") == Money(860_000_000)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: Money.of("0.001"), ValueError),
        (lambda: Money.of("1.5", "JPY"), ValueError),
        (lambda: Money(1, "XXX"), ValueError),
        (lambda: Money(1.0), TypeError),
        (lambda: Money(1) + Money(1, "USD"), TypeError),
        (lambda: Money(1) < Money(1, "USD"), TypeError),
        (lambda: Money(1).allocate([0, 0]), ValueError),
        (lambda: Money(1).allocate([2, -1]), ValueError),
    ],
)
def test_refusals(wrong, error):
    with pytest.raises(error):
        wrong()
