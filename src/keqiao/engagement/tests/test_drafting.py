"""The drafted text: open questions first, the same for the same match, in both languages."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.engagement.drafting import MOST_QUESTIONS, Subject, asking, draft
from keqiao.matching.types import Arch, Finding, Stone, StoneResult, Verdict

NEED = Subject("XQ-2026-01873", "耐酸纳滤膜的规模化涂覆")
RESULT = Subject("CG-2026-00642", "界面聚合耐酸纳滤膜")
HAN = re.compile(r"[\u3400-\u9fff]")


def finding(stone=Stone.INDICATORS, verdict=Verdict.MET, **fields):
    given = {"label_zh": "水通量", "label_en": "Water flux", "asked": "≥ 15 LMH/bar", "offered": "18.2 LMH/bar"}
    given |= fields
    return Finding(stone=stone, verdict=verdict, fit=0.5, **given)


def arch(*findings):
    stones = tuple(StoneResult(f.stone, 10, f.fit, 5, f.verdict, (f,)) for f in findings)
    return Arch(5 * len(stones), stones, has_unmet=False)


UNKNOWN = finding(
    verdict=Verdict.UNKNOWN,
    offered="",
    question_zh="“水通量”能否达到 ≥ 15 LMH/bar？有无检测数据？",
    question_en="Does “Water flux” reach ≥ 15 LMH/bar? Are there test data?",
)
PARTLY = finding(verdict=Verdict.PARTLY, offered="12 LMH/bar", must=True)
UNPROVEN = finding()
PROVEN = finding(evidence="CMA 检测报告")
NO_BUDGET = finding(
    stone=Stone.PRICE, verdict=Verdict.UNKNOWN, label_zh="价格", label_en="Price", asked="", offered="300 万元",
    question_zh="需求方的预算大致是多少？", question_en="Roughly what is the company's budget?",
)  # fmt: skip


@pytest.mark.parametrize(
    ("side", "one", "expected"),
    [
        ("need", UNKNOWN, ["“水通量”能否达到 ≥ 15 LMH/bar？有无检测数据？"]),
        (
            "need",
            PARTLY,
            ["您的水通量为 12 LMH/bar，我们要求 ≥ 15 LMH/bar，这一项我们必须满足。能否达到，需要什么条件？"],
        ),
        (
            "need",
            UNPROVEN,
            ["您的水通量指标（18.2 LMH/bar）未说明测试条件和依据，是在什么条件下测得的？有无第三方检测报告？"],
        ),
        ("need", PROVEN, []),
        ("need", NO_BUDGET, ["关于价格，我们公开的资料里还没有写明，可以补充。您最关心其中哪些数据？"]),
        ("achievement", NO_BUDGET, ["需求方的预算大致是多少？"]),
        (
            "achievement",
            UNKNOWN,
            ["关于水通量（≥ 15 LMH/bar），我们公开的资料里还没有写明，可以补充。您最关心其中哪些数据？"],
        ),
        ("achievement", PARTLY, ["您要求水通量 ≥ 15 LMH/bar，我们目前为 12 LMH/bar。这一项能否放宽，或分阶段达到？"]),
        ("achievement", UNPROVEN, []),
        ("need", finding(Stone.TECHNOLOGY, Verdict.PARTLY), []),
        (
            "need",
            finding(Stone.PRICE, Verdict.PARTLY, asked="≤ 500 万元", offered="860 万元"),
            ["您的报价为 860 万元，我们的预算为 ≤ 500 万元。价格或付款方式能否商量？"],
        ),
    ],
)
def test_each_finding_becomes_the_question_that_it_leaves_open(side, one, expected):
    assert list(asking("zh", side, arch(one))) == expected


def test_questions_come_first_hard_requirements_before_all():
    text = draft("zh", "need", NEED, RESULT, arch(PROVEN, UNKNOWN, PARTLY))
    assert text == (
        "您好。\n\n"
        "我们的需求“耐酸纳滤膜的规模化涂覆”（XQ-2026-01873）与贵方的成果“界面聚合耐酸纳滤膜”（CG-2026-00642）可能相互对应。\n\n"
        "想先确认几个问题：\n"
        "1. 您的水通量为 12 LMH/bar，我们要求 ≥ 15 LMH/bar，这一项我们必须满足。能否达到，需要什么条件？\n"
        "2. “水通量”能否达到 ≥ 15 LMH/bar？有无检测数据？\n\n"
        "贵方的水通量 18.2 LMH/bar 与要求相符。\n"
        "如方便，我们可以提供现场工况和样品，约时间详谈。"
    )


def test_the_english_draft_is_english_throughout():
    english = [Subject("XQ-1", "Coating of a membrane"), Subject("CG-1", "Acid-stable membrane")]
    for side in ("need", "achievement"):
        for match in (arch(PROVEN, UNKNOWN, PARTLY, NO_BUDGET), None):
            text = draft("en", side, *english, match)
            assert HAN.search(text.replace("300 万元", "")) is None
            assert text.startswith("Hello.\n\nOur ")


def test_without_a_match_or_with_one_item_the_questions_are_general():
    assert "1. 目前的技术成熟度是几级" in draft("zh", "need", None, RESULT, None)
    assert "我们对贵方的成果“界面聚合耐酸纳滤膜”（CG-2026-00642）感兴趣。" in draft("zh", "need", None, RESULT, None)
    assert "1. 最看重的指标有哪些" in draft("zh", "achievement", NEED, None, None)


@given(
    st.lists(
        st.builds(
            finding,
            stone=st.sampled_from(list(Stone)),
            verdict=st.sampled_from(list(Verdict)),
            must=st.booleans(),
            offered=st.sampled_from(["", "5"]),
            asked=st.sampled_from(["", "≥ 6"]),
            question_zh=st.sampled_from(["", "问？"]),
            question_en=st.sampled_from(["", "Q?"]),
        ),
        max_size=12,
    ),
    st.sampled_from(["zh", "en"]),
    st.sampled_from(["need", "achievement"]),
)
def test_any_arch_gives_a_text_that_is_the_same_every_time(findings, lang, side):
    match = arch(*findings)
    text = draft(lang, side, NEED, RESULT, match)
    assert text == draft(lang, side, NEED, RESULT, match)
    assert len(re.findall(r"^\d+\. ", text, re.MULTILINE)) <= MOST_QUESTIONS
    assert "None" not in text
