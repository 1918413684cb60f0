"""The arch: points add up, unknown is a question, an unmet must is red, and every demo pair says what its note says."""

import json
import math
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.matching.indicators import align, is_other_condition, judge, name_similarity
from keqiao.matching.reasons import Asked, read_passages
from keqiao.matching.stones import (
    MODE_NAMES,
    TechnologyFit,
    arch_from_json,
    arch_to_json,
    build_arch,
    calibrate,
    mode_nearness,
    ranking_key,
    shared_ipc,
    technology_fit,
    whole_points,
)
from keqiao.matching.technology import words_fit
from keqiao.matching.text import fingerprint, tokens
from keqiao.matching.types import (
    AchievementFacts,
    Citation,
    NeedFacts,
    Offered,
    Price,
    Quote,
    Stone,
    Verdict,
    Wanted,
    Weights,
)

POINTS = dict(zip(Stone, (25, 35, 15, 10, 10, 5), strict=True))
WEIGHTS = Weights(POINTS, "test")
QUOTE = Quote("summary", "zh", 0, 8, "它说了同样的话。", ((1, 3),))
FIT = TechnologyFit(1.0, ("纳滤膜",), citations=(Citation(QUOTE, QUOTE),))


def wanted(comparator=">=", target="15", unit="LMH/bar", name="纯水通量", **fields):
    high = fields.pop("high", None)
    return Wanted(name, "", comparator, Decimal(target), unit, Decimal(high) if high else None, **fields)


def offered(value="18.2", unit="LMH/bar", comparator="=", name="纯水通量", **fields):
    high = fields.pop("high", None)
    return Offered(name, "", comparator, Decimal(value), unit, Decimal(high) if high else None, **fields)


def make_need(**fields):
    full = {
        "code": "N1", "title": "纳滤膜", "text": "耐酸纳滤膜", "indicators": (wanted(),), "trl_min": 6,
        "modes": ("license_exclusive",), "budget": Price("amount", 300_0000_00, 500_0000_00), "region": "LJ03",
        "region_path": ("CN", "LP", "LJ", "LJ03"), "region_wish": "local",
    }  # fmt: skip
    return NeedFacts(**(full | fields))


def make_achievement(**fields):
    full = {
        "code": "A1", "title": "纳滤膜", "text": "耐酸纳滤膜", "indicators": (offered(),), "trl": 6,
        "modes": ("license_exclusive",), "price": Price("amount", 400_0000_00, 400_0000_00), "region": "LJ01",
        "region_path": ("CN", "LP", "LJ", "LJ01"),
    }  # fmt: skip
    return AchievementFacts(**(full | fields))


def stone_of(arch, stone):
    return next(result for result in arch.stones if result.stone is stone)


# --- Points -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 1)), min_size=1, max_size=8))
def test_points_add_up_and_none_exceeds_its_weight(pairs):
    weights, fits = zip(*pairs, strict=True)
    points = whole_points(weights, fits)
    exact = sum(weight * round(fit * 10_000) for weight, fit in pairs) / 10_000
    assert abs(sum(points) - exact) <= 0.5
    for point, (weight, fit) in zip(points, pairs, strict=True):
        assert 0 <= point <= weight
        assert abs(point - weight * fit) < 1 + weight / 10_000


@given(
    st.lists(st.integers(0, 100), min_size=6, max_size=6).filter(any),
    st.floats(0, 1),
    st.integers(1, 9) | st.none(),
    st.decimals(-100, 100, allow_nan=False),
    st.integers(0, 10**12),
    st.sampled_from([*MODE_NAMES, ""]),
)
def test_score_is_the_sum_of_the_stones(weights, fit, trl, value, fen, mode):
    achievement = make_achievement(
        trl=trl,
        indicators=(offered(str(value)),),
        price=Price("amount", fen, fen),
        modes=(mode,) if mode else (),
    )
    points = Weights(dict(zip(Stone, weights, strict=True)), "test")
    arch = build_arch(make_need(), achievement, points, TechnologyFit(fit))
    assert arch.score == sum(stone.points for stone in arch.stones)
    assert 0 <= arch.score <= sum(weights)
    assert all(0 <= stone.points <= stone.weight for stone in arch.stones)
    assert all(stone.points == 0 for stone in arch.stones if stone.verdict is Verdict.UNMET)
    assert arch_from_json(json.loads(json.dumps(arch_to_json(arch)))) == arch


