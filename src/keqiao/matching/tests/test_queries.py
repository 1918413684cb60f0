"""What people type into the search box, what is understood, and what happens when it is hostile."""

from decimal import Decimal
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keqiao.matching.queries import (
    LONGEST_QUERY,
    MOST_TERMS,
    asked,
    asked_weights,
    read_query,
    search_arch,
)
from keqiao.matching.technology import TechnologyFit
from keqiao.matching.tests.costs import costs_no_more
from keqiao.matching.types import AchievementFacts, Offered, Price, Stone, Weights

REGIONS = {"澜江市": "LJ", "Lanjiang City": "LJ", "高新区": "LJ03", "东屏市": "DP", "中国": "CN", "China": "CN"}
WEIGHTS = Weights(dict(zip(Stone, (25, 35, 15, 10, 10, 5), strict=True)), "test")


def read(text, drop=()):
    return read_query(text, REGIONS, drop)


def labels(text, kind):
    return [chip.label_zh for chip in read(text).of_kind(kind)]


@pytest.mark.parametrize(
    ("text", "label", "comparator", "target", "high", "unit"),
    [
        ("通量 15 以上", "通量 ≥ 15", ">=", "15", None, ""),
        ("通量15LMH/bar以上", "通量 ≥ 15 LMH/bar", ">=", "15", None, "LMH/bar"),
        ("通量１５ＬＭＨ／ｂａｒ以上", "通量 ≥ 15 LMH/bar", ">=", "15", None, "LMH/bar"),
        ("纳滤膜 通量不低于 15 LMH/bar", "通量 ≥ 15 LMH/bar", ">=", "15", None, "LMH/bar"),
        ("耐酸的膜通量≥15 L/(m²·h·bar)", "膜通量 ≥ 15 L/(m²·h·bar)", ">=", "15", None, "L/(m²·h·bar)"),
        ("孔隙率小于 5%", "孔隙率 ≤ 5 %", "<=", "5", None, "%"),
        ("厚度 15~20 μm", "厚度 15–20 μm", "range", "15", "20", "μm"),
        ("厚度 20-15μm", "厚度 15–20 μm", "range", "15", "20", "μm"),
        ("工作温度 -40 至 85 ℃", "工作温度 -40–85 ℃", "range", "-40", "85", "℃"),
        ("成本 <= 3 万元", "成本 ≤ 3 万元", "<=", "3", None, "万元"),
        ("寿命大于1,000小时", "寿命 ≥ 1000 小时", ">=", "1000", None, "小时"),
        ("循环寿命超过 1 万次", "循环寿命 ≥ 1 万次", ">=", "1", None, "万次"),
        ("flux at least 15 LMH/bar", "flux ≥ 15 LMH/bar", ">=", "15", None, "LMH/bar"),
        ("membrane with flux of at least 15 LMH/bar", "flux ≥ 15 LMH/bar", ">=", "15", None, "LMH/bar"),
        ("energy use below 2.5 GJ/t", "energy use ≤ 2.5 GJ/t", "<=", "2.5", None, "GJ/t"),
        ("ionic conductivity is more than 3 mS/cm", "ionic conductivity ≥ 3 mS/cm", ">=", "3", None, "mS/cm"),
        ("cycle life 5000 cycles or more", "cycle life ≥ 5000 cycles", ">=", "5000", None, "cycles"),
        ("thickness 15 to 20 um", "thickness 15–20 um", "range", "15", "20", "um"),
        ("pH 1–2", "pH 1–2", "range", "1", "2", "pH"),
    ],
)
def test_indicators(text, label, comparator, target, high, unit):
    (chip,) = read(text).of_kind("indicator")
    want = chip.indicator
    assert chip.label_zh == label
    assert (want.comparator, want.target, want.unit) == (comparator, Decimal(target), unit)
    assert want.high == (Decimal(high) if high else None)
    assert want.must


@pytest.mark.parametrize(
    "text", ["PM2.5 传感器", "5G 通信", "碳化硅 1200V MOSFET", "COVID-19 检测", "2026 年", "15", "≥", "耐酸膜"]
)
def test_no_indicator(text):
    assert read(text).of_kind("indicator") == ()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("TRL 6 以上", 6, None), ("TRL6", 6, None), ("TRL≥6", 6, None), ("trl at least 7", 7, None),
        ("成熟度 5-7", 5, 7), ("技术成熟度5~7级", 5, 7), ("技术就绪度不低于6级", 6, None), ("TRL 4 以下", None, 4),
        ("TRL 5 to 7", 5, 7), ("中试", 6, None), ("已完成中试的工艺", 6, None), ("量产", 9, None),
        ("pilot-scale reactor", 6, None), ("mass production", 9, None), ("小试", 4, None),
    ],
)  # fmt: skip
def test_maturity(text, low, high):
    (chip,) = read(text).of_kind("trl")
    assert (chip.trl_min, chip.trl_max) == (low, high)


