"""Addresses as people write them."""

import pytest

from keqiao.accounts.addresses import masked, read_address
from keqiao.kernel.errors import BadInput


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Xu@Example.ORG ", ("email", "xu@example.org")),
        ("ｘｕ＠example.org", ("email", "xu@example.org")),
        ("13800138000", ("sms", "+8613800138000")),
        ("138 0013-8000", ("sms", "+8613800138000")),
        ("１３８００１３８０００", ("sms", "+8613800138000")),
        ("+86 138 0013 8000", ("sms", "+8613800138000")),
        ("0086 13800138000", ("sms", "+8613800138000")),
        ("+49 151 1234 5678", ("sms", "+4915112345678")),
    ],
)
def test_one_address_however_it_is_written(typed, kept):
    assert read_address(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["", "xu", "xu@", "@example.org", "xu@example", "12800138000", "1380013800", "+86 12345", "+0123456789",
     "x" * 200 + "@example.org", "138001380001", "a@b.c\nBcc: d@e.f"],
)  # fmt: skip
def test_what_is_no_address(typed):
    with pytest.raises(BadInput) as refused:
        read_address(typed)
    assert refused.value.field == "address"


def test_a_masked_address_tells_little():
    assert [masked("xu@example.org"), masked("+8613800138000")] == ["x***@example.org", "+86138****8000"]