def test_everything_met_is_a_hundred():
    arch = build_arch(make_need(), make_achievement(), WEIGHTS, FIT)
    assert arch.score == 100
    assert {stone.verdict for stone in arch.stones} == {Verdict.MET}
    assert arch.questions == ()


def test_nothing_known_is_half_and_six_questions():
    need = make_need(indicators=(), budget=Price(), modes=(), region_wish="local")
    achievement = make_achievement(indicators=(), trl=None, price=Price(), modes=(), region="", region_path=())
    arch = build_arch(need, achievement, WEIGHTS, technology_fit(need, achievement, text=None))
    assert arch.score == 50
    assert {stone.verdict for stone in arch.stones} == {Verdict.UNKNOWN}
    assert [question.stone for question in arch.questions] == list(Stone)
    assert all(question.question_zh and question.question_en for question in arch.questions)
    assert not arch.has_unmet


def test_stones_without_weight_are_left_out():
    arch = build_arch(make_need(), make_achievement(), Weights({Stone.TECHNOLOGY: 100}, "test"), TechnologyFit(0.5))
    assert [stone.stone for stone in arch.stones] == [Stone.TECHNOLOGY]
    assert arch.score == 50


def test_ranking_puts_unmet_below_the_line():
    red = build_arch(make_need(), make_achievement(indicators=(offered("14"),)), WEIGHTS, FIT)
    poor = build_arch(make_need(), make_achievement(indicators=()), WEIGHTS, TechnologyFit(0.1))
    good = build_arch(make_need(), make_achievement(), WEIGHTS, FIT)
    assert (good.has_unmet, poor.has_unmet, red.has_unmet) == (False, False, True)
    ranked = sorted(
        [("R", red), ("P", poor), ("G2", good), ("G1", good)], key=lambda pair: ranking_key(pair[1], pair[0])
    )
    assert [code for code, _ in ranked] == ["G1", "G2", "P", "R"]


# --- Indicators -------------------------------------------------------------------------------------------------------

MET, PARTLY, UNKNOWN, UNMET = Verdict.MET, Verdict.PARTLY, Verdict.UNKNOWN, Verdict.UNMET