@pytest.mark.parametrize("text", ["中试平台", "中试基地建设", "TRL", "TRL 0", "control 6"])
def test_no_maturity(text):
    assert read(text).of_kind("trl") == ()


@pytest.mark.parametrize(
    ("text", "modes"),
    [
        ("许可", ("license_exclusive", "license_sole", "license_nonexclusive", "open_license")),
        ("独占许可", ("license_exclusive",)),
        ("作价投资", ("equity_contribution",)),
        ("专利转让", ("transfer",)),
        ("合作开发", ("development",)),
        ("技术服务", ("service",)),
        ("exclusive licence", ("license_exclusive",)),
        ("joint development", ("development",)),
        ("licensing", ("license_exclusive", "license_sole", "license_nonexclusive", "open_license")),
    ],
)
def test_modes(text, modes):
    (chip,) = read(text).of_kind("mode")
    assert chip.modes == modes


def test_fees_are_no_modes():
    query = read("许可费 300 万以内")
    assert query.of_kind("mode") == ()
    assert labels("许可费 300 万以内", "price") == ["价格 ≤ 300 万元"]


@pytest.mark.parametrize(
    ("text", "low", "high", "currency"),
    [
        ("300 万以内", None, 300_0000_00, "CNY"),
        ("３００万元以内", None, 300_0000_00, "CNY"),
        ("价格不超过1.5亿元", None, 1_5000_0000_00, "CNY"),
        ("预算 200-500万", 200_0000_00, 500_0000_00, "CNY"),
        ("预算300万元至500万元", 300_0000_00, 500_0000_00, "CNY"),
        ("预算在300万到500万元之间", 300_0000_00, 500_0000_00, "CNY"),
        ("budget EUR 200 000 to EUR 500 000", 200_000_00, 500_000_00, "EUR"),
        ("预算 50万元", None, 50_0000_00, "CNY"),
        ("¥300万以内", None, 300_0000_00, "CNY"),
        ("≤ 3 万元", None, 3_0000_00, "CNY"),
        ("100 万元以上", 100_0000_00, None, "CNY"),
        ("under $2 million", None, 2_000_000_00, "USD"),
        ("budget 3 million CNY", None, 3_000_000_00, "CNY"),
        ("price below EUR 50,000", None, 50_000_00, "EUR"),
        ("budget up to 200k EUR", None, 200_000_00, "EUR"),
    ],
)
def test_prices(text, low, high, currency):
    (chip,) = read(text).of_kind("price")
    assert chip.price == Price("amount", low, high, currency)


def test_regions():
    assert [chip.region for chip in read("澜江的纳滤膜").of_kind("region")] == ["LJ"]
    assert [chip.region for chip in read("membrane in Lanjiang").of_kind("region")] == ["LJ"]
    assert [chip.region for chip in read("高新区 传感器").of_kind("region")] == ["LJ03"]
    assert read("Chinaware glaze").of_kind("region") == ()
    assert read("membrane in Lanjiang").text == "membrane"


def test_terms():
    assert labels("寻找耐酸的纳滤膜和提锂工艺", "term") == ["耐酸", "纳滤膜", "提锂工艺"]
    assert labels("acid-resistant membrane for lithium recovery", "term") == [
        "acid-resistant membrane",
        "lithium recovery",
    ]
    assert labels("5G 3D打印 PM2.5", "term") == ["5G", "3D打印", "PM2.5"]
    assert len(labels("一级 二级 三级 四级 五级 六级 七级 八级", "term")) == MOST_TERMS


def test_one_search_with_everything():
    text = "耐酸纳滤膜，通量不低于15LMH/bar，厚度 15~20 μm，澜江 许可 300 万以内 TRL 6 以上"
    query = read(text)
    assert [chip.kind for chip in query.chips] == [
        "term", "indicator", "indicator", "trl", "mode", "price", "region",
    ]  # fmt: skip
    assert query.text == "耐酸纳滤膜,通量 ,厚度"
    need = query.as_need({"LJ": ("CN", "LP", "LJ")})
    assert (need.trl_min, need.region, need.region_wish) == (6, "LJ", "local")
    assert need.region_path == ("CN", "LP", "LJ")
    assert need.budget == Price("amount", None, 300_0000_00)
    assert len(need.indicators) == 2
    offer = query.as_achievement()
    assert (offer.trl, offer.modes, len(offer.indicators)) == (6, need.modes, 2)


def test_chips_know_their_place():
    query = read("纳滤膜　通量１５以上　TRL 6")
    for chip in query.chips:
        assert 0 <= chip.start < chip.end <= len(query.source)
    assert query.source[query.chips[1].start : query.chips[1].end] == "通量１５以上"


