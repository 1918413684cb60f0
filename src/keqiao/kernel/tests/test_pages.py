"""Pages of lists that may be very long."""

import pytest
from django.test import RequestFactory

from keqiao.kernel import pages
from keqiao.parties.models import Organisation, Post
from keqiao.parties.tests.factories import make_organisation, make_person
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


def test_counts_that_stopped_add_up_to_one_that_stopped():
    assert [str(sum([3, pages.AtLeast(4)])), str(sum([pages.AtLeast(4), 3])), str(sum([3, 4]))] == ["7+", "7+", "7"]


def test_a_page_picks_its_rows_before_it_joins_what_it_shows(django_assert_num_queries):
    posts = [Post.objects.get(person=make_person(organisation=make_organisation())) for _n in range(3)]
    rows = Post.objects.select_related("organisation", "person").filter(ended_on=None).order_by("-pk")
    with django_assert_num_queries(1) as asked:
        shown = [row.organisation.code for row in pages.cut(rows, 0, 2)]
    assert shown == [post.organisation.code for post in posts[:0:-1]]
    assert asked[0]["sql"].count("LIMIT 2") == 1