@pytest.mark.parametrize(
    ("want", "offer", "verdict"),
    [
        (wanted(">=", "15"), offered("15"), MET),
        (wanted(">=", "15"), offered("14.99"), UNMET),
        (wanted(">=", "15"), offered("18", comparator=">="), MET),
        (wanted(">=", "15"), offered("12", comparator=">="), UNMET),
        (wanted(">=", "15"), offered("12", comparator="<="), UNMET),
        (wanted(">=", "15"), offered("20", comparator="<="), UNKNOWN),
        (wanted(">=", "15"), offered("16", comparator="range", high="20"), MET),
        (wanted(">=", "15"), offered("12", comparator="range", high="20"), UNKNOWN),
        (wanted(">=", "15"), offered("12", comparator="range", high="14"), UNMET),
        (wanted("<=", "15"), offered("15"), MET),
        (wanted("<=", "15"), offered("15.01"), UNMET),
        (wanted("<=", "15"), offered("12", comparator="<="), MET),
        (wanted("<=", "15"), offered("18", comparator="<="), UNMET),
        (wanted("<=", "15"), offered("18", comparator=">="), UNMET),
        (wanted("<=", "15"), offered("12", comparator=">="), UNKNOWN),
        (wanted("=", "15"), offered("15.0"), MET),
        (wanted("=", "15"), offered("15.1"), UNMET),
        (wanted("=", "15"), offered("10", comparator="range", high="20"), MET),
        (wanted("range", "20", "μm", "厚度", high="30"), offered("25", "μm", name="厚度"), MET),
        (wanted("range", "20", "μm", "厚度", high="30"), offered("0.031", "mm", name="厚度"), UNMET),
        (wanted("range", "20", "μm", "厚度", high="30"), offered("22", "μm", "range", "厚度", high="28"), MET),
        (wanted("range", "20", "μm", "厚度", high="30"), offered("10", "μm", "range", "厚度", high="50"), MET),
        (wanted("range", "20", "μm", "厚度", high="30"), offered("10", "μm", "range", "厚度", high="25"), UNKNOWN),
        (
            wanted("range", "-40", "℃", "工作温度范围", high="85"),
            offered("-20", "℃", "range", "工作温度范围", high="60"),
            UNMET,
        ),
        (
            wanted("range", "-40", "℃", "工作温度范围", high="85"),
            offered("-55", "℃", "range", "工作温度范围", high="125"),
            MET,
        ),
        (wanted(">=", "550", "℃", "分解温度"), offered("808", "K", name="分解温度"), UNMET),
        (wanted("<=", "0.5", "℃", "温度波动"), offered("0.4", "K", name="温度波动"), MET),
        (wanted(">=", "15"), offered("1800", "mg/L"), UNKNOWN),
        (wanted(">=", "15"), offered("NaN"), UNKNOWN),
        (wanted("<=", "300", "元/t", "成本"), offered("0.25", "USD/kg", name="成本"), UNKNOWN),
    ],
)
def test_judgement_of_a_must(want, offer, verdict):
    assert judge(want, offer).verdict is verdict


def test_a_wish_degrades_with_the_shortfall():
    wish = wanted(must=False)
    assert judge(wish, offered("12")).fit == pytest.approx(0.8)
    assert judge(wish, offered("12")).verdict is PARTLY
    assert judge(wanted("<=", "10", must=False), offered("25")).fit == 0
    assert judge(wish, offered("15")).fit == 1


def test_near_miss_is_shown():
    arch = build_arch(make_need(), make_achievement(indicators=(offered("1.48", "L/(m²·h·kPa)"),)), WEIGHTS, FIT)
    finding = stone_of(arch, Stone.INDICATORS).findings[0]
    assert finding.verdict is MET  # 148 LMH/bar
    arch = build_arch(make_need(), make_achievement(indicators=(offered("14.8"),)), WEIGHTS, FIT)
    finding = stone_of(arch, Stone.INDICATORS).findings[0]
    assert (finding.verdict, finding.asked, finding.offered) == (UNMET, "≥ 15 LMH/bar", "14.8 LMH/bar [Δ 1.3%]")
    assert stone_of(arch, Stone.INDICATORS).points == 0


def test_values_are_shown_in_the_units_of_the_need():
    need = make_need(indicators=(wanted("<=", "0.05", "mm", "型面轮廓误差"),))
    arch = build_arch(need, make_achievement(indicators=(offered("72", "μm", name="型面轮廓误差"),)), WEIGHTS, FIT)
    assert stone_of(arch, Stone.INDICATORS).findings[0].offered == "0.072 mm (72 μm) [Δ 44.0%]"


