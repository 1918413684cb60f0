"""Real spellings of units, what they are equal to, and what they must never be compared with."""

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.catalogue import units
from keqiao.catalogue.quantities import (
    Quantity,
    UnknownUnit,
    as_difference,
    compare,
    convert,
    read_unit,
    same_kind,
    write_number,
    write_quantity,
    write_range,
)

# One line: spelling | how many | of this plainer unit. Both sides are read; kind and size must agree exactly.
EQUAL = """
LMH/bar | 1 | L/(m²·h·bar)
L/m²/h/bar | 1 | LMH/bar
L·m⁻²·h⁻¹·bar⁻¹ | 1 | LMH/bar
L m-2 h-1 bar-1 | 1 | LMH/bar
Ｌ／（ｍ²・ｈ・ｂａｒ） | 1 | LMH/bar
L/m2·h·bar | 1 | LMH/bar
升/平方米·小时·巴 | 1 | LMH/bar
L/(m²·h·MPa) | 0.1 | LMH/bar
LMH | 1 | L/(m²·h)
lmh | 1 | LMH
m³/(m²·d) | 1000 | L/(m²·d)
10⁻⁶/K | 1 | ppm/℃
kpc | 1000 | parsec
mas | 0.001 | 角秒
ppbv | 0.001 | ppmv
barrels | 42 | gallons
GFLOP/s | 1 | GFLOPS
dtex | 0.1 | tex
Myr | 1000000 | a
×10⁻⁶/K | 1 | 10^-6/K
×10-6/℃ | 1 | 10⁻⁶/K
10^-6 K^-1 | 1 | 10⁻⁶/K
1e-6/K | 1 | 10⁻⁶/K
ppm/K | 1 | 10⁻⁶/K
10⁻⁶ | 1 | ppm
‰ | 0.1 | %
％ | 1 | %
percent | 1 | %
百分比 | 1 | %
ppm | 0.0001 | %
ppb | 0.001 | ppm
mg/L | 1 | g/m³
毫克/升 | 1 | mg/L
毫克每升 | 1 | mg/L
μg/mL | 1 | mg/L
ug/ml | 1 | mg/L
g/L | 1 | kg/m³
pg/mL | 0.001 | ng/mL
pg/mL | 1 | ng/L
g/cm³ | 1 | kg/L
g/cc | 1 | g/cm³
t/m³ | 1 | g/cm³
mg·kg⁻¹ | 1 | mg/kg
mg/kg | 0.0001 | wt%
mg/g | 0.1 | wt%
质量% | 1 | wt%
%（质量分数） | 1 | wt%
％(w/w) | 1 | wt%
vol% | 1 | %（体积分数）
mL/L | 0.1 | vol%
mmol/mol | 0.1 | mol%
με | 1 | μm/m
μm | 1 | um
µm | 1 | μm
微米 | 1 | μm
㎛ | 1 | μm
μm | 0.001 | mm
nm | 0.001 | μm
纳米 | 1 | nm
Å | 0.1 | nm
埃 | 1 | Å
毫米 | 1 | mm
㎜ | 1 | mm
厘米 | 1 | cm
公里 | 1 | km
KM | 1 | km
英寸 | 2.54 | cm
inch | 25.4 | mm
ft | 12 | inch
海里 | 1852 | m
㎡ | 1 | m²
平方米 | 1 | m^2
平米 | 1 | m2
cm² | 0.0001 | m²
平方厘米 | 1 | cm²
亩 | 2000 | m2/3
公顷 | 15 | 亩
hm² | 1 | ha
km² | 100 | ha
平方公里 | 1 | km²
立方米 | 1 | m³
㎥ | 1 | m3
升 | 0.001 | m³
L | 1 | dm³
mL | 1 | cm³
μL | 0.001 | mL
uL | 1 | μL
毫升 | 1 | ml
Nm³/h | 1 | 标方/小时
h | 1 | 小时
小时 | 60 | 分钟
小时 | 3600 | 秒
min | 60 | s
天 | 24 | h
d | 1 | 日
周 | 7 | 天
年 | 12 | 月
年 | 365 | 天
months | 1 | 个月
hours | 1 | h
days | 1 | 天
ms | 0.001 | s
毫秒 | 1 | ms
μs | 1 | 微秒
次 | 1 | cycles
万次 | 10000 | 次
千次 | 1000 | 次
亿次 | 10000 | 万次
次/分钟 | 60 | 次/小时
rpm | 1 | 转/分
r/min | 1 | rpm
转/分钟 | 1 | rpm
krpm | 1000 | r/min
r/s | 60 | rpm
Hz | 0.001 | kHz
MHz | 1000000 | Hz
赫兹 | 1 | Hz
GHz | 1000 | MHz
kW·h/kg | 1 | kWh/kg
kWh/kg | 1000 | Wh/kg
Wh/kg | 3.6 | kJ/kg
W·h·kg⁻¹ | 1 | Wh/kg
kW·h/t | 1 | kWh/t
千瓦时/吨 | 1 | kWh/t
度电/吨 | 1 | kWh/t
W/kg | 0.001 | kW/kg
KW | 1 | kW
kw | 1 | kW
千瓦 | 1 | kW
兆瓦 | 1000 | kW
MW | 1000 | kW
mW | 0.001 | W
μW/cm² | 0.01 | W/m²
马力 | 735.49875 | W
GJ/t | 1 | MJ/kg
kcal | 4.184 | kJ
大卡 | 1 | kcal
Wh/L | 1 | kWh/m³
MPa | 10 | bar
Mpa | 1 | MPa
兆帕 | 1 | MPa
N/mm² | 1 | MPa
GPa | 1000 | MPa
KPa | 1 | kPa
mbar | 100 | Pa
atm | 101.325 | kPa
kgf/cm² | 98066.5 | Pa
mm Hg | 1 | mmHg
MPa·m^1/2 | 1 | MPa·√m
MPa·m1/2 | 1 | MPa·m^0.5
kN/m | 1 | N/mm
N·m | 1 | Nm
kN·m | 1000 | N·m
kJ/m² | 1 | mJ/mm²
mPa·s | 1 | mPa.s
mPa·s | 0.001 | Pa·s
cP | 1 | mPa·s
cSt | 1 | mm²/s
Ω·cm | 0.01 | Ω·m
欧姆·厘米 | 1 | Ω·cm
Ω·cm | 1 | ohm·cm
mΩ·cm² | 0.001 | Ω·cm²
Ω/□ | 1 | Ω/sq
S/cm | 1000 | mS/cm
mS/cm | 0.1 | S/m
西门子/厘米 | 1 | S/cm
mA/cm² | 10 | A/m²
mA·h/g | 1 | mAh/g
mAh·g⁻¹ | 1 | mAh/g
A·h/kg | 1 | mAh/g
mAH | 1 | mAh
F/g | 1000 | F/kg
kV/mm | 1 | MV/m
V/√Hz | 1000 | mV/√Hz
pC/N | 0.000000000001 | A·s/N
cd/m² | 1 | nit
尼特 | 1 | cd/m2
lm/W | 1 | 流明/瓦
lux | 1 | lm/m²
CFU/mL | 1 | cfu/ml
10⁶ CFU/mL | 1000000 | CFU/mL
10^8CFU/g | 100000000 | CFU/g
亿CFU/mL | 100000000 | CFU/mL
U/mL | 1000 | U/L
kU/L | 1 | U/mL
IU/mL | 1 | IU/ml
copies/mL | 1 | 拷贝/mL
mmol/L | 1 | mM
μM | 1 | μmol/L
mol/L | 1 | M
kDa | 1000 | Da
t/d | 1 | 吨/天
T/d | 1 | t/d
t/a | 1 | 吨/年
万吨/年 | 10000 | t/a
万t/a | 1 | 万吨/年
m³/h | 24 | m³/d
立方米/小时 | 1 | m³/h
L/min | 0.06 | m³/h
kg/亩 | 1 | 公斤/亩
斤/亩 | 0.5 | kg/亩
公斤/亩 | 15 | kg/ha
斤 | 500 | g
公斤 | 1 | kg
吨 | 1000 | 公斤
KG | 1 | kg
W/(m·K) | 1 | W/m·K
W·m⁻¹·K⁻¹ | 1 | W/(m·K)
W m-1 K-1 | 1 | W/(m·K)
W/(m·℃) | 1 | W/(m·K)
J/(kg·K) | 0.001 | kJ/(kg·℃)
℃/min | 1 | K/min
g/(m²·24h) | 1 | g/(m²·d)
g/m²·day | 1 | g/(m²·d)
L/100km | 0.01 | L/km
kWh/百公里 | 1 | kWh/100km
g/kWh | 1 | kg/MWh
m/s² | 1 | m/s^2
m/s | 3.6 | km/h
° | 60 | ′
° | 3600 | ″
mrad | 0.001 | rad
°/h | 1 | deg/h
Mbit/s | 1 | Mbps
GB/s | 8 | Gbit/s
TOPS/W | 1000 | GOPS/W
帧/秒 | 1 | fps
万像素 | 0.01 | MP
元/m² | 1 | 元/平方米
万元 | 10000 | 元
亿元 | 10000 | 万元
RMB 万元 | 1 | 万元
万元人民币 | 1 | 万元
万元/年 | 10000 | 元/年
元/吨 | 0.001 | 元/kg
元/kWh | 1 | 元/度电
¥ | 1 | 元
￥/kg | 1 | 元/kg
million CNY | 100 | 万元
万美元 | 10000 | USD
美元/吨 | 1 | $/t
€/kg | 1 | 欧元/公斤
件/h | 1 | pcs/h
个/mL | 1000 | 个/L
万件/年 | 10000 | 件/年
%/年 | 1 | %/a
s⁻¹ | 1 | 1/s
h⁻¹ | 1 | /h
每小时 | 1 | 1/h
cm⁻¹ | 100 | m-1
dB/km | 0.001 | dB/m
Δ℃ | 1 | ℃（温差）
"""

