"""Codes say nothing about how many there are, and are read without mistakes."""

import re

import pytest
from django.db import IntegrityError, connection

from keqiao.kernel import codes
from keqiao.parties.models import Organisation
from keqiao.parties.tests.factories import make_organisation, make_person

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


def test_numbers_of_rows_in_order_tell_nothing_either():
    """The key says which row came first; another number, drawn, stands in addresses."""
    from keqiao.parties.models import Post
    from keqiao.submissions.models import ReviewNote

    organisation, person = make_organisation(), make_person()
    roles = ["researcher", "rd_manager", "conversion_officer"]
    made = [Post.objects.create(person=person, organisation=organisation, role=role) for role in roles]
    with connection.cursor() as cursor:  # as a process of the release before adds it
        cursor.execute(
            "INSERT INTO parties_post (person_id, organisation_id, role, title_zh, title_en)"
            " VALUES (%s, %s, 'technology_manager', '', '')",
            [person.pk, organisation.pk],
        )
    numbers = list(Post.objects.order_by("pk").values_list("number", flat=True))
    assert numbers[:3] == [post.number for post in made]
    assert all(2**40 <= number < 2**53 for number in numbers)
    assert len(set(numbers)) == 4
    for model in (Post, ReviewNote):
        assert isinstance(model._meta.get_field("number"), codes.DrawnNumber)


def test_a_reference_is_the_same_each_time_and_differs_by_row_and_kind():
    assert codes.reference("a", 1) == codes.reference("a", 1)
    assert len({codes.reference("a", 1), codes.reference("a", 2), codes.reference("b", 1)}) == 3


def test_keys_in_addresses_tell_nothing_about_how_many_rows_there_are(settings, tmp_path):
    from keqiao.catalogue.models import Attachment
    from keqiao.engagement.models import MessageFile, SavedSearch, Task
    from keqiao.kernel import files
    from keqiao.kernel.models import Notice, StoredFile
    from keqiao.parties.models import Person
    from keqiao.parties.selectors import system

    settings.DATA_DIR = tmp_path
    for model in (Attachment, MessageFile, SavedSearch, Task, Notice, Person, StoredFile):
        assert isinstance(model._meta.pk, codes.DrawnKey)
    made = [files.store(actor=system(), name="a", media_type="text/plain", chunks=[b"x"]).pk for _n in range(20)]
    assert made != sorted(made)
    assert all(2**40 <= number < 2**53 for number in made)
    # Rows of before, and those that an older process still adds, have the table's own numbers.
    assert StoredFile.objects.create(pk=7, digest="d", name="b", media_type="text/plain", size=1).pk == 7


def test_an_account_has_a_drawn_number(monkeypatch):
    """It stands in the handle of a passkey and in the link of a first password."""
    from keqiao.kernel.users import open_user

    drawn = iter([5, 5, 7])
    monkeypatch.setattr("secrets.randbelow", lambda _bound: next(drawn))
    assert open_user(username="a@example.org", email="a@EXAMPLE.org").email == "a@example.org"
    assert open_user(username="b@example.org").pk == 2**24 + 7
    monkeypatch.setattr(codes, "short_key", lambda _model: 2**24 + 7)
    with pytest.raises(IntegrityError):  # as one that drew the same at the same moment: never over the other's row
        open_user(username="c@example.org")
