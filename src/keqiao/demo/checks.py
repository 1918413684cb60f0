"""Does an item of the demo data keep the format that README.md of this folder describes?"""

from __future__ import annotations

import csv
import gzip
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any

Item = Mapping[str, Any]

FIELDS = {"materials", "equipment", "biomed", "energy", "ai", "ic", "agri", "environment", "aerospace", "ict", "other"}
MODES = {
    "transfer", "license_exclusive", "license_sole", "license_nonexclusive", "open_license",
    "equity_contribution", "development", "consulting", "service",
}  # fmt: skip
ASSET_KINDS = {"invention", "utility", "design", "software", "variety", "ic_layout", "know_how"}
ASSET_STATES = {"granted", "pending", "registered", "secret"}
EVIDENCE = {"third_party", "self_measured", "user_report", "literature"}
ORGANISATIONS = {"university", "institute", "hospital", "enterprise", "agency"}
QUALIFICATIONS = {"hitech_enterprise", "tech_sme", "tech_little_giant", "specialised_sme"}
COMPARATORS = {"=", ">=", "<=", "range"}
ACHIEVEMENT_TEXTS = ("title", "problem", "how", "stage", "summary", "incumbent", "advantage")
NEED_TEXTS = ("title", "problem", "background", "tried", "wanted", "offers")

OPEN_LICENCES = {"CC BY 4.0", "US Government, public domain"}
ACHIEVEMENT_KINDS = {"paper", "funded_project", "project", "software"}
NEED_KINDS = {"agency_topic", "open_call", "derived_problem"}
EMAIL = re.compile(r"[\w.+-]+@[A-Za-z][\w-]*\.[A-Za-z]{2,}")
PHONE = re.compile(r"(?<!\d)(?:\+\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\d)|(?<!\d)1[3-9]\d{9}(?!\d)")


def problems(item: Item) -> list[str]:
    """What is wrong with one pair, need, achievement, organisation or open item; an empty list if nothing is."""
    return list(_problems(item))


def _problems(item: Item) -> Iterator[str]:
    if "source" in item:
        yield from _open(item)
    elif "achievement" in item:
        yield from _missing(item, "key", "note", "need", "achievement")
        yield from (f"need: {p}" for p in problems(item.get("need", {})))
        yield from (f"achievement: {p}" for p in problems(item["achievement"]))
    elif "publisher" in item:
        yield from _need(item)
    elif "owner" in item:
        yield from _achievement(item)
    elif "short_zh" in item:
        yield from _organisation(item)
    else:
        yield "neither pair, need, achievement nor organisation"


def text_of(item: Item) -> str:
    """All Chinese and English text of an item."""
    return "\n".join(str(text) for lang in ("zh", "en") for text in (item.get(lang) or {}).values())


# --- written for Keqiao ----------------------------------------------------------------------------------------------


def _organisation(item: Item) -> Iterator[str]:
    names = ("key", "kind", "name_zh", "name_en", "short_zh", "short_en", "region", "about_zh", "about_en")
    yield from _missing(item, *names)
    yield from _not_in(item, "kind", ORGANISATIONS)
    yield from _not_in(item, "region", _regions())
    yield from _strangers("qualifications", item.get("qualifications", []), QUALIFICATIONS)


def _achievement(item: Item) -> Iterator[str]:
    yield from _missing(item, "key", "owner", "unit_zh", "unit_en", "zh", "en", "published_on", "updated_on")
    yield from _common(item)
    for lang in ("zh", "en"):
        yield from _missing_texts(item, lang, ACHIEVEMENT_TEXTS)
    yield from _trl(item, "trl")
    yield from _not_in(item, "ownership", {"institution", "assigned", "joint"})
    yield from _price(item, "price")
    yield from _strangers("discipline", item.get("discipline", []), _codes("gbt13745"))
    for indicator in item.get("indicators", []):
        yield from _indicator(indicator, "value")
        yield from _not_in(indicator, "evidence", EVIDENCE)
        for baseline in indicator.get("baseline") or []:
            yield from _missing(baseline, "name_zh", "name_en", "value")
            yield from _number(baseline, "value")
    for person in item.get("team", []):
        yield from _missing(person, "name_zh", "name_en", "title_zh", "title_en", "role_zh", "role_en")
    for asset in item.get("ip", []):
        yield from _asset(asset)
    yield from _days(item, "disclosed_on", "published_on", "updated_on", first="2024-01-01", last="2026-11-18")
    if (item.get("published_on") or "") > (item.get("updated_on") or "9"):
        yield "updated before it was published"


