"""Pages of lists that may be very long."""

import pytest
from django.test import RequestFactory

from keqiao.kernel import pages
from keqiao.parties.models import Organisation
from keqiao.parties.tests.factories import make_organisation
from keqiao.web.presentation import number

pytestmark = pytest.mark.django_db


def test_a_long_list_is_counted_up_to_a_bound_and_says_so(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(pages, "MOST_COUNTED", 4)
    for _ in range(4):
        make_organisation()
    rows = Organisation.objects.order_by("-pk")
    exact, pager = pages.page_of(rows, 1, 2)
    assert (number(pager["total"]), pager["page_count"], len(exact)) == ("4", 2, 2)
    make_organisation()
    with django_assert_num_queries(1):
        cut = pages.LongList(rows, 2)
        assert (number(cut.count), number(cut.num_pages)) == ("4+", "2+")
    assert [row.pk for row in cut.page(2)] == list(rows.values_list("pk", flat=True)[2:4])


def test_what_is_no_query_is_counted_whole(monkeypatch):
    monkeypatch.setattr(pages, "MOST_COUNTED", 4)
    for rows in (list(range(9)), Organisation.objects.order_by("pk")[:3]):
        assert number(pages.LongList(rows, 2).count) == str(len(rows))


def test_the_address_says_which_page():
    found, pager = pages.shown_page(list(range(9)), RequestFactory().get("/x?box=3"), 2, "box")
    assert (list(found), pager["first"], pager["last"], pager["pages"]) == ([4, 5], 5, 6, [1, 2, 3, 4, 5])