def test_a_chip_is_taken_away_by_its_address_alone():
    query = read("纳滤膜 通量 15 以上 TRL 6 以上")
    chip = query.of_kind("indicator")[0]
    params = parse_qsl(urlencode(query.to_params(without=chip.id)))
    again = read(params[0][1], drop=[value for key, value in params if key == "drop"])
    assert again == query.without(chip.id)
    assert again.of_kind("indicator") == ()
    assert again.text == "纳滤膜"
    assert [c.id for c in again.chips] == [c.id for c in query.chips if c.id != chip.id]
    assert again.to_params() == query.to_params(without=chip.id)


def test_ids_depend_on_the_meaning_only():
    assert read("通量 15 以上").chips[0].id == read("耐酸膜，通量≥15").of_kind("indicator")[0].id
    assert read("通量 15 以上").chips[0].id != read("通量 16 以上").chips[0].id


def test_unknown_drops_are_ignored():
    assert read("纳滤膜", drop=["zzz", "\x00", "deadbeef"]).dropped == ("deadbeef",)


def test_empty():
    query = read(" \x00 ")
    assert not query
    assert (query.text, query.chips) == ("", ())


# --- Judging results --------------------------------------------------------------------------------------------------

ACHIEVEMENT = AchievementFacts(
    "A1", "耐酸纳滤膜", "一种耐酸纳滤膜，用于提锂。", trl=5, modes=("license_exclusive",),
    indicators=(Offered("纯水通量", "pure-water flux", "=", Decimal("18.2"), "LMH/bar"),),
    price=Price("amount", 400_0000_00, 400_0000_00), region="LJ03", region_path=("CN", "LP", "LJ", "LJ03"),
)  # fmt: skip
PATHS = {"LJ": ("CN", "LP", "LJ"), "DP": ("CN", "LP", "DP")}


def test_only_what_was_asked_is_scored():
    query = read("纳滤膜 通量 15 以上")
    weights = asked_weights(query, WEIGHTS)
    assert weights.points == {Stone.TECHNOLOGY: 42, Stone.INDICATORS: 58}
    arch = search_arch(asked(query, WEIGHTS), ACHIEVEMENT, TechnologyFit(1.0))
    assert arch.score == 100
    assert arch.questions == ()
    assert search_arch(asked(read("纳滤膜"), WEIGHTS), ACHIEVEMENT, TechnologyFit(0.9)).score == 90


def test_an_unmet_must_of_a_search_is_red():
    arch = search_arch(asked(read("纳滤膜 通量 20 LMH/bar 以上"), WEIGHTS), ACHIEVEMENT, TechnologyFit(1.0))
    assert arch.has_unmet
    assert arch.score == 42


@given(
    st.lists(
        st.sampled_from(["纳滤膜", "通量 15 以上", "TRL 6", "许可", "300 万以内", "澜江"]), max_size=6, unique=True
    )
)
def test_weights_of_a_search_always_add_up(parts):
    query = read(" ".join(parts))
    assert sum(asked_weights(query, WEIGHTS).points.values()) == 100
    arch = search_arch(asked(query, WEIGHTS, PATHS), ACHIEVEMENT, TechnologyFit(0.77))
    assert arch.score == sum(stone.points for stone in arch.stones)


# --- Hostile input ----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    query = read(text)
    assert "\x00" not in query.source
    assert all(0 <= chip.start < chip.end <= len(query.source) for chip in query.chips)
    assert len({chip.id for chip in query.chips}) == len(query.chips)
    for chip in query.chips:
        assert chip.id not in {other.id for other in query.without(chip.id).chips}
    assert read(query.source).chips == query.chips


@settings(deadline=None)
@given(st.text(alphabet="通量不低于以上至少0123456789.,~-≥<=%μm万元亿TRL级许可 /·", max_size=200))
def test_any_mixture_of_what_is_looked_for_can_be_read(text):
    query = read(text)
    search_arch(asked(query, WEIGHTS), ACHIEVEMENT, TechnologyFit(0.5))


HOSTILE = [
    "1" * 10_000, "通量 " * 3_000, "9,999" * 2_000, "a " * 5_000, "≥ " * 5_000, "\x00\u202e" * 5_000, "(" * 10_000,
    "1-" * 5_000, "1 万" * 3_000, "TRL" * 3_000, "15 at least " * 800, "a" * 10_000 + " 1 mm", "通量不低于15" * 1_400,
    "1.1.1.1." * 1_200, " " * 10_000, "\ud800" * 100, "1 μm" * 2_500, "TRL 5 to " * 1_000, "m/" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:8]))
def test_hostile_text_costs_no_more_than_ordinary_text(text):
    assert costs_no_more(read, text)
    assert len(read(text).source) <= LONGEST_QUERY
