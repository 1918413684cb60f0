"""Reasons on pages: a passage leads to its place in the text, marked there, in any language version."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock
from keqiao.matching import combining, scoring, stones
from keqiao.matching.gathering import Regions, achievement_facts, need_facts
from keqiao.matching.models import Study
from keqiao.matching.tests.factories import load_rules, make_match
from keqiao.matching.types import Quote
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.web import presentation_reasons as reasons


def test_a_passage_is_marked_in_its_paragraph():
    text = "第一段。\n\n膜在酸中失效。寿命短。"
    start = text.index("膜")
    cited = reasons.Cited("problem", start, start + 7)
    assert reasons.paragraphs(text, "zh", "problem", cited) == (
        '<p>第一段。</p>\n<p><mark id="cited">膜在酸中失效。</mark>寿命短。</p>'
    )
    assert "<mark" not in reasons.paragraphs(text, "zh", "wanted", cited)
    assert "<mark" not in reasons.paragraphs("短", "zh", "problem", cited)


def test_marking_escapes():
    assert reasons.paragraphs("a <b>x</b>", "zh", "how", reasons.Cited("how", 2, 5)) == (
        '<p>a <mark id="cited">&lt;b&gt;</mark>x&lt;/b&gt;</p>'
    )


@pytest.mark.parametrize("text", ["", "problem", "problem:9-3", "problem:1-2-3", "<x>:1-2", "problem:1-99999999"])
def test_what_is_no_place_marks_nothing(text):
    assert reasons.read_cited(text) is None


def test_the_address_of_a_passage():
    item = type("Item", (), {"code": "CG-1"})
    address = reasons.quote_address(item, "achievement", Quote("summary", "en", 3, 9, "x"))
    assert address == "/achievements/CG-1?text=en&cite=summary:3-9#cited"
    assert reasons.read_cited("summary:3-9") == reasons.Cited("summary", 3, 9)


# --- Side by side, together, and what would change it -----------------------------------------------------------------

FLUX = {"name_zh": "纯水通量", "name_en": "pure-water flux", "unit": "LMH/bar"}
WIDTH = {"name_zh": "厚度偏差", "name_en": "thickness deviation", "unit": "%", "comparator": "<="}


def stored(need, achievement):
    """The match of the two as the job would store it, but for the texts."""
    arch = stones.build_arch(
        need_facts(need, Regions()),
        achievement_facts(achievement, Regions()),
        scoring.weights(),
        stones.TechnologyFit(1.0),
    )
    match = make_match(need, achievement)
    match.arch, match.score, match.has_unmet = stones.arch_to_json(arch), arch.score, arch.has_unmet
    match.save()
    return match


@pytest.fixture
def world(db):
    scoring._weights.cache_clear()
    load_rules()
    need = make_need(title="耐酸膜", indicators=[{**FLUX, "target": 15, "comparator": ">="}, {**WIDTH, "target": 5}])
    names = {"good": ("18.2", None), "weak": ("7.2", None), "gauge": (None, "3")}
    made = {}
    for name, (flux, width) in names.items():
        rows = [{**FLUX, "value": flux}] if flux else []
        rows += [{**WIDTH, "value": width}] if width else []
        made[name] = make_achievement(title=f"成果{name}", indicators=rows, trl=6, owner=make_organisation())
        stored(need, made[name])
    facts = need_facts(need, Regions())
    parts = [
        combining.Part(each, stones.judge(facts, each, stones.TechnologyFit(1.0)))
        for each in (achievement_facts(made[name], Regions()) for name in ("good", "gauge"))
    ]
    ids = {achievement.code: achievement.pk for achievement in made.values()}
    found = combining.combine(facts, parts, scoring.weights())
    Study.objects.create(
        need=need,
        version="test",
        at=clock.now(),
        combinations=[combining.to_json(one, ids) for one in found],
        relaxations=[{"row": 0, "target": "7.2", "high": None, "brings": [made["weak"].pk]}],
    )
    return {"need": need, **made}


def sign_in(client, organisation):
    client.force_login(make_person(organisation=organisation).user)


def address(world, *names, page="compare"):
    return f"/needs/{world['need'].code}/{page}?" + "&".join(f"with={world[name].code}" for name in names)


def test_side_by_side_shows_both_values_unknown_and_unmet(client, world):
    text = client.get(address(world, "good", "weak", "gauge")).content.decode()
    assert "18.2 LMH/bar" in text
    assert 'class="c-danger"><span>' in text
    assert "未见数据" in text
    assert "成果good" in text


@pytest.mark.parametrize("names", [(), ("good",)])
def test_one_alone_cannot_be_compared(client, world, names):
    answer = client.get(address(world, *names))
    assert answer.status_code == 400
    assert "请选 2 到 4 项" in answer.content.decode()


def test_what_is_hidden_is_not_compared(client, world):
    type(world["weak"]).objects.filter(pk=world["weak"].pk).update(state="withdrawn")
    assert client.get(address(world, "good", "weak")).status_code == 404
    assert client.get(f"/api/v1{address(world, 'good', 'weak', page='comparison')}").status_code == 404


@pytest.mark.slow
def test_comparing_three_costs_as_much_as_two(client, world):
    def cost(*names):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address(world, *names)).status_code == 200
        return len(queries)

    cost("good", "weak")
    assert cost("good", "weak") == cost("good", "weak", "gauge")


def test_the_list_of_matches_offers_to_compare(client, world):
    text = client.get(f"/needs/{world['need'].code}/matches").content.decode()
    assert text.count('name="with"') == 3


def test_a_combination_is_on_the_needs_page_and_has_its_own(client, world):
    assert "组合方案" in client.get(f"/needs/{world['need'].code}").content.decode()
    where = address(world, "good", "gauge", page="combination")
    text = client.get(where).content.decode()
    assert "技术领域 ①" in text
    assert "成果属于不同单位" in text
    assert "/contacts/new" not in text  # nobody's need
    sign_in(client, world["need"].publisher)
    text = client.get(where).content.decode()
    assert [
        text.count(f"/contacts/new?need={world['need'].code}&amp;achievement={world[n].code}")
        for n in ("good", "gauge")
    ] == [1, 1]


def test_a_combination_with_a_hidden_part_is_not_there(client, world):
    type(world["gauge"]).objects.filter(pk=world["gauge"].pk).update(state="withdrawn")
    assert "组合方案" not in client.get(f"/needs/{world['need'].code}").content.decode()
    assert client.get(address(world, "good", "gauge", page="combination")).status_code == 404
    assert client.get(f"/api/v1/needs/{world['need'].code}/combinations").json() == {"items": []}


def test_only_the_needs_own_people_see_what_would_change(client, world):
    where, api = f"/needs/{world['need'].code}", f"/api/v1/needs/{world['need'].code}/relaxations"
    assert "怎样会有更多匹配" not in client.get(where).content.decode()
    assert client.get(api).json() == {"items": []}
    sign_in(client, world["need"].publisher)
    text = client.get(where).content.decode()
    assert "怎样会有更多匹配" in text
    assert "≥ 7.2 LMH/bar" in text
    assert "+1" in text


def test_the_api_compares_and_combines(client, world):
    found = client.get(f"/api/v1{address(world, 'good', 'weak', page='comparison')}").json()
    flux = next(row for row in found["rows"] if row["label_zh"] == "纯水通量")
    assert [(cell["verdict"], cell["achievement"]) for cell in flux["cells"]] == [
        ("met", world["good"].code),
        ("unmet", world["weak"].code),
    ]
    (one,) = client.get(f"/api/v1/needs/{world['need'].code}/combinations").json()["items"]
    assert one["achievements"] == [world["good"].code, world["gauge"].code]
    assert one["score"] == sum(stone["points"] for stone in one["arch"]["stones"])
    assert json.dumps(one["arch"])
    too_few = client.get(f"/api/v1{address(world, 'good', page='comparison')}")
    assert too_few.status_code == 422
