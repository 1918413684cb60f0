from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace as Row

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from keqiao.matching.types import Arch, Finding, Stone, StoneResult, Verdict
from keqiao.web import presentation, presentation_rules
from keqiao.web.presentation import Amount, Chip, Said


@pytest.fixture(params=["zh-hans", "en"])
def reader(request):
    with translation.override(request.param):
        yield presentation.language()


def in_both(func):
    """What a function says to a Chinese and to an English reader."""
    said = {}
    for language in ("zh-hans", "en"):
        with translation.override(language):
            said[presentation.language()] = func()
    return said


# --- language ------------------------------------------------------------------------------------------------------------


def test_the_readers_language_comes_first():
    assert in_both(lambda: presentation.either("膜", "membrane")) == {
        "zh": Said("膜", "zh"),
        "en": Said("membrane", "en"),
    }
    assert in_both(lambda: presentation.either("膜", "")) == {"zh": Said("膜", "zh"), "en": Said("膜", "zh")}
    assert in_both(lambda: presentation.either("", "membrane")) == {
        "zh": Said("membrane", "en"),
        "en": Said("membrane", "en"),
    }


def test_chinese_in_an_english_column_is_chinese_all_the_same():
    with translation.override("en"):
        assert presentation.either("检测报告", "检测报告") == Said("检测报告", "zh")


def test_only_foreign_content_is_marked_and_all_of_it_is_escaped():
    assert in_both(lambda: str(Said("<b>膜</b>", "zh").html)) == {
        "zh": "&lt;b&gt;膜&lt;/b&gt;",
        "en": '<span lang="zh-CN">&lt;b&gt;膜&lt;/b&gt;</span>',
    }


def test_a_version_is_the_wanted_one_or_the_readers_or_the_one_there_is():
    def item(*langs):
        return Row(code="XQ-1", texts=Row(all=lambda: [Row(lang=lang, title=lang, origin="author") for lang in langs]))

    def chosen(item, wanted=""):
        return in_both(lambda: (version := presentation.version_of(item, wanted)) and (version.lang, version.others))

    assert chosen(item("zh", "en")) == {"zh": ("zh", ("en",)), "en": ("en", ("zh",))}
    assert chosen(item("zh", "en"), "en") == {"zh": ("en", ("zh",)), "en": ("en", ("zh",))}
    assert chosen(item("en"), "zh") == {"zh": ("en", ()), "en": ("en", ())}
    assert presentation.version_of(item()).title == Said("XQ-1", "zh")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pure-water flux", "Pure-water flux"),
        ("SEPARATION", "Separation"),
        ("pH", "pH"),
        ("d33 coefficient", "d33 coefficient"),
        ("TRL", "TRL"),
        ("", ""),
    ],
)
def test_english_names_are_in_sentence_case(text, shown):
    assert presentation.sentence(Said(text, "en")) == Said(shown, "en")


# --- what people typed -----------------------------------------------------------------------------------------------------


def test_marks_that_reorder_or_hide_text_are_taken_out():
    assert presentation.plain("\u202eabc\u2066d\u200b\ufeff\x01e\tf\u2028g  h ") == "abcd e f g h"


@given(st.text())
def test_plain_text_has_nothing_unseen_and_stays_as_it_is(text):
    once = presentation.plain(text)
    assert presentation.plain(once) == once
    assert not presentation.UNSEEN.search(once)
    assert "\x00" not in once


# --- numbers, money, dates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("15.00000000", "15"),
        ("0.10", "0.1"),
        ("12000", "12,000"),
        ("-1.8", "\u22121.8"),
        ("1E+3", "1,000"),
        (0, "0"),
        (None, ""),
    ],
)
def test_numbers(value, shown):
    assert presentation.number(None if value is None else Decimal(value)) == shown


@pytest.mark.parametrize(
    ("comparator", "high", "shown"),
    [(">=", None, "≥ 15"), ("<=", None, "≤ 15"), ("=", None, "15"), ("range", Decimal(20), "15–20")],
)
def test_quantities(comparator, high, shown):
    assert presentation.quantity(comparator, Decimal(15), high) == shown
    assert presentation.quantity(comparator, None) == ""


@pytest.mark.parametrize(
    ("kind", "low", "high", "currency", "zh", "en"),
    [
        ("amount", 300_000_000, 500_000_000, "CNY", Amount("300–500", "万元"), Amount("3–5", "million CNY")),
        ("amount", 860_000_000, 860_000_000, "CNY", Amount("860", "万元"), Amount("8.6", "million CNY")),
        ("amount", 500_000, 500_000, "CNY", Amount("5,000", "元"), Amount("5", "thousand CNY")),
        ("amount", 15_000_000, 15_000_000, "USD", Amount("15", "万美元"), Amount("150", "thousand USD")),
        ("amount", 900, 900, "JPY", Amount("900", "日元"), Amount("900", "JPY")),
        ("negotiable", None, None, "CNY", Amount("面议"), Amount("Negotiable")),
        ("unknown", None, None, "CNY", Amount("未说明"), Amount("Not stated")),
    ],
)
def test_amounts(kind, low, high, currency, zh, en):
    assert in_both(lambda: presentation.amount(kind, low, high, currency)) == {"zh": zh, "en": en}


