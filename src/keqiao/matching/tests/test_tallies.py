"""Long lists are counted ahead, by a job; short ones when they are asked for. Both give the same facets."""

import pytest
from django.db import connection

from keqiao.catalogue.models import Achievement, IPAsset
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock
from keqiao.kernel.errors import NotAllowed
from keqiao.matching import search as searching
from keqiao.matching import services, tallies
from keqiao.matching.models import Tally
from keqiao.matching.search import SearchRequest
from keqiao.parties import selectors as parties

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
visitor = parties.visitor()


@pytest.fixture
def five(monkeypatch):
    for n in range(5):
        make_achievement(
            field="materials" if n < 3 else "energy", trl=[2, 5, 6, 8, None][n], modes=["transfer", "service"][: n % 3]
        )
    make_achievement(state="draft", field="materials")
    make_need(field="energy", trl_min=7, modes=["service"])
    monkeypatch.setattr(tallies, "LONG", 2)
    monkeypatch.setattr(tallies, "COUNTED", 2)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE catalogue_achievement, catalogue_need")


def facets(result):
    return {facet.name: {value.value: value.count for value in facet.values} for facet in result.facets}


def test_what_is_counted_ahead_is_what_would_be_counted_now(five):
    now = searching.search(SearchRequest(), actor=visitor)
    assert (now.total, now.counted_at) == (5, None)
    services.count_list(actor=parties.system(), kind="achievement")
    ahead = searching.search(SearchRequest(), actor=visitor)
    assert (ahead.total, ahead.is_more, facets(ahead)) == (5, False, facets(now))
    assert ahead.counted_at == Tally.objects.get().at <= clock.now()


def test_a_filter_on_a_long_list_is_counted_up_to_a_bound(five):
    services.count_list(actor=parties.system(), kind="achievement")
    three = searching.search(SearchRequest(facets={"field": ("materials",)}), actor=visitor)
    assert (three.total, three.is_more, len(three.items)) == (2, True, 3)
    two = searching.search(SearchRequest(facets={"field": ("energy",)}), actor=visitor)
    assert (two.total, two.is_more, len(two.items)) == (2, False, 2)


def test_rights_alone_were_counted_ahead(five):
    for achievement in Achievement.objects.filter(field="energy"):
        right = {"kind": "invention", "number": achievement.code, "status": "granted", "owner": achievement.owner}
        achievement.assets.add(IPAsset.objects.create(**right))
    services.count_list(actor=parties.system(), kind="achievement")
    granted = searching.search(SearchRequest(facets={"ip": ("granted",)}), actor=visitor)
    assert (granted.total, granted.is_more, len(granted.items)) == (2, False, 2)
    both = searching.search(SearchRequest(facets={"ip": ("granted",), "field": ("materials",)}), actor=visitor)
    assert (both.total, both.is_more, both.items) == (0, False, [])


def test_a_list_that_became_short_is_counted_by_its_page_again(five, monkeypatch):
    services.count_list(actor=parties.system(), kind="achievement")
    monkeypatch.setattr(tallies, "LONG", 1_000)
    assert tallies.of("achievement") is None
    services.count_list(actor=parties.system(), kind="achievement")
    assert not Tally.objects.exists()


def test_only_jobs_and_operators_count(five):
    with pytest.raises(NotAllowed):
        services.count_list(actor=visitor, kind="achievement")
    assert not Tally.objects.exists()


def test_the_page_says_as_of_when(five, client):
    services.count_list(actor=parties.system(), kind="achievement")
    assert "的统计" in client.get("/achievements").content.decode()


def test_within_a_price_facets_of_a_long_list_say_among_how_many_they_were_counted(five, client):
    said = "下列数目只在符合价格条件的最新 2 项里统计"
    assert said not in client.get("/search?kind=achievement&price_high=900").content.decode()
    services.count_list(actor=parties.system(), kind="achievement")
    assert searching.search(SearchRequest(), actor=visitor).facets_within is None
    page = client.get("/search?kind=achievement&price_high=900").content.decode()
    assert said in page
    answer = client.get("/api/v1/search?price_high=900").json()
    assert (answer["facets_within"], sum(answer["facets"]["field"].values())) == (2, 2)
    assert client.get("/api/v1/search").json()["facets_within"] is None
    assert client.get("/api/v1/search?price_high=x").status_code == 422


def test_within_a_price_that_few_have_facets_are_whole(five):
    services.count_list(actor=parties.system(), kind="achievement")
    make_achievement(field="energy", price_kind="amount", price_low=100, price_high=100)
    few = searching.search(SearchRequest(include_negotiable=False), actor=visitor)
    assert (few.facets_within, few.total) == (None, 1)


def test_the_api_takes_the_count_made_ahead_too(five, client):
    services.count_list(actor=parties.system(), kind="achievement")
    make_achievement(field="energy")  # after the count: it is listed, and not yet counted
    answer = client.get("/api/v1/achievements?per_page=10").json()
    assert (answer["total"], len(answer["items"])) == (5, 6)
