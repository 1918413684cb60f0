"""Codes say nothing about how many there are, and are read without mistakes."""

import re

import pytest

from keqiao.kernel import codes
from keqiao.parties.models import Organisation
from keqiao.parties.tests.factories import make_organisation

pytestmark = pytest.mark.django_db


def test_a_code_is_short_and_has_nothing_that_reads_as_another():
    assert set("01OILUV") & set(codes.ALPHABET) <= {"V"}
    for _n in range(50):
        assert re.fullmatch(r"DW-[2-9A-HJKMNP-TV-Z]{8}", codes.fresh(Organisation, "DW"))
        assert re.fullmatch(r"XQ-20\d\d-[2-9A-HJKMNP-TV-Z]{6}", codes.fresh_of_year(Organisation, "XQ"))


def test_a_code_that_is_taken_is_drawn_again(monkeypatch):
    make_organisation(code="DW-22222222")
    letters = iter("2" * 8 + "3" * 8)
    monkeypatch.setattr("secrets.choice", lambda _alphabet: next(letters))
    assert codes.fresh(Organisation, "DW") == "DW-33333333"


def test_many_are_drawn_with_one_query_and_all_differ(django_assert_num_queries):
    with django_assert_num_queries(1):
        drawn = codes.fresh_many(Organisation, "DW", 500)
    assert len(set(drawn)) == 500


def test_codes_do_not_follow_each_other():
    drawn = codes.fresh_many(Organisation, "DW", 40)
    assert drawn != sorted(drawn)
