"""The reader of figures: what it reads, what it leaves, where it stands, and that it does not get worse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.matching.reading import Role, Status, measuring, readings
from keqiao.matching.tests.costs import costs_no_more

CASES = [
    ("试验测得脱盐率不低于 98.5 %", [("脱盐率", ">=", "98.5", None, "%")]),
    ("通量１５ＬＭＨ／ｂａｒ以上", [("通量", ">=", "15", None, "LMH/bar")]),
    ("产能达到3.2万吨/年", [("产能", "=", "3.2", None, "万吨/年")]),
    ("投资 1.5 亿元", [("投资", "=", "1.5", None, "亿元")]),
    ("工作温度 -40 至 85 ℃", [("工作温度", "range", "-40", "85", "℃")]),
    ("粒径 234.4 ± 4.8 nm", [("粒径", "=", "234.4", None, "nm")]),
    ("线膨胀系数小于 2.1×10⁻⁶/℃", [("线膨胀系数", "<=", "0.0000021", None, "/℃")]),
    ("回收率为百分之九十五", [("回收率", "=", "95", None, "%")]),
    ("pH 6–8 的废水", [("pH", "range", "6", "8", "pH")]),
    ("防护等级 IP67", [("防护等级", "=", "67", None, "IP")]),
    ("敏感性和特异性分别为 90.1% 和 85.2%", [("敏感性", "=", "90.1", None, "%"), ("特异性", "=", "85.2", None, "%")]),
    ("添加 0、40 和 80 g/t", [("添加", "=", n, None, "g/t") for n in ("0", "40", "80")]),
    ("测量精度优于 5 mm", [("测量精度", "<=", "5", None, "mm")]),
    ("准确率优于 95%", [("准确率", ">=", "95", None, "%")]),
    ("a cell yield of at least 85%", [("cell yield", ">=", "85", None, "%")]),
    ("weigh no more than 25 pounds", [("weigh", "<=", "25", None, "pounds")]),
    ("frequencies from 6 MHz to 100 GHz", [("frequencies", "range", "6", "100000", "MHz")]),
    ("an output of 30 to 70 K", [("output", "range", "30", "70", "K")]),
    ("costing $75-100 million", [("costing", "range", "75", "100", "million USD")]),
    ("a unit cost of $10K", [("unit cost", "=", "10", None, "thousand USD")]),
    ("镁锂分离比 20–30", [("镁锂分离比", "range", "20", "30", "")]),
    ("C / N 变化范围在1.64—18.95", [("变化范围", "range", "1.64", "18.95", "")]),
    ("面积约2000多万平方公里", [("面积", ">=", "2000", None, "万平方公里")]),
    ("浓度为 2.5 m m o l · L - 1", [("浓度", "=", "2.5", None, "mmol·L-1")]),
    ("块金系数在 25 % 75 %", [("块金系数", "range", "25", "75", "%")]),
    ("THE LASERS OPERATE AT 805 NM AND 500 MHZ", [("", "=", "805", None, "nm"), ("", "=", "500", None, "MHz")]),
    ("a budget of EUR 10 000 000", [("budget", "=", "10000000", None, "EUR")]),
    ("a 25- to 40-percent failure rate", [("failure rate", "range", "25", "40", "%")]),
    ('a 3/8" bolt and a 1 1/2 inch pipe', [("bolt", "=", "0.375", None, '"'), ("pipe", "=", "1.5", None, "inch")]),
    ("准确率和 AUC 分别为 79.5% 和 0.88", [("准确率", "=", "79.5", None, "%"), ("AUC", "=", "0.88", None, "")]),
    ("masses of 10 kg (22 lb) or less", [("masses", "<=", "10", None, "kg"), ("", "<=", "22", None, "lb")]),
    ("at pH 3.0 and 4.0", [("pH", "=", "3.0", None, "pH"), ("pH", "=", "4.0", None, "pH")]),
    ("data were collected over 2 months", [("data were collected", "=", "2", None, "months")]),
    ("reach TRL 6-8 by the end", [("TRL", "range", "6", "8", "TRL")]),
    ("0.1 microCuries per cubic meter", [("", "=", "0.1", None, "microCuries per cubic meter")]),
    ("speed improved by a factor of 10", [("factor", "=", "10", None, "times")]),
    ("攻击距离为7一24 c m", [("攻击距离", "range", "7", "24", "cm")]),
    ("定位精度为6毫角秒", [("定位精度", "=", "6", None, "mas")]),
    ("决定系数(R2)为0.992 1", [("决定系数", "=", "0.9921", None, "")]),
    ("相关系数最高 ( 0.670 )", [("相关系数", "=", "0.670", None, "")]),
    ("细胞密度为 2-4 × 10⁸ 个/mL", [("细胞密度", "range", "200000000", "400000000", "个/mL")]),
    ("增重显著高于10%组", [("增重显著", "=", "10", None, "%")]),
    ("最大误差为 3 mm", [("最大误差", "=", "3", None, "mm")]),
    ("酶活为72.99U", [("酶活", "=", "72.99", None, "U")]),
    ("浓度(0,100,200,400 mg/L)", [("浓度", "=", n, None, "mg/L") for n in ("0", "100", "200", "400")]),
    ("at least 150 mm (5.9 in)", [("", ">=", "150", None, "mm"), ("", ">=", "5.9", None, "inch")]),
    ("densities below 10^4 per cm^2", [("densities", "<=", "10000", None, "/cm^2")]),
    ("from -40 degree to +80 degree Celsius", [("", "range", "-40", "80", "℃")]),
    ("ratios up to 1.10 or greater", [("ratios", ">=", "1.10", None, "")]),
    ("a budget of 120.000 euro", [("budget", "=", "120000", None, "euro")]),
    ("more than 100W, 975-nm", [("", ">=", "100", None, "W"), ("", "=", "975", None, "nm")]),
    ("一座(55+135+55)m的桥", [("一座", "=", "55", None, "m"), ("", "=", "135", None, "m"), ("", "=", "55", None, "m")]),
    ("no more than one (1) pound", [("", "<=", "1", None, "pound")]),
    ("37 ℃ > T", [("", "<=", "37", None, "℃")]),
    ("faster than 0.1 second", [("", "<=", "0.1", None, "second")]),
    ("tuning over 70 nm", [("tuning", "=", "70", None, "nm")]),
    ("doubled from 6 to 12 GeV", [("doubled", "=", "6", None, "GeV"), ("doubled", "=", "12", None, "GeV")]),
    ("误比特率为10-3时", [("误比特率", "=", "0.001", None, "")]),
    ("速效磷为P2O560～120 mg/kg", [("P2O₅", "range", "60", "120", "mg/kg")]),
    ("浓度为 41 L - 1 ，", [("浓度", "=", "41", None, "L-1")]),
    ("病程1年余", [("病程", ">=", "1", None, "年")]),
    ("增幅分别为1 % 2 % 和 3 % 4 %", [("增幅", "range", "1", "2", "%"), ("增幅", "range", "3", "4", "%")]),
    ("分别至少提升 3.7 % 4.1 % 和 3.9 %", [("", ">=", n, None, "%") for n in ("3.7", "4.1", "3.9")]),
    ("重度[10 μmol(Fe3+)·L-1]", [("", "=", "10", None, "μmol·L-1")]),
    ("a=1.7229(3) nm", [("", "=", "1.7229", None, "nm")]),
    ("speeds of 6.5 kph", [("speeds", "=", "6.5", None, "km/h")]),
    ("$2 billion to $2.5 billion per year", [("", "range", "2", "2.5", "billion USD per year")]),
    ("变化量为- 50 %", [("变化量", "=", "-50", None, "%")]),
    ("not larger than 43 liters", [("", "<=", "43", None, "liters")]),
    ("a fiber of 1100 W/mK", [("fiber", "=", "1100", None, "W/(m·K)")]),
    ("a 10G shock", [("shock", "=", "10", None, "gn")]),
    ("倾角小于 15 ° 的组合类型", [("倾角", "<=", "15", None, "°")]),
    ("人均 2.759 h m 2 / 人下降", [("人", "=", "2.759", None, "hm2/人")]),
    ("在 2106 c m - 1 处出现吸收峰", [("", "=", "2106", None, "cm-1")]),
    ("a factor of 1.2-1.4", [("factor", "range", "1.2", "1.4", "times")]),
    ("better than 1/2 meter", [("", "<=", "0.5", None, "meter")]),
    ("accuracy of the sources should be better than 5%", [("sources", "<=", "5", None, "%")]),
    ("a 20-cm-long gel", [("", "=", "20", None, "cm")]),
    ("大小为 0.265 k m 20.538 k m 20.239 k m 2", [("大小", "=", n, None, unit) for n, unit in (("0.265", "km²"), ("0.538", "km²"), ("0.239", "km2"))]),
    ("between approximately 1 and 100 nm", [("", "range", "1", "100", "nm")]),
    ("making 1,000 coils per year", [("making", "=", "1000", None, "coils/year")]),
    ("from $5.1 billion in 2005 to $9.7 billion", [("", "=", n, None, "billion USD") for n in ("5.1", "9.7")]),
    ("energy resolution (<0.05%)", [("energy resolution", "<=", "0.05", None, "%")]),
    ("水平为 525.8 ± 230.0.298.4 ± 141.9 和 141.4 ± 76.2 p g / m l", [("水平", "=", n, None, "pg/ml") for n in ("525.8", "298.4", "141.4")]),
    ("具备650V-1700VSiCMOSFET设计能力", [("具备", "range", "650", "1700", "V")]),
    ("位于南北纬30度之间", [("位于南北纬", "=", "30", None, "°")]),
    ("尺寸从最小0.2mm到最大6mm", [("尺寸从最小", "range", "0.2", "6", "mm")]),
    ("量程为±0.25mm,±0.4mm", [("", "<=", "0.25", None, "mm"), ("", "<=", "0.4", None, "mm")]),
    ("压力从111.8,kPa下降", [("压力", "=", "111.8", None, "kPa")]),
    ("an improvement of 2 to 3 orders of magnitude", [("improvement", "range", "2", "3", "个数量级")]),
    ("transmitting no less than four 0 dBm signals", [("less than four", "=", "0", None, "dBm")]),
    ("save more than $20,000 per employee per year", [("save", ">=", "20000", None, "USD per person per year")]),
    ("a temperature of -90 to + 60 C", [("temperature", "range", "-90", "60", "℃")]),
    ("a pitch of 15.6 fins per inch", [("pitch", "=", "15.6", None, "/inch")]),
    ("fields below 1 pT", [("fields", "<=", "1", None, "pT")]),
    ("净辐射为57.18Wm-2", [("净辐射", "=", "57.18", None, "W·m-2")]),
    ("加工硬度达到HRC90-HRC92", [("加工硬度", "range", "90", "92", "HRC")]),
    ("采用CMOS0.18μm工艺", [("CMOS", "=", "0.18", None, "μm")]),
    ("相对误差小于6×10-9", [("相对误差", "<=", "0.000000006", None, "")]),
    ("得出<情报科学>3年来的特点", [("", "=", "3", None, "年")]),
    ("systems with COP > 5 and", [("COP", ">=", "5", None, "")]),
    ("costs of >30¢/kWh", [("costs", ">=", "30", None, "cents/kWh")]),
    ("turbid water of>/=150 NTU", [("turbid water", ">=", "150", None, "NTU")]),
    ("matured to TRL 4 to 6", [("TRL", "range", "4", "6", "TRL")]),
    ("from 1 ohm/square to 377 ohms/square", [("", "range", "1", "377", "Ω/□")]),
    ("an area (< 10 cm^2), can", [("area", "<=", "10", None, "cm^2")]),
    ("a film (10 microns thick or less)", [("film", "<=", "10", None, "microns")]),
    ("sensing an acceleration of 100g", [("acceleration", "=", "100", None, "gn")]),
    ("face velocities above 1000fpm", [("face velocities", ">=", "1000", None, "ft/min")]),
    ("detection limits of 100 ng/m3 or better", [("detection limits", "<=", "100", None, "ng/m3")]),
    ("minimum voltage and current ratings of 1200 V", [("", ">=", "1200", None, "V")]),
    ("density 10 g N m - 2 y e a r - 1", [("density", "=", "10", None, "g·m-2·year-1")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_figures(text, expected):
    found = [
        (r.name, r.comparator, f"{r.value:f}", None if r.high is None else f"{r.high:f}", r.unit)
        for r in readings(text)
    ]
    assert [(c, v, h, u) for _n, c, v, h, u in found] == [(c, v, h, u) for _n, c, v, h, u in expected]
    assert [n for n, *_ in found if n] == [n for n, *_ in expected if n]


@pytest.mark.parametrize(
    "text",
    [
        "2016年3月5日", "第28天", "60例患者", "5G 通信与 3D 打印", "差异显著(P < 0.05)", "GB/T 22900-2022", "28日龄", "COVID-19",
        "NSTC Horizon 2020 and Horizon Europe", "see Figure 3 and Table 12", "a 6-DOF model", "14 March 2018", "the 1990s", "LeNet-5",
        "an array of 256x256", "12 million survivors", "27 degrees of freedom", "[1, 2, 3]", "配比为 1:2.4", "5-14 and 15-24 year olds", "OR 1.33, 95% CI 1.2-1.5",
        "差异显著 ( · < 0.05 )", "见 5.4.1 节", "reach 100s of meters", "回归方程 A=2905287.6C+56536.9", "11C 和 18F 标记", "",
        "030 cm 与 3060 cm 土层", "β = -0.071", "OR值为4.00", "用 137 C s 监测", "T 1 W I 低信号", "a 6T battery", "Directive 2010/40/EU",
        "2016年7月、2017年3月、7月和9月", "每周仅需注射1次", "‘浚单20 ° 、‘安农8号’", "(MSWD=2.3,n=12)", "Visual C++ 6.0 的环境", "aged 13-17 years",
        "化合物3d、3e 有效", "316L不锈钢", "D S M 30104 T 相似性", '50 billion "smart" things', "t(19) = 3.05", "人数少于20时", "庆祝成立70周年", "工业4.0领域", "5′端非编码区",
        "用 19F NMR 分析", "年龄超过28天", "people over 55 years", "a 64-pixel sensor", "DOI: 10.3389/fspas.2021.7", "IEEE Std 421-PSS 2A标准", "Sentinel 2A imagery", "QuartusⅡ7.1的仿真",
        "3L-FCCL覆铜板", "χ2分别为264．44、6．36，均", "children aged 6 through 11 years", "a 510K FDA application", "4K、1080P、720P",
        "Sensors (2015): 187-192.4", "of the Year 2 PH II project", "more than 200 trainees per year experience", "100s and 1000s of tags/sec", "溶质转运体26A家族", "a 1,024 x 1,024 pixels array", "a ratio of 0.7 to 1.6:1",
    ],
)  # fmt: skip
def test_no_figures(text):
    assert [r for r in readings(text) if not r.is_count] == []


def test_a_figure_has_its_place_its_condition_and_its_status():
    text = "实验结果表明，在加热温度为923K时，该系统能够获得1478W制冷量；预计寿命可达10年。"
    heat, cold, life = readings(text)
    assert [text[r.start : r.end] for r in (heat, cold, life)] == ["923K", "1478W", "10年"]
    assert (heat.role, cold.role) == (Role.CONDITION, Role.FIGURE)
    assert "加热温度为923K" in cold.condition
    assert (cold.status, life.status) == (Status.MEASURED, Status.CLAIMED)


def test_a_change_is_no_level():
    """准确率提高了20% must never become an accuracy of 20 %."""
    assert [r.role for r in readings("与传统方法相比，准确率提高了20%。")] == [Role.CHANGE]
    assert [r.role for r in readings("准确率提高到98%。")] == [Role.FIGURE]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("经第三方检测，强度为 500 MPa。", Status.MEASURED), ("A power of 30 W was measured.", Status.MEASURED),
        ("强度预计可达 500 MPa。", Status.CLAIMED), ("The unit should weigh 5 kg.", Status.CLAIMED),
        ("仿真表明效率为 94%。", Status.CLAIMED), ("强度 500 MPa。", Status.UNKNOWN), ("It weighs 5 kg.", Status.UNKNOWN),
    ],
)  # fmt: skip
def test_status(text, status):
    assert [r.status for r in readings(text)] == [status]


@given(st.text(alphabet="0123456789.,~-–—至到×^%℃()（）±不低于以上约万亿元MPakgm/·² TRLpH\n和、年月日第", max_size=120))
def test_any_text_is_read_in_order_and_in_place(text):
    found = readings(text)
    for reading in found:
        assert 0 <= reading.start < reading.end <= len(text)
        assert reading.high is None or reading.value < reading.high
        assert reading.value.is_finite()


@pytest.mark.parametrize("piece", ["1 万", "9,", "1-", "0.1、", "(", "不低于 ", "10^", "在"])
def test_hostile_text_costs_no_more_than_ordinary_text(piece):
    assert costs_no_more(readings, piece * (2_000 // len(piece)))


# What the reader reached when the rules were last changed: a change that makes it worse has to say so here.
KEPT = {
    "development": (0.99, 0.99),
    "first-test": (0.975, 0.96),
    "second-test": (0.965, 0.97),
    "third-test": (0.98, 0.97),
    "learning": (0.975, 0.955),
    "fourth-test": (0.98, 0.97),
    "fifth-test": (0.95, 0.935),
    "sixth-test": (0.97, 0.93),
    "seventh-test": (0.95, 0.915),
    "eighth-test": (0.965, 0.965),
    "ninth-test": (0.99, 0.98),
    "tenth-test": (0.97, 0.98),
    "eleventh-test": (0.98, 0.98),
    "twelfth-test": (0.96, 0.945),
    "thirteenth-test": (0.96, 0.96),
    "fourteenth-test": (0.96, 0.945),
    "fifteenth-test": (0.96, 0.965),
    "sixteenth-test": (0.975, 0.955),
    "seventeenth-test": (0.95, 0.95),
    "eighteenth-test": (0.965, 0.965),
    "nineteenth-test": (0.98, 0.94),
    "twentieth-test": (0.98, 0.99),
    "twenty-first-test": (0.99, 0.99),
    "twenty-second-test": (0.97, 0.97),
    "twenty-third-test": (0.95, 0.93),
    "twenty-fourth-test": (0.97, 0.95),
    "typed-a": (0.99, 0.99),  # of the sentences that stand in the repository, damaged ones among them
    "typed-b": (0.99, 0.98),
    "typed-c": (0.97, 0.92),
}


@pytest.mark.parametrize("name", measuring.SETS)
def test_the_reader_does_not_get_worse(name):
    rows = measuring.sentences(name)
    total, slips = measuring.score(rows)
    shown = "\n".join(f"{'missed' if slip.is_missed else 'wrong'} {slip.text}: {slip.sentence}" for slip in slips)
    least_precision, least_recall = KEPT[name]
    assert total.precision >= least_precision, shown
    assert total.recall >= least_recall, shown


def test_labels_are_whole():
    """Each label names a place in its sentence, each sentence its source, and no sentence stands twice."""
    rows = [row for name in measuring.SETS for row in measuring.sentences(name)]
    assert len({row["text"] for row in rows}) == len(rows) >= 300
    for row in rows:
        assert row["licence"] in {
            "CC BY 4.0",
            "US Government, public domain",
            "Apache-2.0",
            "MIT",
            "CC BY 4.0 (Commission Decision 2011/833/EU)",
        }
        assert row["url"] or row["attribution"]
        for label in row["figures"]:
            assert any(character.isdigit() for character in row["text"][label["start"] : label["end"]])


def test_what_is_published_by_reference_holds_no_words_of_it():
    """Without an open licence a sentence has its hash, its item and the places of its figures."""
    rows = [row for name in measuring.SETS for row in measuring.published(name) if "text" not in row]
    assert len(rows) >= 200
    assert {row["licence"] for row in rows} == {"none stated"}
    assert {len(row["sha256"]) for row in rows} == {64}
    labels = [label for row in rows for label in row["figures"]]
    assert {key for label in labels for key in label} == {
        "start",
        "end",
        "comparator",
        "value",
        "high",
        "unit",
        "role",
        "status",
    }


def test_a_figure_of_the_text_answers_only_when_it_was_measured_and_never_leaves_a_result_out():
    from decimal import Decimal

    from keqiao.matching.indicators import indicator_findings
    from keqiao.matching.passages import read_offers
    from keqiao.matching.types import Verdict, Wanted

    want = Wanted("水通量", "", ">=", Decimal(15), "LMH/bar")
    found = {
        text: next(indicator_findings([want], read_offers(text))).verdict
        for text in (
            "实测水通量为 18.2 LMH/bar。",
            "水通量预计可达 18.2 LMH/bar。",
            "实测水通量为 7.2 LMH/bar。",
            "水通量提高了 20 LMH/bar。",
        )
    }
    assert list(found.values()) == [Verdict.MET, Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.UNKNOWN]


def test_figures_of_an_item_are_read_when_they_are_asked_for(monkeypatch):
    from keqiao.matching import passages

    text, asked = "水通量 18.6 LMH/bar，截留率 ≥ 98%。", []
    monkeypatch.setattr(
        passages, "read_offers", lambda given, real=passages.read_offers: asked.append(given) or real(given)
    )
    offers = passages.TextOffers(text)
    assert asked == []
    assert (len(offers), tuple(offers), offers[0]) == (2, passages.read_offers(text), passages.read_offers(text)[0])
    assert offers == passages.TextOffers(text)
