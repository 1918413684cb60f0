"""The data files keep their promises: licences, passages, formats, codes."""

import csv
import gzip
import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from keqiao.demo.checks import ACHIEVEMENT_KINDS, EMAIL, NEED_KINDS, OPEN_LICENCES, PHONE, problems, text_of

DEMO = Path(__file__).parents[1] / "data"
CODES = Path(__file__).parents[2] / "catalogue/data"
FILES = ["achievements", "needs"]
TABLES = ["ipc", "gbt4754", "gbt13745", "gbt2260", "wipo35"]


def read_open(name):
    with gzip.open(DEMO / f"open/{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_written(pattern):
    return [item for file in sorted((DEMO / "lanjiang").glob(pattern)) for item in json.loads(file.read_text("utf-8"))]


def read_table(name):
    with gzip.open(CODES / f"codes/{name}.tsv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def opened():
    return {name: read_open(name) for name in FILES}


# --- open texts ------------------------------------------------------------------------------------------------------


def test_there_are_enough_open_items(opened):
    assert len(opened["achievements"]) >= 1000
    assert len(opened["needs"]) >= 350
    assert {i["kind"] for i in opened["achievements"]} == ACHIEVEMENT_KINDS
    assert {i["kind"] for i in opened["needs"]} == NEED_KINDS
    assert sum(i["trl"] is not None for i in opened["achievements"]) >= 59
    assert sum(bool(i["budget"] and i["deadline"]) for i in opened["needs"]) >= 100


@pytest.mark.parametrize("name", FILES)
def test_open_items_are_sound(opened, name):
    assert {i["key"]: problems(i) for i in opened[name] if problems(i)} == {}


@pytest.mark.parametrize("name", FILES)
def test_open_items_have_an_open_licence_and_no_contacts(opened, name):
    assert {i["source"]["licence"] for i in opened[name]} <= OPEN_LICENCES
    assert [i["key"] for i in opened[name] if EMAIL.search(json.dumps(i)) or PHONE.search(text_of(i))] == []


def test_open_keys_are_unique(opened):
    keys = Counter(i["key"] for items in opened.values() for i in items)
    assert [key for key, n in keys.items() if n > 1] == []


def test_open_links_hold_from_both_sides(opened):
    forth = {(need["key"], key) for need in opened["needs"] for key in need["links"]}
    back = {(key, item["key"]) for item in opened["achievements"] for key in item["links"]}
    assert forth == back
    assert len(forth) >= 300


def test_derived_problems_and_machine_versions_are_marked(opened):
    derived = [i for i in opened["needs"] if i["kind"] == "derived_problem"]
    assert {i["owner"]["key"] for i in derived} == {"chinaxiv"}
    assert {i["label_zh"] for i in derived} == {"摘自论文引言的问题陈述，不是企业提出的需求"}
    assert {i["zh_origin"] for i in opened["needs"] if i["kind"] == "agency_topic"} == {None, "machine"}
    assert all((i["zh"] is None) == (i["zh_origin"] is None) for items in opened.values() for i in items)


@pytest.mark.parametrize("field", ["trl", "indicators"])
def test_an_invented_value_would_be_seen(opened, field):
    item = next(i for i in opened["achievements"] if i["kind"] == "paper" and i["indicators"])
    invented = {"trl": 9, "indicators": [{**item["indicators"][0], "value": "123456"}]}
    assert problems(item) == []
    assert problems({**item, field: invented[field]}) != []


@pytest.mark.parametrize("file", [*DEMO.glob("open/*.gz"), *CODES.glob("codes/*.gz")], ids=lambda f: f.name)
def test_packed_files_carry_no_time_and_no_name(file):
    header = file.read_bytes()[:8]
    assert header[3:8] == b"\0" * 5


def test_open_files_stay_small_and_name_their_sources(opened):
    assert sum(file.stat().st_size for file in DEMO.glob("open/*.gz")) < 3_000_000
    licences = (DEMO / "open/LICENCES.md").read_text("utf-8")
    counts = Counter((i["source"]["name"], i["kind"]) for items in opened.values() for i in items)
    assert [key for key, n in counts.items() if f"| {key[0]} | {key[1]} | {n} |" not in licences] == []


# --- written for Keqiao ----------------------------------------------------------------------------------------------


def test_the_city_is_large_enough():
    assert len(read_written("pairs-*.json")) >= 60
    assert len(read_written("needs-*.json")) >= 80


@pytest.mark.parametrize("pattern", ["organisations*.json", "pairs-*.json", "needs-*.json"])
def test_the_city_keeps_its_format(pattern):
    items = read_written(pattern)
    assert {i["key"]: problems(i) for i in items if problems(i)} == {}


def test_keys_of_the_city_are_unique_and_its_owners_exist():
    organisations = [o["key"] for o in read_written("organisations*.json")]
    pairs = read_written("pairs-*.json")
    achievements = [p["achievement"] for p in pairs]
    needs = [*(p["need"] for p in pairs), *read_written("needs-*.json")]
    keys = Counter([*organisations, *(i["key"] for i in [*achievements, *needs])])
    assert [key for key, n in keys.items() if n > 1] == []
    named = {a["owner"] for a in achievements} | {n["publisher"] for n in needs}
    assert named - set(organisations) == set()


def test_a_broken_item_is_told():
    pair = read_written("pairs-*.json")[0]
    need = {**pair["need"], "ipc": ["Z99Z 1/00"], "deadline": "2026-01-01", "field": "magic"}
    told = problems({**pair, "need": need})
    assert [p.split(":")[1].strip().split(" ")[0] for p in told] == ["field", "IPC", "deadline"]


# --- code tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "levels"),
    [
        ("ipc", {"section": 8, "class": 132, "subclass": 656, "main_group": 7476}),
        ("gbt4754", {"section": 20, "division": 97, "group": 473, "class": 1381}),
        ("gbt13745", {"first": 62, "second": 756, "third": 2819}),
        ("gbt2260", {"province": 31, "city": 342, "area": 2978}),
        ("wipo35", {"sector": 5, "field": 35}),
    ],
)
def test_code_tables_are_complete(table, levels):
    assert Counter(row["level"] for row in read_table(table)) == levels


@pytest.mark.parametrize("table", TABLES)
def test_code_tables_are_trees_of_unique_codes(table):
    rows = read_table(table)
    codes = {row["code"] for row in rows}
    assert len(codes) == len(rows)
    assert {row["parent"] for row in rows} - codes == {""}
    assert {row["scheme"] for row in rows} == {table}
    assert all(len(row[name]) <= 500 for row in rows for name in ("title_zh", "title_en", "remark"))


@pytest.mark.parametrize(
    ("table", "code", "parent", "title_zh"),
    [
        ("ipc", "C", "", "化学；冶金"),
        ("ipc", "B01D71/00", "B01D", "以材料为特征的用于分离工艺或设备的半透膜；其专用制备方法"),
        ("ipc", "H01M10/00", "H01M", "二次电池；及其制造"),
        ("ipc", "A01B", "A01", "农业或林业的整地；一般农业机械或农具的部件、零件或附件"),
        ("gbt4754", "0111", "011", "稻谷种植"),
        ("gbt4754", "3531", "353", "食品、酒、饮料及茶生产专用设备制造"),
        ("gbt13745", "1101410", "11014", "演绎逻辑学"),
        ("gbt13745", "8405110", "84051", "社会心理学史"),
        ("gbt2260", "310115", "3101", "浦东新区"),
        ("wipo35", "1", "S1", "电机、电气装置、电能"),
    ],
)
def test_well_known_codes(table, code, parent, title_zh):
    [row] = [row for row in read_table(table) if row["code"] == code]
    assert (row["parent"], row["title_zh"]) == (parent, title_zh)


def test_no_line_break_is_left_in_chinese_titles():
    broken = [
        r["code"] for t in TABLES for r in read_table(t) if r["title_zh"][:1] >= "\u4e00" and "  " in r["title_zh"]
    ]
    assert broken == []
    assert [r["title_zh"] for r in read_table("gbt13745") if "亦称" in r["title_zh"] or " " in r["title_zh"]] == []


def test_the_concordance_names_known_fields_and_subclasses():
    rows = read_table("wipo35_ipc")
    assert {row["field"] for row in rows} == {str(n) for n in range(1, 36)}
    assert len(rows) == 761


def test_own_tables():
    regions = tomllib.loads((DEMO / "regions.toml").read_text("utf-8"))["region"]
    fields = tomllib.loads((CODES / "fields.toml").read_text("utf-8"))["field"]
    countries = tomllib.loads((CODES / "countries.toml").read_text("utf-8"))["country"]
    assert [r["code"] for r in regions] == ["LP", "LJ", "LJ01", "LJ02", "LJ03", "LJ04", "LJ05", "DP", "DP01", "DP02"]
    assert {r["parent"] for r in regions} == {"", "LP", "LJ", "DP"}
    assert len(fields) == 11
    assert {i["owner"]["country"] for name in FILES for i in read_open(name)} <= {c["code"] for c in countries}
    assert all(row["title_zh"] and row["title_en"] for row in [*regions, *fields, *countries])
