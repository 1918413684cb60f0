"""Items to measure with: the same each time, complete, and into the tables as they are made."""

import gzip
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from psycopg.errors import CheckViolation

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.models import Achievement, AchievementText, Need, NeedText, PrivateBudget
from keqiao.catalogue.types import ItemState, Mode
from keqiao.demo import generating, recombining
from keqiao.kernel.identifiers import read_application_number
from keqiao.matching.gathering import ACHIEVEMENT_PARTS, joined_texts
from keqiao.parties.models import Organisation

pytestmark = pytest.mark.slow
COUNTS = {"achievement": 60, "need": 20}


def quiet(_text: str) -> None:
    pass


def test_the_same_twice_and_wherever_it_starts() -> None:
    first = list(recombining.made("achievement", 1_020))
    assert list(recombining.made("achievement", 1_020)) == first
    assert list(recombining.made("achievement", 1_020, first=990)) == first[990:]
    assert list(islice(recombining.made("achievement", 1_020, seed=1), 20)) != first[:20]


def test_items_have_every_attribute_in_its_share() -> None:
    items = list(recombining.made("achievement", 2_000))
    states = Counter(item.columns["state"] for item in items)
    assert set(states) == set(recombining.STATES)
    assert states[ItemState.PUBLISHED] > 1_850
    assert {mode for item in items for mode in item.columns["modes"]} == set(Mode.values)
    assert {item.columns["trl"] for item in items} == {None, *range(1, 10)}
    assert {item.columns["price_kind"] for item in items} == {"amount", "negotiable", "unknown"}
    assert {text["lang"] for item in items for text in item.texts} == {"zh", "en"}
    assert sum(len(item.texts) == 2 for item in items) > 150
    assert {len(item.indicators) for item in items} >= {0, 1, 2, 3, 4}
    numbers = [item.right["number"] for item in items if item.right and item.right["kind"] == "invention"]
    assert len(numbers) == len({read_application_number(number).number for number in numbers}) > 400


@pytest.mark.parametrize("kind", ["achievement", "need"])
def test_at_most_one_text_of_a_hundred_is_there_twice(kind: str) -> None:
    texts = [
        (text["lang"], text.get("summary"), text["problem"], text.get("wanted"))
        for item in recombining.made(kind, 3_000)
        for text in item.texts
    ]
    assert 0 < 1 - len(set(texts)) / len(texts) <= 0.01


def test_files_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert generating.save(COUNTS, tmp_path / name, progress=quiet) == 80
    for kind, count in COUNTS.items():
        content = (tmp_path / "a" / f"{kind}s.jsonl.gz").read_bytes()
        assert content == (tmp_path / "b" / f"{kind}s.jsonl.gz").read_bytes()
        assert len(gzip.decompress(content).splitlines()) == count


@pytest.mark.django_db
def test_the_tables_hold_what_was_made_and_more_is_added() -> None:
    made = list(recombining.made("achievement", 60))
    assert generating.fill({"achievement": 40}, progress=quiet) == 40
    assert generating.fill(COUNTS, progress=quiet) == 40
    assert generating.fill(COUNTS, progress=quiet) == 0
    rows = list(Achievement.objects.order_by("code").prefetch_related("texts", "indicators", "assets"))
    assert [row.code for row in rows] == [item.columns["code"] for item in made]
    for row, item in zip(rows, made, strict=True):
        assert {name: getattr(row, name) for name in item.columns} == item.columns
        known = [
            {name: getattr(text, name) for name in made} for text, made in zip(row.texts.all(), item.texts, strict=True)
        ]
        assert known == item.texts
        assert [i.value for i in row.indicators.all()] == [i["value"] for i in item.indicators]
        assert len(row.assets.all()) == bool(item.right)
    assert Need.objects.count() == 20
    assert PrivateBudget.objects.count() == sum(bool(item.budget) for item in recombining.made("need", 20))
    assert not AchievementText.objects.filter(title="").exists()
    assert not NeedText.objects.filter(problem="").exists()
    assert joined_texts(catalogue.items_to_index("achievement").first(), ACHIEVEMENT_PARTS)


@pytest.mark.django_db
def test_signs_that_copy_treats_specially_come_through() -> None:
    (item,) = islice(recombining.made("achievement", 1), 1)
    strange = 'C:\\new\t"膜"\r\n{a,b} \\N'
    item.texts[0]["summary"] = strange
    item.columns["modes"] = ["service"]
    item.columns["keywords_zh"] = ['a"b', "c\\d", "e,f"]
    generating._write("achievement", [item], generating._organisations("achievement", 1))
    row = Achievement.objects.get()
    assert (row.texts.get(lang=item.texts[0]["lang"]).summary, row.keywords_zh) == (strange, ['a"b', "c\\d", "e,f"])


@pytest.mark.django_db
def test_a_site_with_other_items_is_left_alone() -> None:
    owner = Organisation.objects.create(code="DW-1", kind="university", name_zh="某校")
    Achievement.objects.create(code="CG-2026-REAL", owner=owner)
    with pytest.raises(generating.OtherItems, match="CG-2026-REAL"):
        generating.fill(COUNTS, progress=quiet)
    assert Achievement.objects.count() == 1


@pytest.mark.django_db
def test_a_portion_is_written_whole_or_not_at_all() -> None:
    items = list(recombining.made("achievement", 5))
    items[4].columns["trl"] = 12
    with pytest.raises(CheckViolation):
        generating._write("achievement", items, generating._organisations("achievement", 5))
    assert not Achievement.objects.exists()
