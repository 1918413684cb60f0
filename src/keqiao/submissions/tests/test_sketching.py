"""From a running text to a draft by rules, and what is believed of a model's answer: nothing that the text does not say."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.submissions import modelling
from keqiao.submissions.content import shape_problems
from keqiao.submissions.modelling import SaidDraft, SaidTranslation, believed, believed_translation
from keqiao.submissions.sketching import content_from, passage_of, sketch

REGIONS = {"澜江市": "990100", "澜江高新区": "990101"}
NEED = """耐酸纳滤膜的规模化涂覆

一、背景
本公司在澜江市从盐湖卤水提锂，酸性浸出液的分离是关键工序。
二、技术难题
现用膜在 pH 1 下三个月失效，通量只有 8 LMH/bar。
更换一次停产两天。
三、技术指标
水通量不低于 15 LMH/bar；镁锂分离比 20–30。
希望使用寿命达到 12 个月。
四、预期成果：中试样膜和涂覆工艺包
合作方式：委托开发
预算：300万元至500万元
截止日期：2027年6月30日
成熟度要求 TRL 6 以上"""
ENGLISH = """Acid-resistant membrane coating

Problem:
The membrane in use fails after 3 months at pH 1.
Expected results
A pilot roll, water flux at least 15 LMH/bar."""


def fields(found):
    return {finding.field for finding in found}


def test_sections_figures_ways_place_price_and_day_are_found_with_their_places():
    found = sketch("need", NEED, REGIONS)
    content = content_from(found)
    assert shape_problems(content) == []
    texts = content["texts"]["zh"]
    assert texts["title"] == "耐酸纳滤膜的规模化涂覆"
    assert texts["problem"] == "现用膜在 pH 1 下三个月失效，通量只有 8 LMH/bar。\n更换一次停产两天。"
    assert texts["background"].startswith("本公司在澜江市")
    assert texts["wanted"] == "中试样膜和涂覆工艺包"
    assert (content["region"], content["trl_min"], content["deadline"]) == ("990100", 6, "2027-06-30")
    assert (content["price_kind"], content["price_low"], content["price_high"]) == ("amount", 300_000_000, 500_000_000)
    assert content["modes"] == ["development"]
    stated = [(row["name_zh"], row["comparator"], row["value"], row.get("unit", "")) for row in content["indicators"]]
    assert stated == [
        ("水通量", ">=", "15", "LMH/bar"),
        ("镁锂分离比", "range", "20", ""),
        ("使用寿命", ">=", "12", "个月"),
    ]
    flux = next(row for row in content["indicators"] if "通量" in row["name_zh"] and row["comparator"] == ">=")
    assert (flux["value"], flux["unit"], flux["is_must"]) == ("15", "LMH/bar", True)
    for finding in found:
        assert passage_of(NEED, finding.start, finding.end).rstrip("…") in NEED
    row = next(finding for finding in found if finding.value == flux)
    assert passage_of(NEED, row.start, row.end) == "水通量不低于 15 LMH/bar；"


def test_a_wish_is_no_must():
    rows = content_from(sketch("need", "寿命不足。希望使用寿命不低于 12 个月。", {}))["indicators"]
    assert [row["is_must"] for row in rows] == [False]


def test_what_is_to_be_reached_is_no_less_than_that():
    rows = content_from(sketch("need", "希望使用寿命达到 12 个月，现在的通量是 8 LMH/bar。", {}))["indicators"]
    assert [(r["name_zh"], r["comparator"], r["value"], r["unit"]) for r in rows] == [("使用寿命", ">=", "12", "个月")]


def test_english_is_read_into_the_english_version():
    content = content_from(sketch("need", ENGLISH, {}))
    assert content["texts"]["en"] == {
        "title": "Acid-resistant membrane coating",
        "problem": "The membrane in use fails after 3 months at pH 1.",
        "wanted": "A pilot roll, water flux at least 15 LMH/bar.",
    }
    assert content["indicators"][0]["value"] == "15"


def test_a_text_without_headings_is_title_and_body():
    content = content_from(sketch("achievement", "耐酸纳滤膜\n在 pH 1 下稳定，通量 18.2 LMH/bar。", {}))
    assert content["texts"]["zh"] == {"title": "耐酸纳滤膜", "summary": "在 pH 1 下稳定，通量 18.2 LMH/bar。"}


def test_what_the_text_does_not_say_stays_empty():
    assert fields(sketch("need", "我们想解决一个还没有想清楚的问题。\n请先聊聊。", {})) == {
        "texts.zh.title",
        "texts.zh.problem",
    }


@given(st.text(alphabet=st.sampled_from("一、背景难题：:\n 水通量≥15%.、万元TRL6至2027-6-30abc（）"), max_size=300))
def test_any_text_gives_a_draft_of_the_right_shape_made_of_its_own_words(text):
    for finding in sketch("need", text, REGIONS):
        assert 0 <= finding.start < finding.end <= len(text)
        if finding.field.startswith("texts."):
            assert all(line in text for line in finding.value.split("\n"))
    assert shape_problems(content_from(sketch("need", text, REGIONS))) == []


# --- a model's answer -------------------------------------------------------------------------------------------------

NOTHING = dict.fromkeys(
    [
        "title",
        "problem",
        "summary",
        "background",
        "tried",
        "wanted",
        "offers",
        "how",
        "advantage",
        "stage",
        "region",
        "trl",
        "deadline",
        "price",
    ]
) | {"language": "zh", "indicators": [], "modes": []}


def said(**fields):
    return SaidDraft.model_validate({**NOTHING, **fields})


def one(value, passage):
    return {"value": value, "passage": passage}


def indicator(value="15", passage="水通量不低于 15 LMH/bar", **fields):
    row = {"name": "水通量", "comparator": ">=", "value": value, "high": "", "unit": "LMH/bar", "is_must": True}
    return {**row, "passage": passage, **fields}


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ({"title": one("耐酸膜涂覆", "耐酸纳滤膜的规模化涂覆")}, {"texts.zh.title"}),
        ({"title": one("耐酸膜涂覆", "耐酸 纳滤膜的规模化\n涂覆")}, {"texts.zh.title"}),  # white space does not count
        ({"title": one("耐酸膜涂覆", "一句原文里没有的话")}, set()),
        ({"title": one("耐酸膜涂覆", "")}, set()),
        ({"problem": one("膜在 pH 1 下 3 天失效", "现用膜在 pH 1 下三个月失效")}, {"texts.zh.problem"}),
        ({"problem": one("膜只能用 77 天", "现用膜在 pH 1 下三个月失效")}, set()),  # 77 stands nowhere
        ({"indicators": [indicator()]}, {"indicators"}),
        ({"indicators": [indicator("16")]}, set()),
        ({"indicators": [indicator("8")]}, set()),  # elsewhere in the text, not in this passage
        ({"indicators": [indicator("20", "镁锂分离比 20–30", comparator="range", high="30")]}, {"indicators"}),
        ({"indicators": [indicator("30", "镁锂分离比 20–30", comparator="range", high="20")]}, set()),
        ({"indicators": [indicator("much")]}, set()),
        ({"modes": [one("development", "合作方式：委托开发"), one("gift", "合作方式：委托开发")]}, {"modes"}),
        ({"modes": [one("gift", "合作方式：委托开发")]}, set()),
        ({"region": one("澜江市", "本公司在澜江市从盐湖卤水提锂")}, {"region"}),
        ({"region": one("火星", "本公司在澜江市从盐湖卤水提锂")}, set()),
        ({"region": one("澜江高新区", "本公司在澜江市从盐湖卤水提锂")}, set()),  # known, but the text does not say it
        ({"trl": one("6", "成熟度要求 TRL 6 以上")}, {"trl_min"}),
        ({"trl": one("7", "成熟度要求 TRL 6 以上")}, set()),
        ({"deadline": one("2027-06-30", "截止日期：2027年6月30日")}, {"deadline"}),
        ({"deadline": one("2028-06-30", "截止日期：2027年6月30日")}, set()),
        ({"deadline": one("soon", "截止日期：2027年6月30日")}, set()),
        ({"price": {"kind": "amount", "low_yuan": "3000000", "high_yuan": "5000000", "passage": "预算：300万元至500万元"}}, {"price"}),
        ({"price": {"kind": "amount", "low_yuan": "4000000", "high_yuan": "", "passage": "预算：300万元至500万元"}}, set()),
    ],
)  # fmt: skip
def test_only_what_stands_in_the_source_is_believed(answer, kept):
    text = (
        NEED
        if answer.get("problem", {}) != one("膜在 pH 1 下 3 天失效", "现用膜在 pH 1 下三个月失效")
        else NEED + "\n3"
    )
    found = believed("need", said(**answer), text, REGIONS)
    assert fields(found) == kept
    assert shape_problems(content_from(found)) == []


def test_an_answer_to_a_result_has_no_deadline_and_its_own_parts():
    answer = said(
        summary=one("稳定的膜", "耐酸纳滤膜的规模化涂覆"), deadline=one("2027-06-30", "截止日期：2027年6月30日")
    )
    assert fields(believed("achievement", answer, NEED, {})) == {"texts.zh.summary"}


def test_a_translation_keeps_every_number():
    title, body = "耐酸膜", "通量 15 LMH/bar，寿命 1,200 h。"
    right = SaidTranslation(title="Acid-resistant membrane", body="Flux 15 LMH/bar, life 1200 h.")
    wrong = SaidTranslation(title="Membrane 2", body="Flux 18 LMH/bar, life 1200 h.")
    assert set(believed_translation(right, title, body)) == {"title", "body"}
    assert believed_translation(wrong, title, body) == {}


def test_the_schema_has_every_field_required_and_nothing_else():
    schema = SaidDraft.model_json_schema()
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert "{" not in modelling.drafting_instructions("need").replace("{}", "")


def test_numbers_are_compared_as_numbers():
    assert modelling.numbers_in("１５.0 与 1,200") == {Decimal(15), Decimal(1200)}