def test_musts_weigh_twice():
    need = make_need(indicators=(wanted(), wanted(name="锂透过率", unit="%", target="92", must=False)))
    known = make_achievement(indicators=(offered(), offered("46", "%", name="锂透过率")))
    assert stone_of(build_arch(need, known, WEIGHTS, FIT), Stone.INDICATORS).fit == pytest.approx(
        (2 + 0.5) / 3, abs=1e-4
    )
    silent = make_achievement(indicators=(offered(),))
    indicators = stone_of(build_arch(need, silent, WEIGHTS, FIT), Stone.INDICATORS)
    assert [finding.verdict for finding in indicators.findings] == [MET, UNKNOWN]
    assert "锂透过率" in indicators.findings[1].question_zh


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("纯水通量", "纯水通量（25 ℃）", 1, 1),
        ("通量", "纯水通量", 0.7, 0.8),
        ("检出限", "检测限", 1, 1),
        ("幅宽（有效宽度）", "有效宽度", 1, 1),
        ("能耗", "电耗", 1, 1),
        ("温度", "温度均匀性", 0, 0.45),
        ("最高温度", "最低温度", 0, 0),
        ("充电倍率", "放电倍率", 0, 0),
        ("COD去除率", "TN去除率", 0, 0.45),
        ("单位COD电耗", "COD去除率", 0, 0.45),
        ("镁截留率", "锂透过率", 0, 0.4),
        ("抗拉强度", "抗压强度", 0, 0),
    ],
)
def test_name_similarity_in_chinese(one, other, least, most):
    assert least <= name_similarity(wanted(name=one), offered(name=other)) <= most


def test_name_similarity_in_english():
    def alike(one, other):
        return name_similarity(replace(wanted(name=""), name_en=one), replace(offered(name=""), name_en=other))

    assert alike("pure-water flux", "Pure water flux (25 °C)") == 1
    assert alike("flux", "pure-water flux") >= 0.7
    assert alike("magnesium rejection", "rejection of magnesium") == 1
    assert alike("inlet pressure", "outlet pressure") == 0
    assert alike("cycle life", "bulk density") == 0


def test_alignment_prefers_the_same_condition_and_reuses_only_the_same_name():
    hot, cold = (offered(value, "%", name="容量保持率", condition=at) for value, at in (("80", "60 ℃"), ("92", "25 ℃")))
    wants = [wanted(target="70", unit="%", name="容量保持率", condition=at) for at in ("60 ℃", "25 ℃")]
    assert align(wants, [cold, hot]) == [hot, cold]
    must, wish = wanted(), wanted(target="20", must=False)
    figure = offered()
    assert align([must, wish], [figure]) == [figure, figure]
    assert align([wanted(name="锂通量"), wanted(name="水通量")], [offered(name="水通量")])[1] is not None


@pytest.mark.parametrize(
    ("mine", "yours", "other"),
    [
        ("80 ℃", "25 ℃", True),
        ("25 ℃", "25 ℃，2 g/L NaCl", False),
        ("25–45 ℃", "25 ℃", False),
        ("1,000 h以上", "1,200 h恒电流", False),
        ("1000 h", "200 h", True),
        ("200 mA/cm²", "2,400 A/m²，5 kW短堆", False),
        ("1 m 幅宽", "0.4 m 幅宽", True),
        ("≥ 500 h", "2000 h", False),
        ("", "25 ℃", False),
        ("室温", "80 ℃", False),
    ],
)
def test_conditions(mine, yours, other):
    assert is_other_condition(mine, yours) is other


def test_a_figure_from_another_condition_becomes_a_question():
    need = make_need(indicators=(wanted(condition="80 ℃"),))
    for value in ("18", "3"):
        arch = build_arch(need, make_achievement(indicators=(offered(value, condition="25 ℃"),)), WEIGHTS, FIT)
        finding = stone_of(arch, Stone.INDICATORS).findings[0]
        assert finding.verdict is UNKNOWN
        assert value in finding.question_zh


# --- The other stones -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "has", "fit", "verdict"),
    [(6, 7, 1, MET), (6, 6, 1, MET), (6, 5, 0.7, PARTLY), (6, 4, 0.4, PARTLY), (6, 3, 0, UNMET), (9, 1, 0, UNMET),
     (6, None, 0.5, UNKNOWN), (None, None, 1, MET), (None, 2, 1, MET)],
)  # fmt: skip
def test_maturity(asked, has, fit, verdict):
    arch = build_arch(make_need(trl_min=asked), make_achievement(trl=has), WEIGHTS, FIT)
    stone = stone_of(arch, Stone.MATURITY)
    assert (stone.fit, stone.verdict) == (fit, verdict)
    assert arch.has_unmet == (verdict is UNMET)