def _asset(asset: Item) -> Iterator[str]:
    yield from _missing(asset, "kind", "title_zh", "title_en", "status")
    yield from _not_in(asset, "kind", ASSET_KINDS)
    yield from _not_in(asset, "status", ASSET_STATES)
    yield from _days(asset, "filed_on", "expires_on")
    if asset.get("filed_on") and asset.get("expires_on") and asset["filed_on"] >= asset["expires_on"]:
        yield "IP asset expires before it is filed"


def _need(item: Item) -> Iterator[str]:
    yield from _missing(item, "key", "publisher", "published_on")
    yield from _common(item)
    if not item.get("zh") and not item.get("en"):
        yield "no text"
    for lang in ("zh", "en"):
        if item.get(lang):
            yield from _missing_texts(item, lang, NEED_TEXTS)
    yield from _not_in(item, "publisher_shown", {"shown", "hidden", "matched"})
    yield from _not_in(item, "region_wish", {"local", "any"})
    yield from _trl(item, "trl_min")
    yield from _price(item, "budget")
    for indicator in item.get("indicators", []):
        yield from _indicator(indicator, "target")
        yield from _number(indicator, "current")
        yield from _not_in(indicator, "kind", {"must", "wish"})
    yield from _days(item, "published_on", first="2024-01-01", last="2026-11-20")
    yield from _days(item, "deadline", first="2026-12-01", last="2027-12-31")


def _common(item: Item) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9-]+", item.get("key", "")):
        yield f"key {item.get('key')!r} is no short ascii slug"
    yield from _not_in(item, "field", FIELDS)
    yield from _not_in(item, "region", _regions())
    yield from _strangers("modes", item.get("modes", []), MODES)
    yield from _strangers("industry", item.get("industry", []), _codes("gbt4754"))
    for symbol in item.get("ipc", []):
        # The table lacks some main groups (SOURCES.md), so only the subclass is looked up.
        if not re.fullmatch(r"[A-H]\d\d[A-Z] \d{1,4}/\d{2,6}", symbol) or symbol[:4] not in _codes("ipc"):
            yield f"IPC {symbol}: no such subclass"
    for lang in ("zh", "en"):
        written = bool(item.get(lang))
        if written and not 3 <= len(item.get(f"keywords_{lang}", [])) <= 6:
            yield f"keywords_{lang}: 3 to 6 are wanted"


def _indicator(item: Item, value: str) -> Iterator[str]:
    yield from _missing(item, "name_zh", "name_en", value)
    if not isinstance(item.get("unit"), str):  # empty for a pure number
        yield "unit is missing"
    yield from _not_in(item, "comparator", COMPARATORS)
    yield from _number(item, value)
    yield from _number(item, "high")
    if (item.get("comparator") == "range") != (item.get("high") is not None):
        yield f"indicator {item.get('name_en')}: `high` goes with `range`"


def _price(item: Item, name: str) -> Iterator[str]:
    price = item.get(name) or {}
    kind = price.get("kind")
    if kind not in {"amount", "negotiable", "unknown"}:
        yield f"{name}: kind {kind!r}"
    if kind == "amount":
        yield from _missing(price, "low", "high", "unit")
        yield from _number(price, "low")
        yield from _number(price, "high")


# --- open texts ------------------------------------------------------------------------------------------------------


