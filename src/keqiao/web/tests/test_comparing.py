"""Results of a search side by side: what is picked stays picked, hidden things are missing, indicators of one name share a line."""

import re
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.catalogue.types import Shown
from keqiao.matching.tests.factories import load_rules
from keqiao.web import presentation_compare
from keqiao.web.presentation_compare import Column

pytestmark = pytest.mark.django_db
FLUX = {"name_zh": "纯水通量", "name_en": "pure-water flux", "unit": "LMH/bar"}
COST = {"name_zh": "膜材成本", "name_en": "membrane cost", "unit": "元/m²"}


@pytest.fixture(autouse=True)
def _world():
    cache.clear()
    load_rules()


@pytest.fixture
def three():
    """A flux in two of them, a cost in the last two."""
    return [
        make_achievement(title="甲", trl=6, indicators=[{**FLUX, "value": "18.2", "condition_zh": "25 ℃"}]),
        make_achievement(title="乙", trl=4, indicators=[{**COST, "value": 90}, {**FLUX, "value": "7.2"}]),
        make_achievement(title="丙", modes=["transfer"], indicators=[{**COST, "value": 146}]),
    ]


def address(*items, **asked):
    pairs = [*asked.items(), *(("with", item.code) for item in items)]
    return "/search/compare?" + "&".join(f"{name}={value}" for name, value in pairs)


def text_of(client, where, status=200):
    answer = client.get(where)
    assert answer.status_code == status
    return answer.content.decode()


def test_indicators_of_one_name_share_a_line_and_shared_lines_come_first(three):
    lines = presentation_compare.figures([Column(item, None, None, "") for item in three])
    assert [(line.name.text, [said.text for _column, said in line.cells]) for line in lines] == [
        ("纯水通量", ["18.2 LMH/bar (25 ℃)", "7.2 LMH/bar", ""]),
        ("膜材成本", ["", "90 元/m²", "146 元/m²"]),
    ]


def test_figures_in_units_of_another_kind_do_not_share_a_line():
    one = make_achievement(indicators=[{**COST, "value": 90}])
    other = make_achievement(indicators=[{**COST, "unit": "元/t", "value": 90}])
    assert len(presentation_compare.figures([Column(item, None, None, "") for item in (one, other)])) == 2


def test_side_by_side_in_the_order_of_picking(client, three):
    html = text_of(client, address(three[1], three[0]))
    assert html.index(f"/achievements/{three[1].code}") < html.index(f"/achievements/{three[0].code}")
    assert "18.2 LMH/bar (25 ℃)" in html
    assert "查找的条件</th>" not in html  # nothing was asked


def test_what_was_searched_for_is_compared_too(client, three):
    html = text_of(client, address(*three, q="TRL 5 以上"))
    assert re.findall(r"<b>(\d+)</b>\s*</td>", html) == ["100", "70", "50"]  # unknown counts half


def test_needs_are_compared_and_a_hidden_publisher_stays_hidden(client):
    need, other = make_need(title="甲", trl_min=6), make_need(title="乙", publisher_shown=Shown.HIDDEN)
    html = text_of(client, address(need, other, kind="need"))
    assert "TRL ≥ 6" in html
    assert need.publisher.name_zh in html
    assert other.publisher.name_zh not in html


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_are_not_compared(client, three, count):
    html = text_of(client, address(*three[:count], q="膜"), status=400)
    assert f"现在选了 {count} 项" in html
    assert 'href="/search?q=%E8%86%9C' in html


def test_five_are_too_many(client):
    assert "现在选了 5 项" in text_of(client, address(*(make_achievement() for _ in range(5))), status=400)


@pytest.mark.parametrize("state", ["draft", "withdrawn", "closed"])
def test_what_is_not_public_looks_like_what_is_missing(client, three, state):
    type(three[0]).objects.filter(pk=three[0].pk).update(state=state)
    assert client.get(address(three[0], three[1])).status_code == 404
    assert client.get(address(three[1], three[2])).status_code == 200


def test_the_other_kind_is_missing(client, three):
    assert client.get(address(*three, kind="need")).status_code == 404


@pytest.mark.slow
def test_comparing_four_costs_as_much_as_two(client, three):
    four = [*three, make_achievement()]

    def cost(*items):
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            text_of(client, address(*items, q="TRL 5 以上"))
        return len(queries)

    cost(*four)
    assert cost(*four[:2]) == cost(*four) <= 14


def test_picks_stay_on_the_other_pages_of_the_list(client, three):
    for _ in range(10):
        make_achievement()
    first, last = three[0].code, make_achievement().code  # the newest stands on the first page
    html = text_of(client, f"/search?with={first}&with={last}&trl=4-6&utm=x").replace("&amp;", "&")
    assert f'<input type="hidden" name="with" value="{first}">' not in html  # the filter leaves it on this page
    html = text_of(client, f"/achievements?with={first}&with={last}&utm=x").replace("&amp;", "&")
    assert f'<input type="hidden" name="with" value="{first}">' in html
    assert re.search(rf'name="with" value="{last}"[^>]* checked', html)
    assert "已选 2 项对比" in html
    assert f"with={first}&with={last}&utm=x&page=2" in html
    assert 'name="utm"' not in html


def api(*items, **asked):
    return "/api/v1" + address(*items, **asked).replace("compare", "comparison")


def test_the_api_compares_what_was_found(client, three):
    found = client.get(api(three[1], three[0], q="TRL 5 以上")).json()
    assert [(one["code"], one["trl"]) for one in found["items"]] == [(three[1].code, 4), (three[0].code, 6)]
    assert [one["score"] for one in found["items"]] == [one["arch"]["score"] for one in found["items"]] == [70, 100]
    flux, cost = found["figures"]
    assert [(Decimal(cell["value"]), cell["condition_zh"]) for cell in flux] == [
        (Decimal("7.2"), ""),
        (Decimal("18.2"), "25 ℃"),
    ]
    assert [cell and cell["name_zh"] for cell in cost] == ["膜材成本", None]
    assert client.get(api(*three)).json()["items"][0]["arch"] is None  # nothing was asked


def test_the_api_compares_needs_without_their_publishers(client):
    need, other = make_need(trl_min=6), make_need(publisher_shown=Shown.HIDDEN)
    answer = client.get(api(need, other, kind="need"))
    assert [one["trl"] for one in answer.json()["items"]] == [6, None]
    assert other.publisher.name_zh not in answer.content.decode()


def test_the_api_refuses_one_and_hides_what_is_hidden(client, three):
    assert client.get(api(three[0])).status_code == 422
    type(three[0]).objects.filter(pk=three[0].pk).update(state="draft")
    assert client.get(api(three[0], three[1])).status_code == 404


def test_the_api_searches_by_facets_and_names_a_value_that_there_is_not(client, three):
    def found(**asked):
        answer = client.get("/api/v1/search", asked)
        return answer.status_code, answer.json()

    status, some = found(modes=["transfer"])
    assert (status, [one["code"] for one in some["items"]]) == (200, [three[2].code])
    status, trouble = found(trl="12")
    assert (status, trouble["field"]) == (422, "trl")
    assert "12" in trouble["detail"]
    assert found(kind="need", ip="granted")[0] == 422