@pytest.mark.parametrize(
    ("asked", "has", "fit"),
    [
        (("transfer", "service"), ("service",), 1),
        (("license_exclusive",), ("license_nonexclusive",), 0.8),
        (("development",), ("consulting",), 0.7),
        (("transfer",), ("license_exclusive", "consulting"), 0.6),
        (("transfer",), ("consulting",), 0.2),
        ((), ("consulting",), 0.5),
        (("transfer",), (), 0.5),
    ],
)
def test_modes(asked, has, fit):
    arch = build_arch(make_need(modes=asked), make_achievement(modes=has), WEIGHTS, FIT)
    stone = stone_of(arch, Stone.MODES)
    assert stone.fit == fit
    assert stone.verdict is {1: MET, 0.5: UNKNOWN}.get(fit, PARTLY)


def test_mode_nearness_is_symmetric():
    assert all(mode_nearness(a, b) == mode_nearness(b, a) for a in MODE_NAMES for b in MODE_NAMES)


@pytest.mark.parametrize(
    ("budget", "asking", "fit"),
    [
        (Price("amount", 300, 500), Price("amount", 500, 500), 1),
        (Price("amount", 300, 500), Price("amount", 600, 600), 0.8),
        (Price("amount", 300, 500), Price("amount", 1000, 1000), 0),
        (Price("amount", 300, 500), Price("amount", 5000, 5000), 0),
        (Price("amount", 300, 500), Price("amount", 450, 900), 1),
        (Price("amount", None, 0), Price("amount", 1, 1), 0),
        (Price("amount", None, 0), Price("amount", 0, 0), 1),
        (Price("amount", 300, 500), Price("amount", 1, 1, "EUR"), 0.5),
        (Price("negotiable"), Price("amount", 1, 1), 0.5),
        (Price("amount", 1, 1), Price("negotiable"), 0.5),
        (Price(), Price(), 0.5),
    ],
)
def test_price(budget, asking, fit):
    stone = stone_of(build_arch(make_need(budget=budget), make_achievement(price=asking), WEIGHTS, FIT), Stone.PRICE)
    assert stone.fit == fit
    assert bool(stone.findings[0].question_zh) == (fit == 0.5)


def test_money_is_shown_in_both_languages():
    finding = stone_of(build_arch(make_need(), make_achievement(), WEIGHTS, FIT), Stone.PRICE).findings[0]
    assert (finding.asked, finding.asked_en) == ("≤ 500 万元", "≤ CNY 5,000,000")
    assert (finding.offered, finding.offered_en) == ("400 万元", "CNY 4,000,000")


@pytest.mark.parametrize(
    ("path", "fit"),
    [
        (("CN", "LP", "LJ", "LJ03"), 1),
        (("CN", "LP", "LJ", "LJ01"), 1),
        (("CN", "LP", "DP", "DP01"), 0.7),
        (("CN", "310000"), 0.4),
        (("310000", "310100"), 0.4),
        (("DE",), 0.2),
        ((), 0.5),
    ],
)
def test_region(path, fit):
    achievement = make_achievement(region=path[-1] if path else "", region_path=path)
    assert stone_of(build_arch(make_need(), achievement, WEIGHTS, FIT), Stone.REGION).fit == fit
    anywhere = build_arch(make_need(region_wish="any"), achievement, WEIGHTS, FIT)
    assert stone_of(anywhere, Stone.REGION).fit == 1
    assert stone_of(anywhere, Stone.REGION).findings[0].asked == "不限"


def test_who_asks_for_a_province_is_content_with_its_cities():
    need = make_need(region="LP", region_path=("CN", "LP"))
    assert stone_of(build_arch(need, make_achievement(), WEIGHTS, FIT), Stone.REGION).fit == 1


def test_region_names_are_shown_when_given():
    names = {"LJ01": ("云麓区", "Yunlu District"), "LJ03": ("高新区", "High-tech Zone")}
    arch = build_arch(make_need(), make_achievement(), WEIGHTS, FIT, names)
    finding = stone_of(arch, Stone.REGION).findings[0]
    assert (finding.offered, finding.offered_en) == ("云麓区", "Yunlu District")