OWN_KINDS = """
pH | pH值 | PH | ph
TRL | TRL6 | TRL级
HRC | hrc
HV | HV10
IP67 | IP | ip 65
级 | 等级 | grade
%RH | % RH | 相对湿度
%FS | %F.S.
%IACS | IACS
dBm
dB | 分贝
倍 | 倍数 | fold
Shore A | 邵氏A
目 | mesh
"""

APART = """
pH | pH·m
pH | H
pH | pF
% | wt%
wt% | vol%
% | %RH
% |
HRC | HV
HRC | HRB
IP67 | 级
TRL | 级
元 | USD
USD | EUR
万元 | 万元/年
元/m² | 元/m³
mg/L | ppm
mg/L | %
℃ | Δ℃
Nm³/h | m³/h
mm | Nm
nm | Nm
Hz | rpm
Hz | Bq
CFU/mL | 个/mL
U/mL | IU/mL
mS/cm | ms/cm
dB | dBm
次 | 件
倍 | 次
kVA | kW
lm/W | cd/W
C | ℃
C | A·s
"""


def lines(table):
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


SPELLINGS = {cell for row in lines(EQUAL) for cell in (row[0], row[2])} | {c for row in lines(OWN_KINDS) for c in row}


def test_the_table_is_large_enough():
    assert len(SPELLINGS) >= 300