def _open(item: Item) -> Iterator[str]:
    yield from _missing(item, "key", "kind", "lang", "owner", "field", "field_origin")
    yield from _not_in(item, "kind", ACHIEVEMENT_KINDS | NEED_KINDS)
    yield from _not_in(item, "field", FIELDS)
    source = item["source"]
    yield from _missing(source, "name", "url", "licence", "licence_url", "attribution", "item_id")
    yield from _not_in(source, "licence", OPEN_LICENCES)
    body = "summary" if item.get("kind") in ACHIEVEMENT_KINDS else "problem"
    if not item.get(item["lang"], {}).get("title") or not item[item["lang"]].get(body):
        yield f"no title or no {body} in its own language"
    whole = text_of(item)
    if EMAIL.search(whole) or PHONE.search(whole):
        yield "an e-mail address or a telephone number"
    if "[TITLE]" in whole:
        yield "[TITLE] is in the text"
    if item.get("kind") == "derived_problem" and not item.get("label_zh"):
        yield "a derived problem without its label"
    yield from _stated(item, whole)


def _stated(item: Item, whole: str) -> Iterator[str]:
    for name, fact in item.get("stated", {}).items():
        if "value" not in fact or bool(fact.get("from")) == bool(fact.get("passage")):
            yield f"{name}: a value comes from a field of the metadata or from a passage"
        if fact.get("passage", "") not in whole:
            yield f"{name}: its passage is not in the text"
    if item.get("trl") is not None and item.get("stated", {}).get("trl", {}).get("value") != item["trl"]:
        yield "TRL without a source"
    if item.get("trl_passage") and item["trl_passage"] not in whole:
        yield "the TRL passage is not in the text"
    if item.get("budget") and not item.get("budget_source"):
        yield "budget without a source"
    for indicator in item.get("indicators", []):
        figure = "value" if item["kind"] in ACHIEVEMENT_KINDS else "target"
        yield from _number(indicator, figure)
        passage = indicator.get("passage") or ""
        if not passage or passage not in whole:
            yield f"indicator {indicator}: its passage is not in the text"
        if indicator[figure] not in passage.replace(",", "") or indicator["unit"] not in passage:
            yield f"indicator {indicator}: value or unit is not in its passage"


# --- words -----------------------------------------------------------------------------------------------------------


def _missing(item: Item, *names: str) -> Iterator[str]:
    yield from (f"{name} is missing" for name in names if not item.get(name))


def _missing_texts(item: Item, lang: str, names: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{lang}.{name} is missing" for name in names if not (item.get(lang) or {}).get(name))


def _not_in(item: Item, name: str, allowed: set[str] | frozenset[str]) -> Iterator[str]:
    if item.get(name) not in allowed:
        yield f"{name}: {item.get(name)!r} is not one of {sorted(allowed)}"


def _strangers(name: str, values: list[str], allowed: set[str] | frozenset[str]) -> Iterator[str]:
    yield from (f"{name}: there is no {value!r}" for value in values if value not in allowed)


def _trl(item: Item, name: str) -> Iterator[str]:
    if item.get(name) is not None and item[name] not in range(1, 10):
        yield f"{name}: {item[name]!r}"


def _number(item: Item, name: str) -> Iterator[str]:
    value = item.get(name)
    if value is None:
        return
    try:
        sound = isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        sound = False
    if not sound:
        yield f"{name}: {value!r} is no decimal string"


def _days(item: Item, *names: str, first: str = "1900-01-01", last: str = "2100-01-01") -> Iterator[str]:
    for name in names:
        value = item.get(name)
        if value is None:
            continue
        try:
            date.fromisoformat(value)
        except ValueError:
            yield f"{name}: {value!r} is no date"
            continue
        if not first <= value <= last:
            yield f"{name}: {value} is not from {first} to {last}"


@cache
def _regions() -> frozenset[str]:
    """The site's own regions and the countries."""
    own = tomllib.loads(files("keqiao.demo").joinpath("data/regions.toml").read_text("utf-8"))["region"]
    countries = tomllib.loads(files("keqiao.catalogue").joinpath("data/countries.toml").read_text("utf-8"))["country"]
    return frozenset(row["code"] for row in [*own, *countries])


@cache
def _codes(table: str) -> frozenset[str]:
    packed = files("keqiao.catalogue").joinpath(f"data/codes/{table}.tsv.gz").read_bytes()
    rows = csv.DictReader(gzip.decompress(packed).decode().splitlines(), delimiter="\t")
    return frozenset(row["code"] for row in rows)
