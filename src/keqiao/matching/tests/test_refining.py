"""What is said of a draft before it is handed in."""

import shutil

import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel.models import Event
from keqiao.matching import indexing, refining
from keqiao.matching.models import Computation, Match
from keqiao.matching.refining import Cost, Misfit
from keqiao.matching.tests.factories import forget_everything, load_rules

FLUX = {"name_zh": "纯水通量", "unit": "LMH/bar"}
PROBLEM = "酸性浸出液提锂，现用纳滤膜三个月失效。"
NEED = {
    "texts": {"zh": {"title": "耐酸纳滤膜的涂覆", "problem": PROBLEM}},
    "indicators": [{**FLUX, "value": "15", "comparator": ">=", "is_must": True}],
}


OTHER_FIELDS = (
    "光伏玻璃的减反射镀层", "猪蓝耳病的荧光检测试剂", "码头起重机的远程操控", "苹果采后的低温贮藏", "高炉煤气的余热回收",
    "方言语音的识别模型", "桥梁拉索的振动监测", "碳化硅衬底的研磨抛光", "污泥的厌氧发酵", "航空发动机叶片的热障涂层",
)  # fmt: skip


@pytest.fixture
def field(db, settings, tmp_path):
    """Three results of one field among others: one reaches the flux, one misses it, one is hidden; a need and a result
    state a rejection."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    load_rules()
    text = "三嗪环分离层的耐酸纳滤膜，用于酸性浸出液提锂。"
    make_achievement(
        title="耐酸纳滤膜", summary=text, indicators=[{**FLUX, "value": "18.2", "condition_zh": "25 ℃，2 g/L NaCl"}]
    )
    make_achievement(title="陶瓷耐酸纳滤膜", summary=f"{text}镁截留率达到 96%。", indicators=[{**FLUX, "value": "7.2"}])
    make_achievement(title="未公开的耐酸纳滤膜", summary=text, state="draft", indicators=[{**FLUX, "value": "3"}])
    make_need(title="耐酸纳滤膜", problem=PROBLEM, indicators=[{"name_zh": "镁截留率", "target": "92", "unit": "%"}])
    for title in OTHER_FIELDS:
        make_achievement(title=title, summary=f"{title}，小试已完成。")
    indexing.rebuild(lambda text: None)
    yield
    forget_everything()
    shutil.rmtree(tmp_path, ignore_errors=True)


def words(problem):
    return [one.word for one in refining.vague_words("need", {"texts": {"zh": {"title": "膜", "problem": problem}}})]


def test_vague_words_are_those_whose_sentence_has_no_figure():
    assert words("需要高性能、低成本的膜。通量显著高于 15 LMH/bar。") == ["高性能", "低成本"]
    assert words("通量不低于 15 LMH/bar。") == []
    said = refining.vague_words(
        "need", {"texts": {"en": {"title": "x", "wanted": "A low-cost, high efficiency membrane."}}}
    )
    assert [(one.word, one.part, one.before) for one in said][:1] == [("low-cost", "wanted", "A ")]


def test_units_that_cannot_measure_what_the_name_says():
    rows = [
        {"name_zh": "工作温度", "unit": "MPa"}, {"name_zh": "工作温度", "unit": "℃"}, {"name_zh": "寿命", "unit": "次"},
        {"name_zh": "脱盐率", "unit": "bar"}, {"name_zh": "通量", "unit": "qux"}, {"name_zh": "", "unit": "kg"},
    ]  # fmt: skip
    assert list(refining.misfits({"indicators": rows})) == [
        Misfit(0, "工作温度", "MPa", "℃"), Misfit(3, "脱盐率", "bar", "%"), Misfit(4, "通量", "qux", "")
    ]  # fmt: skip


def test_what_a_hard_condition_costs_and_what_the_field_states(field):
    said = refining.advice("need", NEED)
    assert (said.near, said.matching) == (2, 1)
    assert said.costs == (Cost("纯水通量", "纯水通量", "≥ 15 LMH/bar", lost=1, alone=1),)
    assert [(one.name, one.example) for one in said.unconditioned] == [("纯水通量", "25 ℃，2 g/L NaCl")]
    assert [(one.name_zh, one.witnesses) for one in said.asked] == [("镁截留率", 2)]
    assert (Match.objects.count(), Computation.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_a_wish_costs_nothing(field):
    wish = {**NEED, "indicators": [{**NEED["indicators"][0], "is_must": False}]}
    assert refining.advice("need", wish).costs == ()


@pytest.mark.parametrize(
    "content", [{}, {"texts": 5, "indicators": [7, {"unit": 3}]}, {"texts": {"zh": {"title": "膜"}}}]
)
def test_odd_and_empty_drafts_are_looked_at_without_complaint(field, content):
    assert refining.advice("need", content).costs == ()
    assert refining.advice("achievement", content).near == 0