# --- Technology -------------------------------------------------------------------------------------------------------


def test_calibration_is_an_s_curve():
    assert calibrate(0, 0.3) == 0
    assert calibrate(0.15, 0.3) == pytest.approx(0.5)
    assert 0.88 < calibrate(0.3, 0.3) < 0.9
    assert calibrate(0.05, 0.3) < 0.05
    values = [calibrate(score / 100, 0.3) for score in range(-10, 101)]
    assert values == sorted(values)
    assert 0 <= min(values) <= max(values) < 1


@pytest.mark.parametrize(
    ("mine", "yours", "level", "symbol"),
    [
        (("B01D 71/56",), ("b01d71/56",), "subgroup", "B01D 71/56"),
        (("B01D 71/56",), ("B01D 71/68", "C22B 3/00"), "group", "B01D 71"),
        (("B01D 71/56",), ("B01D 53/22",), "subclass", "B01D"),
        (("B01D 71/56",), ("B01J 20/00",), "class", "B01"),
        (("B01D 71/56",), ("H01M 4/58",), "", ""),
        ((), ("H01M 4/58",), "", ""),
        (("无",), ("H01M 4/58",), "", ""),
    ],
)
def test_shared_ipc(mine, yours, level, symbol):
    assert shared_ipc(mine, yours) == (level, symbol)


def test_technology_fit_without_evidence_is_unknown():
    fit = technology_fit(make_need(), make_achievement(), text=None)
    assert (fit.fit, fit.is_known) == (0.5, False)


def test_a_shared_class_lifts_what_is_missing():
    need = make_need(ipc=("B01D 71/56",), keywords=("纳滤膜", "耐酸"))
    achievement = make_achievement(ipc=("B01D 71/68",), text="一种耐酸纳滤膜。", keywords=("纳滤膜",))
    plain = technology_fit(make_need(), achievement, text=0.3)
    lifted = technology_fit(need, achievement, text=0.3)
    assert (plain.fit, lifted.fit) == (0.3, 0.65)
    assert lifted.shared_terms == ("纳滤膜", "耐酸")
    assert lifted.shared_ipc == "B01D 71"


# --- The demo pairs ---------------------------------------------------------------------------------------------------

UNIT_FEN = {"万元": 10_000_00, "元": 100, "亿元": 10**10}
NEED_PARTS = ("title", "problem", "wanted", "background", "tried")
ACHIEVEMENT_PARTS = ("title", "problem", "summary", "how", "stage", "advantage", "incumbent")


def _price(row):
    if row["kind"] != "amount":
        return Price(row["kind"])
    low, high = (int(Decimal(row[end]) * UNIT_FEN[row["unit"]]) for end in ("low", "high"))
    return Price("amount", low, high)


def _joined(row, parts):
    return "\n".join((row.get(lang) or {}).get(part) or "" for lang in ("zh", "en") for part in parts)


def _path(region):
    return ("CN", "LP", region[:2], region)[: 4 if len(region) > 2 else 3]


def _decimal(text):
    return Decimal(text) if text else None


def _need(row):
    indicators = tuple(
        Wanted(i["name_zh"], i["name_en"], i["comparator"], Decimal(i["target"]), i["unit"], _decimal(i.get("high")),
               must=i["kind"] == "must", condition=i.get("condition_zh") or "")
        for i in row["indicators"]
    )  # fmt: skip
    return NeedFacts(
        row["key"], _joined(row, ["title"]), _joined(row, NEED_PARTS), tuple(row["ipc"]),
        keywords=(*row["keywords_zh"], *row["keywords_en"]), indicators=indicators, trl_min=row["trl_min"],
        modes=tuple(row["modes"]), budget=_price(row["budget"]), region=row["region"], region_path=_path(row["region"]),
        region_wish=row["region_wish"],
    )  # fmt: skip


