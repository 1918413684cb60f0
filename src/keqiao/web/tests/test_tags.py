import logging
import re

import pytest
from django.template import Context, Template
from django.utils import translation

from keqiao.matching.search import Passage
from keqiao.matching.types import Arch, Stone, StoneResult, Verdict
from keqiao.web.presentation import Said


def render(source, **context):
    return Template(source).render(Context(context))


def made(*points, score=None):
    """An arch whose first stone is met, whose second is unknown and whose third is unmet."""
    verdicts = (Verdict.MET, Verdict.UNKNOWN, Verdict.UNMET)
    stones = tuple(
        StoneResult(stone, 40, point / 40, point, verdict)
        for stone, point, verdict in zip(
            (Stone.TECHNOLOGY, Stone.INDICATORS, Stone.PRICE), points, verdicts, strict=True
        )
    )
    return Arch(sum(points) if score is None else score, stones, has_unmet=True)


@pytest.mark.parametrize("size", ["s", "l"])
def test_an_arch_has_one_stone_for_each_factor(size):
    svg = render("{% arch match size %}", match=made(40, 20, 0), size=size)
    assert re.findall(r'<path class="(\w+)"', svg) == ["bed", "fill", "ask", "gap"]
    assert ">60</text>" in svg


def test_the_whole_arch_is_said_in_the_readers_language():
    label = r'role="img" aria-label="([^"]+)"'
    with translation.override("zh-hans"):
        (zh,) = re.findall(label, render("{% arch match %}", match=made(40, 20, 0)))
    with translation.override("en"):
        (en,) = re.findall(label, render("{% arch match %}", match=made(40, 20, 0)))
    assert (
        zh
        == "匹配度 60，满分 100。技术领域：40 分中得 40 分，满足；关键指标：40 分中得 20 分，待确认；价格：40 分中得 0 分，未满足。"
    )
    assert en == (
        "Match 60 of 100. Technical field: 40 of 40 points, met; "
        "Requirements: 20 of 40 points, to be confirmed; Price: 0 of 40 points, not met."
    )


@pytest.mark.parametrize(
    ("match", "shown"),
    [
        (made(40, 20, 0, score=61), None),
        (made(40, 20, 0), 59),
        (made(41, 20, 0), None),
        (Arch(0, (), has_unmet=False), None),
    ],
)
def test_an_arch_that_does_not_add_up_is_logged_and_not_drawn(match, shown, caplog):
    with caplog.at_level(logging.ERROR, "keqiao.web"):
        assert render("{% arch match 's' shown %}", match=match, shown=shown) == ""
    assert [record.message for record in caplog.records] == ["an arch does not add up"]


def test_maturity_bars():
    html = render("{% trl 6 %}")
    assert (html.count("<i "), html.count('class="on"')) == (9, 6)
    assert 'aria-label="技术成熟度 6 级，共 9 级"' in html
    assert render("{% trl None %}") == ""


def test_the_ladder_marks_where_it_stands():
    html = render("{% ladder 6 7 %}")
    assert re.findall(r"<li( [^>]*?)? style", html) == [' class="on"'] * 5 + [
        ' aria-current="step"',
        ' class="goal"',
        "",
        "",
    ]


def test_marked_passages_are_escaped_around_their_marks():
    assert render("{{ p|marked }}", p=Passage("膜<i>通量", ((4, 6),))) == "膜&lt;i&gt;<mark>通量</mark>"


def test_marks_outside_the_passage_are_passed_over():
    assert render("{{ p|marked }}", p=Passage("通量", ((0, 1), (0, 2), (1, 9)))) == "<mark>通</mark>量"


def test_content_is_marked_where_the_page_is_in_another_language():
    assert render("{{ x|said }}", x=Said("flux", "en")) == '<span lang="en">flux</span>'
    assert render("{{ x|said }}", x="通量") == "通量"
    assert render("{{ x|said }}", x="") == ""


def test_paragraphs():
    assert render('{{ x|paragraphs:"en" }}', x="a <b>\n\n b") == '<p lang="en">a &lt;b&gt;</p>\n<p lang="en">b</p>'


def test_schema_cannot_leave_its_element():
    html = render("{% json_ld row %}", row={"name": "</script><b>&"})
    assert html == '<script type="application/ld+json">{"name": "\\u003c/script\\u003e\\u003cb\\u003e\\u0026"}</script>'