def test_days_are_those_of_the_sites_zone():
    late = datetime(2026, 11, 19, 20, 0, tzinfo=UTC)
    assert (presentation.day(late), presentation.day(date(2026, 11, 20)), presentation.day(None)) == (
        "2026-11-20",
        "2026-11-20",
        "",
    )
    assert (presentation.minute(late), presentation.minute(None)) == ("2026-11-20 04:00", "")


# --- matches --------------------------------------------------------------------------------------------------------------------


def finding(verdict, name="通量", *, fit=1.0, must=False, stone=Stone.INDICATORS, offered="18.2 LMH/bar", asked="≥ 15"):
    return Finding(stone, name, "flux", verdict, fit, asked, offered, must=must)


def arch_of(*findings):
    return Arch(50, (StoneResult(Stone.INDICATORS, 100, 0.5, 50, Verdict.PARTLY, findings),), has_unmet=False)


def test_chips_say_what_is_met_then_what_to_ask_then_what_is_not_met():
    arch = arch_of(
        finding(Verdict.UNMET, "幅宽", offered="0.3 m"),
        finding(Verdict.UNKNOWN, "寿命", offered="x"),
        finding(Verdict.MET, "截留率", offered="96.1 %"),
        finding(Verdict.MET, must=True),
        finding(Verdict.PARTLY, "价格", fit=0.3),
    )
    with translation.override("zh-hans"):
        assert presentation.chips(arch) == [
            Chip("yes", Said("通量 18.2 LMH/bar", "zh")),
            Chip("yes", Said("截留率 96.1 %", "zh")),
            Chip("ask", Said("寿命", "zh")),
            Chip("no", Said("幅宽 0.3 m", "zh")),
        ]


def test_a_chip_has_one_language():
    arch = arch_of(finding(Verdict.MET, offered="三年"))
    assert in_both(lambda: presentation.chips(arch)) == {
        "zh": [Chip("yes", Said("通量 三年", "zh"))],
        "en": [Chip("yes", Said("Flux", "en"))],
    }


def test_the_line_stands_before_the_first_unmet():
    rows = [Row(arch=None), Row(arch=Row(has_unmet=False)), Row(arch=Row(has_unmet=True))]
    assert (presentation.line_at(rows), presentation.line_at(rows[:2]), presentation.line_at([])) == (2, None, None)


# --- lists ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "count", "shown"),
    [
        (1, 1, [1]),
        (1, 3, [1, 2, 3]),
        (1, 10, [1, 2, 3, None, 10]),
        (5, 10, [1, None, 3, 4, 5, 6, 7, None, 10]),
        (10, 10, [1, None, 8, 9, 10]),
    ],
)
def test_page_numbers(page, count, shown):
    assert presentation.window(page, count) == shown


def test_the_bridge_joins_the_rows_of_its_pairs():
    def pair(code, day):
        return Row(
            need=Row(code=code), achievement=Row(code=code, published_at=datetime(2026, 11, day, tzinfo=UTC)), score=90
        )

    bridge = presentation.bridge([pair("A", 1), pair("B", 2)])
    assert [match.need.code for match in bridge.right] == ["B", "A"]
    assert [curve.path for curve in bridge.curves] == ["M0 33C50 33 50 99 100 99", "M0 99C50 99 50 33 100 33"]
    assert bridge.height == 132
    assert presentation.bridge([]).height == 0


def test_wings_are_measured_by_the_longest():
    words = presentation.Words(lambda scheme: [Row(code="ai", title_zh="人工智能", title_en="AI")])
    rows = presentation.butterfly({"ai": (10, 5), "": (99, 99), "ic": (0, 20)}, words)
    assert [(row.code, row.title.text, row.needs_width, row.results_width) for row in rows] == [
        ("ic", "ic", 0, 16),
        ("ai", "人工智能", 8, 4),
    ]


def test_a_comparison_has_a_column_for_every_solution_of_today():
    def row(name, *base):
        return Row(name_zh=name, baseline=[{"name_zh": n, "name_en": "", "value": v} for n, v in base])

    item = Row(indicators=Row(all=lambda: [row("通量", ("进口膜", "12.5")), row("变化", ("国产膜", "-24"))]))
    comparison = presentation.comparison(item)
    assert [name.text for name in comparison.names] == ["进口膜", "国产膜"]
    assert [values for _row, values in comparison.rows] == [("12.5", ""), ("", "\u221224")]


@pytest.mark.parametrize(
    ("value", "zh"),
    [
        (15, "15"),
        (0.7, "0.7"),
        (True, "是"),
        ("formula: a * b", "formula: a * b"),
        ({"a": 1, "b": [1, 2]}, "a: 1\nb: 1, 2"),
        ([{"a": 1}, {"a": 2}], "a: 1\na: 2"),
    ],
)
def test_values_of_rules(value, zh):
    assert presentation_rules.parameter_value(value) == zh


def test_passages_are_the_sources_words_or_its_record():
    assert presentation.passage_text({"value": 7, "passage": "to TRL 7"}) == "to TRL 7"
    assert presentation.passage_text({"value": ["A", "B"], "from": "metadata x"}) == "A, B (metadata x)"