def _achievement(row):
    indicators = tuple(
        Offered(i["name_zh"], i["name_en"], i["comparator"], Decimal(i["value"]), i["unit"], _decimal(i.get("high")),
                i.get("condition_zh") or "", i.get("evidence") or "")
        for i in row["indicators"]
    )  # fmt: skip
    return AchievementFacts(
        row["key"], _joined(row, ["title"]), _joined(row, ACHIEVEMENT_PARTS), tuple(row["ipc"]),
        keywords=(*row["keywords_zh"], *row["keywords_en"]), indicators=indicators, trl=row["trl"],
        modes=tuple(row["modes"]), price=_price(row["price"]), region=row["region"], region_path=_path(row["region"]),
    )  # fmt: skip


class Demo:
    def __init__(self):
        folder = files("keqiao.demo").joinpath("data/lanjiang")
        names = sorted(file.name for file in folder.iterdir() if file.name.startswith("pairs-"))
        self.rows = [row for name in names for row in json.loads(folder.joinpath(name).read_text(encoding="utf-8"))]
        self.needs = [_need(row["need"]) for row in self.rows]
        self.achievements = [_achievement(row["achievement"]) for row in self.rows]
        self.need_passages = [read_passages(need) for need in self.needs]
        self.passages = [read_passages(achievement) for achievement in self.achievements]
        df = Counter(int(term) for texts in (*self.need_passages, *self.passages) for term in set(texts.prints))
        self.idf = {term: math.log1p((2 * len(self.rows) - n + 0.5) / (n + 0.5)) for term, n in df.items()}

    def fit(self, i, j):
        """With words only; meaning needs a model."""
        read = self.need_passages[i]
        words = {fingerprint(word) for word in tokens("\n".join(part.text for part in read.parts)) if len(word) > 1}
        shared = Asked(read, range(len(read.places)), {w: self.idf[w] for w in words}).shared_with(self.passages[j])
        text = words_fit(shared.weight, shared.total)
        return technology_fit(self.needs[i], self.achievements[j], text=text)

    def arch(self, i, j):
        return build_arch(self.needs[i], self.achievements[j], WEIGHTS, self.fit(i, j))


@pytest.fixture(scope="module")
def demo():
    return Demo()


def test_own_pairs_fit_and_shuffled_pairs_do_not(demo):
    rows = range(len(demo.rows))
    own = sorted(demo.fit(i, i).fit for i in rows if not demo.rows[i]["note"].startswith("weak"))
    assert own[0] > 0.7
    random = Random(1)
    others = [(i, j) for i in rows for j in random.sample(rows, 8) if i != j]
    strangers = [
        demo.fit(*pair).fit
        for pair in others
        if not shared_ipc(demo.needs[pair[0]].ipc, demo.achievements[pair[1]].ipc)[0]
    ]
    assert sum(fit < 0.2 for fit in strangers) / len(strangers) > 0.98
    neighbours = [
        demo.fit(i, j).fit
        for i in rows
        for j in rows
        if i != j and shared_ipc(demo.needs[i].ipc, demo.achievements[j].ipc)[0] in {"subclass", "group", "subgroup"}
    ]
    assert 0.3 < sorted(neighbours)[len(neighbours) // 2] < 0.7


def test_every_demo_pair_does_what_its_note_says(demo):
    wrong = []
    for i, row in enumerate(demo.rows):
        note, arch = row["note"], demo.arch(i, i)
        musts = [finding for finding in stone_of(arch, Stone.INDICATORS).findings if finding.must]
        fine = {
            "high": not arch.has_unmet and arch.score >= 80,
            "stro": not arch.has_unmet and arch.score >= 80,
            "midd": not arch.has_unmet and 65 <= arch.score <= 97,
            "red ": arch.has_unmet and any(finding.verdict is UNMET for finding in musts),
            "weak": arch.score < 65,
        }[note[:4]]
        if not fine or ("all musts met" in note and any(finding.verdict is not MET for finding in musts)):
            wrong.append((row["key"], arch.score, arch.has_unmet, note))
    assert wrong == []
