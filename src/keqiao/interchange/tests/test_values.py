"""Values as people write them, and that what is written is read back."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.interchange import cells, indicators, values
from keqiao.interchange.values import Unreadable
from keqiao.interchange.world import choices


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("2026年3月1日", "2026-03-01"),
        ("2026年03月01号", "2026-03-01"),
        ("2026/3/1", "2026-03-01"),
        ("2026.3.1", "2026-03-01"),
        ("2026-03-01", "2026-03-01"),
        ("2026-03-01 00:00", "2026-03-01"),
        ("20260301", "2026-03-01"),
        ("２０２６年３月１日", "2026-03-01"),
        ("2026.3", "2026-03-01"),
        ("2026年3月", "2026-03-01"),
        ("46082", "2026-03-01"),
        ("2024-02-29", "2024-02-29"),
    ],
)
def test_dates(cell, date):
    assert values.read_date(cell) == date


@pytest.mark.parametrize(
    ("cell", "date"), [("2026.2", "2026-02-28"), ("2024年2月", "2024-02-29"), ("2026-12", "2026-12-31")]
)
def test_a_month_as_a_deadline_is_its_last_day(cell, date):
    assert values.read_date(cell, end=True) == date


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("2026-02-30", "没有“2026-02-30”这一天。"),
        ("2026-13-01", "没有“2026-13-01”这一天。"),
        ("明年", "“明年”不是日期。"),
        ("0026-01-01", "“0026-01-01”的年份不对。"),
        ("9999999", "“9999999”不是日期。"),
        ("1" * 5000, f"“{'1' * 40}…”不是日期。"),
    ],
)
def test_impossible_dates(cell, said):
    with pytest.raises(Unreadable) as refused:
        values.read_date(cell)
    assert (refused.value.message, refused.value.example) == (said, "2026-12-31")


@pytest.mark.parametrize(
    ("cell", "low", "high", "currency"),
    [
        ("300万元", 300_000_000, 300_000_000, "CNY"),
        ("300–500万元", 300_000_000, 500_000_000, "CNY"),
        ("300万-500万元", 300_000_000, 500_000_000, "CNY"),
        ("300万元至500万元", 300_000_000, 500_000_000, "CNY"),
        ("人民币300万", 300_000_000, 300_000_000, "CNY"),
        ("¥ 12.50", 1250, 1250, "CNY"),
        ("1.2亿元", 12_000_000_000, 12_000_000_000, "CNY"),
        ("０.５亿元", 5_000_000_000, 5_000_000_000, "CNY"),
        ("3,000,000元", 300_000_000, 300_000_000, "CNY"),
        ("5万美元", 5_000_000, 5_000_000, "USD"),
        ("EUR 50000", 5_000_000, 5_000_000, "EUR"),
        ("100万日元", 1_000_000, 1_000_000, "JPY"),
        ("0元", 0, 0, "CNY"),
    ],
)
def test_amounts(cell, low, high, currency):
    assert values.read_price(cell) == {
        "price_kind": "amount", "price_low": low, "price_high": high, "currency": currency,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "kind"), [("面议", "negotiable"), ("negotiable", "negotiable"), ("", "unknown"), ("未说明", "unknown")]
)
def test_prices_without_an_amount(cell, kind):
    assert values.read_price(cell)["price_kind"] == kind


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("300", "“300”没有写单位。"),
        ("很多钱", "“很多钱”不是金额。"),
        ("500–300万元", "“500–300万元”的上限低于下限。"),
        ("-3万元", "“-3万元”不是可用的金额：不能为负，也不能细于一分。"),
        ("0.001元", "“0.001元”不是可用的金额：不能为负，也不能细于一分。"),
        ("99999999999999亿元", "“99999999999999亿元”不是可用的金额：不能为负，也不能细于一分。"),
        ("人民币300美元", "“人民币300美元”写了两种货币。"),
    ],
)
def test_amounts_that_cannot_be_used(cell, said):
    with pytest.raises(Unreadable) as refused:
        values.read_price(cell)
    assert (refused.value.message, bool(refused.value.example)) == (said, True)


@given(
    st.integers(0, 10**13),
    st.integers(0, 10**13),
    st.sampled_from(["CNY", "USD", "EUR", "GBP", "JPY", "HKD", "KRW", "CHF", "SGD", "ILS"]),
)
def test_amounts_round_trip(a, b, currency):
    price = {"price_kind": "amount", "price_low": min(a, b), "price_high": max(a, b), "currency": currency}
    assert values.read_price(values.write_price(price)) == price


@pytest.mark.parametrize("cell", ["6", "6级", "TRL6", "TRL 6", "trl-6", "六级", "第6级", "６"])
def test_trl(cell):
    assert values.read_trl(cell) == 6


@pytest.mark.parametrize("cell", ["0", "10", "TRL", "六点五", "-1", "6.5"])
def test_no_trl(cell):
    with pytest.raises(Unreadable):
        values.read_trl(cell)


@pytest.mark.parametrize(("cell", "yes"), [("是", True), ("Yes", True), ("１", True), ("否", False), ("no", False)])
def test_yes_and_no(cell, yes):
    assert values.read_yes(cell) is yes


def test_choices_by_name_in_either_language_or_value(db):
    modes = choices("mode")
    assert [modes.read(word) for word in ("独占许可", "license_exclusive", "独占实施许可", "作价入股")] == [
        "license_exclusive", "license_exclusive", "license_exclusive", "equity_contribution",
    ]  # fmt: skip
    with pytest.raises(Unreadable) as refused:
        modes.read("赠送")
    assert refused.value.example.startswith("转让、独占许可")


# --- lists and neutralised text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["膜、酸；水", "膜;酸\n水", "膜|酸|水", '["膜", "酸", "水"]', ["膜", "酸", "水"]])
def test_lists(cell):
    assert cells.parts(cell) == ["膜", "酸", "水"]


words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).map(str.strip).filter(bool)


@given(st.lists(words))
def test_lists_round_trip(listed):
    assert cells.parts(cells.joined(listed)) == listed


@given(st.text())
def test_neutral_text_round_trips(text):
    assert cells.as_written(cells.neutral(text)) == text


@given(st.text(st.sampled_from("=+-@\t\r'1.a ")))
def test_nothing_that_is_written_begins_like_a_formula(text):
    written = cells.neutral(text)
    assert cells.as_written(written) == text
    assert written[:1] not in {"=", "+", "-", "@", "\t", "\r"} or cells.NUMBER.fullmatch(written)


def test_a_negative_number_stays_a_number():
    assert [cells.neutral(text) for text in ("-5", "-5.25", "-5+2", "+5", "=1+1", "-", "'=1")] == [
        "-5", "-5.25", "'-5+2", "'+5", "'=1+1", "'-", "''=1",
    ]  # fmt: skip


# --- indicators -------------------------------------------------------------------------------------------------------


def read(cell, kind="achievements"):
    return indicators.read_indicators(cell, kind=kind, evidence=choices("evidence"))


@pytest.mark.parametrize(
    ("cell", "rows"),
    [
        ("水通量≥15 LMH/bar；脱盐率≥98%", [("水通量", ">=", "15", None, "LMH/bar"), ("脱盐率", ">=", "98", None, "%")]),
        ("粒径 20–30 μm", [("粒径", "range", "20", "30", "μm")]),
        ("能耗不高于 1,200 kWh/t", [("能耗", "<=", "1200", None, "kWh/t")]),
        ("纯度：99.9%", [("纯度", "=", "99.9", None, "%")]),
        ("导热系数＞200 W/(m·K)", [("导热系数", ">=", "200", None, "W/(m·K)")]),
        ("使用温度=-40~85℃", [("使用温度", "range", "-40", "85", "℃")]),
        ("株数≥3 “株/穴”", [("株数", ">=", "3", None, "株/穴")]),
        ("pH≥1", [("pH", ">=", "1", None, None)]),
    ],
)
def test_indicators(cell, rows, db):
    assert [(r.get("name_zh"), r["comparator"], r["value"], r.get("high"), r.get("unit")) for r in read(cell)] == rows


def test_indicators_with_everything(db):
    assert read("水通量 / Flux≥15 LMH/bar（25 摄氏度 / at 25 ℃）【第三方检测：报告 A-17】") == [
        {
            "name_zh": "水通量", "name_en": "Flux", "comparator": ">=", "value": "15", "unit": "LMH/bar",
            "condition_zh": "25 摄氏度", "condition_en": "at 25 ℃", "evidence": "third_party", "evidence_zh": "报告 A-17",
        }
    ]  # fmt: skip
    assert read("希望：寿命≥3 年（现状 1）", "needs") == [
        {"name_zh": "寿命", "comparator": ">=", "value": "3", "unit": "年", "is_must": False, "current": "1"}
    ]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("水通量很高", "“水通量很高”不是指标：要有名称、比较、数值和单位。"),
        ("水通量≥15 弗隆每旬", "不认识单位“弗隆每旬”。确实要用就加引号：“弗隆每旬”。"),
        ("粒径=30–20 μm", "指标“粒径”的上限低于下限。"),
        ("水通量≥" + "9" * 40, f"“{'9' * 40}”不是可用的数值。"),
        ("((((" * 120, "“" + "(" * 40 + "…”不是指标：要有名称、比较、数值和单位。"),
        ("≥" * 480, f"“{'≥' * 40}…”不是指标：要有名称、比较、数值和单位。"),
    ],
)
def test_indicators_that_cannot_be_read(cell, said, db):
    with pytest.raises(Unreadable) as refused:
        read(cell)
    assert refused.value.message == said


plain = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20).map(str.strip)
numbers = st.decimals(-(10**9), 10**9, places=3, allow_nan=False).map(lambda n: f"{n.normalize():f}" if n else "0")
units = st.sampled_from(["", "%", "LMH/bar", "mg/L", "W/(m·K)", "株/穴", "℃", "年"])


@st.composite
def rows(draw, kind):
    low, high = draw(numbers), draw(numbers)
    comparator = draw(st.sampled_from([">=", "<=", "=", "range"]))
    if comparator == "range" and Decimal(low) > Decimal(high):
        low, high = high, low
    row = {
        "name_zh": draw(plain), "name_en": draw(plain), "comparator": comparator, "value": low, "unit": draw(units),
        "condition_zh": draw(plain), "condition_en": draw(plain),
    }  # fmt: skip
    if comparator == "range":
        row["high"] = high
    if kind == "needs":
        row |= {"is_must": draw(st.booleans()), "current": draw(st.none() | numbers)}
    else:
        row |= {"evidence": draw(st.sampled_from(["", "third_party", "stated"])), "evidence_zh": draw(plain)}
    return {name: value for name, value in row.items() if value is not None and value != ""}


@pytest.mark.parametrize("kind", ["needs", "achievements"])
def test_indicators_round_trip(kind, db):
    @given(st.lists(rows(kind), max_size=3))
    def check(listed):
        written = indicators.write_indicators(listed, kind=kind, evidence=choices("evidence"))
        assert read(written, kind) == listed

    check()


members = st.fixed_dictionaries(dict.fromkeys(indicators.TEAM_KEYS, plain)).map(
    lambda row: {name: value for name, value in row.items() if value}
)


@given(st.lists(members.filter(bool), max_size=3))
def test_teams_round_trip(team):
    assert indicators.read_team(indicators.write_team(team)) == team


def test_a_team_as_people_write_it():
    assert indicators.read_team("林若川（教授，技术负责人）；许砚秋") == [
        {"name_zh": "林若川", "title_zh": "教授", "role_zh": "技术负责人"},
        {"name_zh": "许砚秋"},
    ]
    assert indicators.read_team("林若川、许砚秋") == [{"name_zh": "林若川"}, {"name_zh": "许砚秋"}]
    assert indicators.read_team(json.dumps([{"name_en": "Lin"}])) == [{"name_en": "Lin"}]
