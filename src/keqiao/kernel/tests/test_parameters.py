from datetime import date

import pytest

from keqiao.kernel import parameters
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.models import Parameter
from keqiao.parties import selectors as parties

pytestmark = pytest.mark.django_db


def row(**fields):
    base = {
        "key": "reward.min.transfer",
        "jurisdiction": "CN",
        "value": 5000,
        "first_on": date(2015, 10, 1),
        "pack": "cn-2015",
        "instrument": "促进科技成果转化法",
        "source": "x",
        "is_confirmed": True,
    }
    return Parameter.objects.create(**{**base, **fields})


def test_value_is_the_one_in_force_on_the_day_of_the_legal_fact():
    row(last_on=date(2019, 12, 31))
    row(first_on=date(2020, 1, 1), value=6000, pack="cn-2020")
    assert [parameters.parameter("reward.min.transfer", on=date(y, 6, 1), jurisdiction="CN") for y in (2016, 2021)] == [
        5000,
        6000,
    ]


def test_nearest_jurisdiction_counts_from_its_first_day_on():
    row()
    row(jurisdiction="CN-SH", value=7000, first_on=date(2017, 6, 1), pack="sh-2017")
    ask = [
        parameters.parameter("reward.min.transfer", on=day, jurisdiction="CN-SH")
        for day in (date(2017, 5, 31), date(2017, 6, 1))
    ]
    assert ask == [5000, 7000]


@pytest.mark.parametrize("day", [date(2015, 9, 30), date(1999, 1, 1)])
def test_a_gap_is_an_error_and_never_a_default(day):
    row()
    with pytest.raises(parameters.NoSuchParameter):
        parameters.parameter("reward.min.transfer", on=day, jurisdiction="CN")


def test_packs_that_ship_load_twice_without_doubling():
    count = parameters.load_packs(actor=parties.system())
    assert parameters.load_packs(actor=parties.system()) == count == Parameter.objects.count()
    weights = parameters.parameter("matching.weights", on=date(2026, 11, 20), jurisdiction="CN-SH")
    assert sum(weights.values()) == 100


def test_every_row_that_ships_says_where_it_comes_from():
    parameters.load_packs(actor=parties.system())
    assert [p.key for p in Parameter.objects.all() if not (p.instrument and p.source)] == []


def test_visitors_load_nothing():
    with pytest.raises(NotAllowed):
        parameters.load_packs(actor=parties.visitor())


def test_bad_row_names_file_row_and_field(tmp_path):
    (tmp_path / "bad.toml").write_text('pack="p"\njurisdiction="CN"\n[[parameter]]\nkey="a"\nconfirmed=true\n')
    with pytest.raises(BadInput, match=r"bad\.toml, row 1: 'value'"):
        parameters.load_packs(actor=parties.system(), folder=tmp_path)


PACK = """
pack = "site"
jurisdiction = "CN"
instrument = "某条例"
article = "第九条"
source = "x"
"""


@pytest.mark.parametrize(("second", "said"), [("2019-12-31", "重叠"), ("2020-01-02", "空档")], ids=["overlap", "gap"])
@pytest.mark.parametrize("is_in_one_pack", [True, False])
def test_packs_whose_dates_overlap_or_leave_a_gap_are_refused_whole(tmp_path, second, said, is_in_one_pack):
    def text(*rows):
        return PACK + "".join(
            f'[[parameter]]\nkey = "reward.x"\nvalue = 1\nconfirmed = true\narticle = "第九条"\n{row}\n' for row in rows
        )

    old, new = "first_on = 2015-01-01\nlast_on = 2019-12-31", f"first_on = {second}"
    if is_in_one_pack:
        (tmp_path / "site.toml").write_text(text(old, new), encoding="utf-8")
    else:
        row(key="reward.x", first_on=date(2015, 1, 1), last_on=date(2019, 12, 31), pack="another")
        (tmp_path / "site.toml").write_text(text(new), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"reward\.x.*{said}.*第九条"):
        parameters.load_packs(actor=parties.system(), folder=tmp_path)
    assert not Parameter.objects.filter(pack="site").exists()
