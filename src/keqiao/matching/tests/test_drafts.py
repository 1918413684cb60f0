"""What matching tells the author of a draft."""

import shutil

import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.kernel.models import Event
from keqiao.matching import drafts, indexing
from keqiao.matching.models import Computation, Match
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.matching.types import Stone
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor

pytestmark = pytest.mark.django_db
visitor = parties.visitor()

FLUX = {"name_zh": "纯水通量", "unit": "LMH/bar"}
NEED = {
    "texts": {"zh": {"title": "耐酸纳滤膜的涂覆", "problem": "酸性浸出液提锂，现用纳滤膜三个月失效。"}},
    "ipc": ["B01D 71/56"],
    "trl_min": 6,
    "modes": ["license_exclusive"],
    "indicators": [{**FLUX, "value": "15", "comparator": ">=", "is_must": True}],
}
RESULT = {
    "texts": {"zh": {"title": "耐酸纳滤膜", "summary": "三嗪环分离层的耐酸纳滤膜，用于酸性浸出液提锂。"}},
    "trl": 6,
    "indicators": [{**FLUX, "value": "18.2", "comparator": "="}],
}


@pytest.fixture
def city(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    forget_everything()
    drafts._titles_now.cache_clear()
    load_rules()
    make_code(code="materials", title_zh="新材料", title_en="Materials")
    make_code(scheme="ipc", code="B01D", title_zh="分离", title_en="SEPARATION", level="subclass")
    make_code(scheme="gbt4754", code="265", title_zh="合成材料制造", level="group")
    membrane = make_achievement(
        title="耐酸纳滤膜及连续制备", summary="三嗪环分离层的耐酸纳滤膜，用于酸性浸出液提锂。", ipc=["B01D 71/56"], trl=6,
        modes=["license_exclusive"], indicators=[{**FLUX, "value": "18.2"}], field="materials",
    )  # fmt: skip
    weak = make_achievement(
        title="陶瓷纳滤膜元件", summary="管式陶瓷纳滤膜，耐酸浸出液，通量较低。", ipc=["B01D 71/02"], trl=6,
        indicators=[{**FLUX, "value": "7.2"}], field="materials",
    )  # fmt: skip
    make_achievement(title="轴承寿命预测", summary="声发射与振动融合的风电轴承早期故障诊断。", trl=7, field="equipment")
    hidden = make_achievement(title="耐酸纳滤膜配方", summary="未公开的耐酸纳滤膜，酸性浸出液提锂。", state="draft")
    need = make_need(
        title="耐酸纳滤膜的涂覆", problem="酸性浸出液提锂，现用纳滤膜三个月失效。", ipc=["B01D 71/56"], trl_min=6,
        indicators=[{**FLUX, "target": "15", "comparator": ">="}, {"name_zh": "镁截留率", "target": "92", "unit": "%"}],
        field="materials",
    )  # fmt: skip
    indexing.rebuild(lambda text: None)
    yield {"membrane": membrane, "weak": weak, "hidden": hidden, "need": need}
    forget_everything()
    drafts._titles_now.cache_clear()
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_draft_is_matched_at_once_and_nothing_is_left_behind(city):
    found = drafts.matches_of_draft("need", NEED, actor=visitor)
    assert [row.item.code for row in found.best][:2] == [city["membrane"].code, city["weak"].code]
    assert [row.arch.has_unmet for row in found.best][:2] == [False, True]
    assert (found.is_ready, found.good >= 1, found.total >= 2) == (True, True, True)
    assert (Match.objects.count(), Computation.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_even_the_owner_sees_only_public_items(city):
    owner = make_actor(organisation=city["hidden"].owner)
    codes = [row.item.code for row in drafts.matches_of_draft("need", NEED, actor=owner).best]
    assert city["hidden"].code not in codes


def test_a_result_is_matched_with_needs(city):
    found = drafts.matches_of_draft("achievement", RESULT, actor=visitor)
    assert [row.item.code for row in found.best] == [city["need"].code]
    assert found.best[0].arch.score > 50


@pytest.mark.parametrize("content", [{}, {"texts": {"zh": {"title": "膜"}}}, {"texts": "x", "indicators": 5}])
def test_too_little_text_is_no_match(city, content):
    assert drafts.matches_of_draft("need", content, actor=visitor).is_ready is False
    assert drafts.similar_items("need", content, actor=visitor) == []


def test_similar_items_of_the_same_kind_but_the_one_that_is_changed(city):
    assert [item.code for item in drafts.similar_items("need", NEED, actor=visitor)] == [city["need"].code]
    assert drafts.similar_items("need", NEED, actor=visitor, but=city["need"].code) == []


def test_similar_items_in_the_other_language(city):
    english = [
        make_need(
            title=f"Acid membrane {n}", problem="A nanofiltration membrane system for lithium from acid leaching."
        )
        for n in range(2)
    ]
    make_need(
        title="Bearings", problem="A method for the noise of a gearbox system; the data of bearings of a turbine."
    )
    make_need(title="Gearbox", problem="The noise of bearings in a gearbox, a turbine and its data.")
    indexing.rebuild(lambda text: None)
    found = drafts.similar_items("need", NEED, actor=visitor, but=city["need"].code)
    assert {item.code for item in found} == {item.code for item in english}


def test_the_same_need_again_is_found_and_a_near_one_is_not(city):
    text = city["need"].texts.get()
    again = {"texts": {"zh": {"title": f"急需：{text.title}", "problem": f"{text.problem * 2}请尽快联系。"}}}
    assert [one.item.code for one in drafts.same_items("need", again, actor=visitor)] == [city["need"].code]
    assert drafts.same_items("need", again, actor=visitor, but=city["need"].code) == []
    other = {"texts": {"zh": {"title": "耐酸反渗透膜的寿命", "problem": "稀土废水回用要求脱盐率高，两年内不换膜。"}}}
    assert drafts.same_items("need", other, actor=visitor) == []


def test_figures_of_the_text_that_the_table_lacks():
    texts = {"zh": {"title": "膜", "problem": "要求水通量不低于 15 LMH/bar，厚度偏差不超过 5%。寿命 200–360 天。"}}
    found = drafts.figures_in("need", {"texts": texts})
    assert [(f.want.name_zh, f.want.comparator, str(f.want.target), f.want.unit) for f in found][:2] == [
        ("水通量", ">=", "15", "LMH/bar"),
        ("厚度偏差", "<=", "5", "%"),
    ]
    row = {"name_zh": "水通量", "comparator": ">=", "value": "15", "unit": "LMH/bar"}
    left = drafts.figures_in("need", {"texts": texts, "indicators": [row]})
    assert "水通量" not in {figure.want.name_zh for figure in left}


def test_a_figure_of_the_text_is_shown_where_it_stands():
    texts = {"zh": {"title": "膜", "problem": "现用膜三个月失效。要求水通量不低于 15 LMH/bar，厚度偏差不超过 5%。"}}
    flux, deviation = drafts.figures_in("need", {"texts": texts})
    assert flux.pieces == ("要求", "水通量不低于 15 LMH/bar", "，厚度偏差不超过 5%。")
    assert deviation.pieces == ("要求水通量不低于 15 LMH/bar，", "厚度偏差不超过 5%", "。")


def test_what_needs_like_this_one_ask_for(city):
    assert [want.name_zh for want in drafts.usual_indicators(NEED)] == ["镁截留率"]


def test_classes_are_suggested_with_their_witnesses(city):
    content = {"texts": NEED["texts"]}
    found = drafts.suggested_classes("need", content, actor=visitor)
    assert [(one.code, one.near) for one in found["ipc"]] == [("B01D", 3)]
    assert [one.code for one in found["field"]] == ["materials"]
    assert drafts.suggested_classes("need", {**content, "field": "materials"}, actor=visitor)["field"] == []


def test_gaps_are_the_points_that_cannot_be_given(rules):
    gaps = drafts.gaps_of("need", {})
    assert [(gap.stone, gap.points) for gap in gaps][:2] == [(Stone.INDICATORS, 35), (Stone.TECHNOLOGY, 25)]
    assert sum(gap.points for gap in gaps) == 100
    assert {gap.stone for gap in drafts.gaps_of("need", NEED)} == {Stone.PRICE, Stone.REGION}


def test_odd_contents_are_read_without_complaint(city):
    odd = {
        "texts": {"zh": {"title": 5, "problem": "酸性浸出液提锂，现用纳滤膜三个月失效。"}}, "price_low": "x", "price_kind": "amount",
        "indicators": [{"value": "NaN"}, 7, {"value": True}], "trl_min": "6", "deadline": "x", "modes": "all", "ipc": [1],
    }  # fmt: skip
    assert drafts.matches_of_draft("need", odd, actor=visitor).is_ready
    assert drafts.gaps_of("need", odd)