@pytest.mark.parametrize(("spelling", "count", "plainer"), lines(EQUAL), ids=lambda cell: cell)
def test_spelling_is_understood(spelling, count, plainer):
    unit, other = read_unit(spelling, strict=True), read_unit(plainer, strict=True)
    assert unit.kind == other.kind
    ratio = unit.factor / (other.factor * Fraction(count))
    assert abs(ratio - 1) < Fraction(1, 10**20)  # roots have 28 digits, everything else is exact


@pytest.mark.parametrize("spellings", lines(OWN_KINDS), ids=lambda cells: cells[0])
def test_kinds_of_their_own(spellings):
    kinds = {read_unit(spelling, strict=True).kind for spelling in spellings}
    assert len(kinds) == 1


@pytest.mark.parametrize(("one", "other"), lines(APART), ids=lambda cell: cell)
def test_never_compared(one, other):
    assert not same_kind(one, other)
    assert compare(Decimal(1), one, Decimal(1), other) is None


def test_ph_is_not_picohenry():
    assert read_unit("pH").kind == "ph"
    assert read_unit("pH").kind != read_unit("nH").kind


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_every_spelling_is_known(spelling):
    assert not read_unit(spelling).is_opaque


def test_every_row_of_the_table_has_a_size():
    for spelling in units.table().exact:
        atom = units.atom(spelling)
        assert atom is not None, spelling
        assert atom.factor > 0


def test_kept_sizes_are_those_of_pint():
    kept = units.kept_sizes()
    assert kept == {name: units.size_by_pint(name) for name in kept}


def test_reading_units_does_not_load_pint():
    code = "import sys; from keqiao.catalogue.quantities import *; "
    code += "[read_unit(u) for u in ('LMH/bar', '万元/年', '10⁻⁶/K', 'rpm')]; print('pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"False"


def test_temperatures():
    assert convert(Decimal(25), "℃", "K") == Decimal("298.15")
    assert convert(Decimal(808), "K", "℃") == Decimal("534.85")
    assert convert(Decimal(212), "℉", "℃") == 100
    assert compare(Decimal(808), "K", Decimal(550), "℃") == -1
    assert convert(Decimal(10), as_difference(read_unit("℃")), as_difference(read_unit("K"))) == 10
    assert as_difference(read_unit("mm")) == read_unit("mm")


def test_comparison_is_exact():
    assert compare(Decimal(60), "min", Decimal(1), "h") == 0
    assert compare(Decimal("0.3"), "m", Decimal(300), "mm") == 0
    assert compare(Decimal(35), "g/m³", Decimal(20), "mg/L") == 1
    assert compare(Decimal(26), "Pa·s", Decimal(15000), "mPa·s") == 1
    assert compare(Decimal(72), "μm", Decimal("0.05"), "mm") == 1
    assert compare(Decimal(1), "年", Decimal(365), "天") == 0


def test_values_that_cannot_be_compared():
    assert compare(Decimal("NaN"), "m", Decimal(1), "m") is None
    assert compare(Decimal("1e999999"), "m", Decimal(1), "m") is None


def test_unknown_units_are_opaque():
    assert read_unit("μg TE/mL").is_opaque
    assert same_kind("Blorp / h", "ｂｌｏｒｐ/h")
    assert compare(Decimal(2), "blorp", Decimal(1), "BLORP") == 1
    assert not same_kind("blorp", "blarp")
    assert not same_kind("% (干基)", "%")
    with pytest.raises(UnknownUnit) as error:
        read_unit("blorp", strict=True)
    assert error.value.text == "blorp"
    with pytest.raises(UnknownUnit):
        convert(Decimal(1), "m", "kg")


def test_notes_after_a_unit_are_ignored():
    assert read_unit("mg/L（以N计）").kind == read_unit("mg/L").kind


def test_money():
    assert read_unit("万元/年").is_money
    assert read_unit("USD").is_money
    assert not read_unit("kg").is_money


def test_writing():
    assert write_number(Decimal("15.0")) == "15.0"
    assert write_number(Decimal("0.6666666666")) == "0.666667"
    assert write_number(Decimal(1500000)) == "1500000"
    assert write_number(Decimal("1e-9")) == "1e-9"
    assert write_quantity(Decimal(15), "LMH/bar") == "15 LMH/bar"
    assert write_quantity(Decimal(6), "TRL") == "TRL 6"
    assert write_quantity(Decimal("0.92"), "") == "0.92"
    assert write_range(Decimal(1), Decimal(2), "pH") == "pH 1–2"
    assert str(Quantity.of("0.30", "mm")) == "0.30 mm"


@given(st.text(max_size=200))
def test_any_text_is_a_unit(text):
    unit = read_unit(text)
    assert unit.factor > 0
    assert same_kind(text, text)
    assert len(unit.spelling) <= units.LONGEST_UNIT


@given(st.text(alphabet="mkgs/·()^-0123456789 %℃K万元每平方立方√×Nμ°′", max_size=90))
def test_any_sequence_of_unit_signs_is_a_unit(text):
    assert read_unit(text).factor > 0


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_conversion_there_and_back(value):
    for one, other in (("℃", "K"), ("MPa", "bar"), ("min", "h"), ("LMH/bar", "m/(s·Pa)"), ("kg/亩", "t/ha")):
        assert abs(convert(convert(value, one, other), other, one) - value) < Decimal("1e-12")


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_any_number_can_be_written(value):
    assert write_number(value)
