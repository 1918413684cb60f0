"""Achievements and needs recombined from the open texts, for measuring: as many as asked for, the same ones each time.

A text takes its sentences from one field, as a real one does, and is as long as the open texts are; the figures in it
vary. Items come in portions of PORTION, each drawn from the seed and its own number alone: a run that was interrupted
goes on where it stopped, and memory does not grow with the count. All are fictional; what they are made of is named in
data/open/LICENCES.md.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from keqiao.catalogue.types import Evidence, ItemState, Mode, Ownership, PriceKind, Shown
from keqiao.kernel.identifiers import application_check

SEED = 20_261_127
PORTION = 1_000  # items drawn from one seed
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)  # nothing is published later: the same on every day it is made
DATA = Path(__file__).parent / "data"
CODES = Path(__file__).parents[1] / "catalogue" / "data" / "codes"

IN_CHINESE = 0.67  # as on a Chinese site
IN_BOTH = 0.12
REPEATED = 0.005  # the same text again under another code, as in every real library; the bar is 1 %
SHORTEST, LONGEST = 150, 2_000  # characters of a text; one of a single sentence would be there many times
ONE_PIECE = 0.6  # achievements that say all in their summary; the others fill the five parts
SENTENCE = re.compile(r"[^。！？.!?]+(?:[.!?](?=\S)[^。！？.!?]*)*[。！？.!?]+")
NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
YEAR = re.compile(r"(?:19|20)\d\d\Z")
JOINT = {
    "zh": re.compile(r"(?<=.{3})[的及与和](?=.{3})"),
    "en": re.compile(r" (?:for|of|using|with|based on|in|and) ", re.IGNORECASE),
}

STATES = {ItemState.PUBLISHED: 96, ItemState.DRAFT: 2, ItemState.CLOSED: 1, ItemState.WITHDRAWN: 1}
OWNERSHIPS = {Ownership.INSTITUTION: 60, Ownership.ASSIGNED: 10, Ownership.JOINT: 10, Ownership.UNKNOWN: 20}
PRICES = {PriceKind.AMOUNT: 45, PriceKind.NEGOTIABLE: 35, PriceKind.UNKNOWN: 20}
SHOWN = {Shown.SHOWN: 80, Shown.HIDDEN: 12, Shown.MATCHED: 8}
BUDGETS = {"shown": 75, "matched": 15, "hidden": 10}
RIGHTS = {
    ("invention", "granted"): 45,
    ("invention", "pending"): 25,
    ("software", "registered"): 20,
    ("know_how", "secret"): 10,
}
ABROAD = ("CN", "US", "DE", "JP")
WITHOUT_TRL = 0.15
WITHOUT_REGION = 0.05
WITH_RIGHT = 0.45
FIRST_YEAR, PER_YEAR = 2006, 100_000  # serials that name nobody's patent: see kernel.identifiers.make_patent_number

Row = dict[str, Any]
Pieces = tuple[str, ...]  # of a sentence; every second one is a number


@dataclass(frozen=True)
class Made:
    """One item: the values of its columns, and of the rows that belong to it. `owner` counts organisations from 0."""

    columns: Row
    texts: list[Row]
    indicators: list[Row]
    owner: int
    right: Row | None = None
    budget: Row | None = None  # of a need that does not show it to everybody


@dataclass
class Stock:
    """What the texts of one field and language are made of."""

    sentences: list[Pieces] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)  # of titles
    tails: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stocks:
    fields: Sequence[str]
    weights: Sequence[int]  # texts of each field
    of: Mapping[tuple[str, str, str], Stock]  # by kind, language, field
    lengths: Mapping[tuple[str, str], Sequence[int]]  # of the texts, by kind and language
    indicators: Mapping[str, Sequence[Row]]  # by field
    classes: Mapping[tuple[str, str], Sequence[str]]  # by scheme and field
    regions: Sequence[str]


def organisations(kind: str, count: int) -> int:
    """How many organisations stand behind so many items of a kind."""
    return max(1, count // (200 if kind == "achievement" else 15))


def made(kind: str, count: int, *, seed: int = SEED, first: int = 0) -> Iterator[Made]:
    """Items `first` to `count` of the kind."""
    owners = organisations(kind, count)
    for portion in range(first // PORTION, -(-count // PORTION)):
        start = portion * PORTION
        items = list(_portion(kind, start, owners, seed))
        yield from items[max(0, first - start) : count - start]


def _chance(of: str) -> random.Random:
    return random.Random(of)  # noqa: S311 -- the same numbers each time, and no secret


def questions(count: int, *, seed: int = SEED) -> list[str]:
    """What people type: half are sentences of achievements, half a few words of a title."""
    chance = _chance(f"{seed} questions")
    found = []
    for n in range(count):
        lang = "zh" if chance.random() < IN_CHINESE else "en"
        stock = stocks().of["achievement", lang, chance.choice(stocks().fields)]
        found.append(_said(chance.choice(stock.sentences), chance)[:120] if n % 2 else chance.choice(stock.heads)[:40])
    return found


def long_questions(count: int, *, length: int = 300, seed: int = SEED) -> list[str]:
    """Texts of a need's length, of sentences that no generated item has in this order."""
    chance = _chance(f"{seed} needs")
    return [
        _text(chance, "need", "zh" if chance.random() < IN_CHINESE else "en", chance.choice(stocks().fields), length)
        for _n in range(count)
    ]


# --- One portion ------------------------------------------------------------------------------------------------------


def _portion(kind: str, start: int, owners: int, seed: int) -> Iterator[Made]:
    chance = _chance(f"{seed} {kind} {start}")
    before: list[Row] = []
    make = _achievement if kind == "achievement" else _need
    for number in range(start, start + PORTION):
        # One organisation of ten has about half of all items.
        owner = int(owners * chance.random() ** 2)
        item = make(chance, number, owner)
        if before and chance.random() < REPEATED:
            item.texts[:] = [dict(text) for text in before]
        before = item.texts
        yield item


def _achievement(chance: random.Random, number: int, owner: int) -> Made:
    topic = _topic(chance)
    modes = chance.sample(Mode.values, chance.randint(0, 3))
    price = _price(chance)
    columns = {
        **_shared(chance, "CG", number, topic, modes),
        **price,
        "unit_zh": "",
        "unit_en": "",
        "trl": None if chance.random() < WITHOUT_TRL else min(9, max(1, round(chance.gauss(5, 2)))),
        "trl_evidence_zh": [],
        "trl_evidence_en": [],
        "ownership": _drawn(chance, OWNERSHIPS),
        "price_for": modes[0] if modes and price["price_kind"] == PriceKind.AMOUNT else "",
        "disclosed_on": None,
    }
    indicators = [_offered(chance, row, place) for place, row in enumerate(_indicators(chance, topic))]
    right = _right(chance, number, columns) if chance.random() < WITH_RIGHT else None
    return Made(columns, _texts(chance, "achievement", topic, columns), indicators, owner, right)


def _need(chance: random.Random, number: int, owner: int) -> Made:
    topic = _topic(chance)
    price, shown = _price(chance), _drawn(chance, BUDGETS)
    is_private = price["price_kind"] == PriceKind.AMOUNT and shown != "shown"
    nothing = {"price_kind": PriceKind.UNKNOWN, "price_low": None, "price_high": None, "currency": "CNY"}
    columns = {
        **_shared(chance, "XQ", number, topic, chance.sample(Mode.values, chance.randint(0, 3))),
        **(nothing if is_private else price),
        "publisher_shown": _drawn(chance, SHOWN),
        "kind": "company",
        "trl_min": None if chance.random() < 0.4 else chance.randint(3, 8),
        "deadline": (UTC_DAY + timedelta(days=chance.randint(30, 700))) if chance.random() < 0.6 else None,
        "region_wish": "local" if chance.random() < 0.2 else "any",
    }
    indicators = [_wanted(chance, row, place) for place, row in enumerate(_indicators(chance, topic))]
    budget = {"shown": shown, **price} if is_private else None
    return Made(columns, _texts(chance, "need", topic, columns), indicators, owner, budget=budget)


UTC_DAY: date = UNTIL.date()


def _topic(chance: random.Random) -> str:
    return chance.choices(stocks().fields, stocks().weights)[0]


def _drawn(chance: random.Random, weights: Mapping[Any, int]) -> str:
    return str(chance.choices(list(weights), list(weights.values()))[0])


def _shared(chance: random.Random, prefix: str, number: int, topic: str, modes: Sequence[str]) -> Row:
    state = _drawn(chance, STATES)
    published = UNTIL - timedelta(seconds=chance.randrange(3 * 365 * 24 * 3600))
    return {
        "code": f"{prefix}-R-{number:08d}",
        "state": state,
        "field": topic,
        "ipc": _classes(chance, "ipc", topic),
        "industry": _classes(chance, "gbt4754", topic),
        "discipline": _classes(chance, "gbt13745", topic),
        "keywords_zh": [],
        "keywords_en": [],
        "modes": modes,
        "region": "" if chance.random() < WITHOUT_REGION else chance.choice(stocks().regions),
        "is_fictional": True,
        "source": {},
        "passages": {},
        "external_id": "",
        "published_at": None if state == ItemState.DRAFT else published,
        "expires_on": None,
        "updated_at": published,
        "revision": 1,
    }


def _classes(chance: random.Random, scheme: str, topic: str) -> list[str]:
    known = stocks().classes[scheme, topic]
    return chance.sample(known, chance.randint(0, 2))


def _price(chance: random.Random) -> Row:
    """Amounts in minor units, from about 50,000 to 20 million yuan."""
    kind = _drawn(chance, PRICES)
    if kind != PriceKind.AMOUNT:
        return {"price_kind": kind, "price_low": None, "price_high": None, "currency": "CNY"}
    low = max(5, round(chance.lognormvariate(4.5, 1.1))) * 10_000 * 100
    return {"price_kind": kind, "price_low": low, "price_high": low * chance.choice((1, 1, 2, 3)), "currency": "CNY"}


def _right(chance: random.Random, number: int, columns: Row) -> Row:
    kind, status = chance.choices(list(RIGHTS), list(RIGHTS.values()))[0]
    year = FIRST_YEAR + number // PER_YEAR
    if kind == "invention" and year < UNTIL.year:
        digits = f"{year}199{number % PER_YEAR:05d}"
        name = f"{digits}.{application_check(digits)}"
        filed = date(year, 1 + number % 12, 1 + number % 28)
        return {
            "kind": kind,
            "status": status,
            "number": name,
            "filed_on": filed,
            "expires_on": filed.replace(year=year + 20),
        }
    kind, status = ("software", "registered") if kind == "invention" else (kind, status)
    name = "" if kind == "know_how" else f"SR-{columns['code']}"
    return {"kind": kind, "status": status, "number": name, "filed_on": None, "expires_on": None}


# --- Texts ------------------------------------------------------------------------------------------------------------


def _texts(chance: random.Random, kind: str, topic: str, columns: Row) -> list[Row]:
    lang = "zh" if chance.random() < IN_CHINESE else "en"
    langs = ("zh", "en") if chance.random() < IN_BOTH else (lang,)
    for each in langs:
        known = stocks().of[kind, each, topic].keywords
        columns[f"keywords_{each}"] = sorted(set(chance.choices(known, k=chance.randint(2, 5)))) if known else []
    return [_version(chance, kind, each, topic) for each in langs]


def _version(chance: random.Random, kind: str, lang: str, topic: str) -> Row:
    stock = stocks().of[kind, lang, topic]
    title = f"{chance.choice(stock.heads)}{chance.choice(stock.tails)}"[:300]
    body = _body(chance, kind, lang, topic, chance.choice(stocks().lengths[kind, lang]))
    row = {"lang": lang, "origin": "author", "title": title}
    gap = "" if lang == "zh" else " "
    if kind == "need":
        cut = -(-len(body) // 2)
        names = ("problem", "wanted", "background", "tried", "offers")
        return {**row, **dict.fromkeys(names, ""), "problem": gap.join(body[:cut]), "wanted": gap.join(body[cut:])}
    parts = ("summary", "problem", "how", "stage", "incumbent", "advantage")
    if chance.random() < ONE_PIECE or len(body) < len(parts):
        return {**row, **dict.fromkeys(parts, ""), "summary": gap.join(body)}
    return {**row, **{part: gap.join(body[n :: len(parts)]) for n, part in enumerate(parts)}}


def _text(chance: random.Random, kind: str, lang: str, topic: str, length: int) -> str:
    return ("" if lang == "zh" else " ").join(_body(chance, kind, lang, topic, length))[:length]


def _body(chance: random.Random, kind: str, lang: str, topic: str, length: int) -> list[str]:
    """Sentences of the field until the length is reached; none twice."""
    known = stocks().of[kind, lang, topic].sentences
    body: list[str] = []
    used: set[int] = set()
    while (length > 0 or len(body) < 2) and len(used) < len(known):
        place = int(len(known) * chance.random())
        if place not in used:
            used.add(place)
            body.append(_said(known[place], chance))
            length -= len(body[-1])
    return body


def _said(pieces: Pieces, chance: random.Random) -> str:
    """The sentence with other figures; years stay."""
    if len(pieces) == 1:
        return pieces[0]
    factor = 0.5 + 1.5 * chance.random()
    said = list(pieces)
    for n in range(1, len(said), 2):
        if not YEAR.match(said[n]):
            said[n] = _scaled(said[n], factor / 2 if said[n + 1].startswith("%") else factor)
    return "".join(said)


def _scaled(number: str, factor: float) -> str:
    """As many decimals as before."""
    return f"{float(number) * factor:.{len(number.partition('.')[2])}f}"


def _indicators(chance: random.Random, topic: str) -> list[Row]:
    known = stocks().indicators[topic]
    return chance.sample(known, min(len(known), chance.choice((0, 0, 1, 2, 3, 4))))


def _indicator(row: Row, place: int, factor: float) -> Row:
    shared = {name: row.get(name) or "" for name in ("name_zh", "name_en", "unit", "condition_zh", "condition_en")}
    high = Decimal(_scaled(row["high"], factor)) if row.get("high") else None
    return {"position": place, **shared, "comparator": row["comparator"], "high": high}


def _offered(chance: random.Random, row: Row, place: int) -> Row:
    factor = 0.5 + 1.5 * chance.random()
    evidence = chance.choice(Evidence.values)
    value = Decimal(_scaled(row["figure"], factor))
    own = {"value": value, "evidence": evidence, "evidence_zh": "", "evidence_en": "", "baseline": []}
    return {**_indicator(row, place, factor), **own}


def _wanted(chance: random.Random, row: Row, place: int) -> Row:
    factor = 0.5 + 1.5 * chance.random()
    current = Decimal(_scaled(row["figure"], factor * 0.8)) if chance.random() < 0.5 else None
    own = {"target": Decimal(_scaled(row["figure"], factor)), "current": current, "is_must": chance.random() < 0.5}
    return {**_indicator(row, place, factor), **own}


# --- What they are made of --------------------------------------------------------------------------------------------


@cache
def stocks() -> Stocks:
    rows = {"achievement": list(_open("achievements")), "need": list(_open("needs"))}
    of: dict[tuple[str, str, str], Stock] = defaultdict(Stock)
    lengths: dict[tuple[str, str], list[int]] = defaultdict(list)
    weights: dict[str, int] = defaultdict(int)
    for kind, lang in itertools.product(rows, ("zh", "en")):
        for row in rows[kind]:
            body = _body_of(row.get(lang) or {})
            if not body:
                continue
            weights[row["field"]] += kind == "achievement"
            lengths[kind, lang].append(min(max(len(body), SHORTEST), LONGEST))
            _add(of[kind, lang, row["field"]], row, lang, body)
    fields = sorted(weights)
    _fill_up(of, fields)
    return Stocks(
        fields, [weights[name] for name in fields], dict(of), lengths, _known_indicators(fields),
        {(scheme, name): _known_classes(scheme, name) for scheme in ("ipc", "gbt4754", "gbt13745") for name in fields},
        (*_regions(), *ABROAD),
    )  # fmt: skip


def _open(name: str) -> Iterator[Row]:
    with gzip.open(DATA / "open" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _lanjiang() -> Iterator[tuple[Row, Row]]:
    for file in sorted((DATA / "lanjiang").glob("pairs-*.json")):
        for pair in json.loads(file.read_text(encoding="utf-8")):
            yield pair["need"], pair["achievement"]


def _body_of(text: Mapping[str, str]) -> str:
    return " ".join(text.get(part) or "" for part in ("summary", "problem", "wanted", "advantage")).strip()


def _add(stock: Stock, row: Row, lang: str, body: str) -> None:
    found = (sentence.strip() for sentence in SENTENCE.findall(body))
    stock.sentences += [tuple(NUMBER.split(sentence)) for sentence in found if 15 < len(sentence) < 400]
    title = row[lang]["title"]
    joints = list(JOINT[lang].finditer(title))
    if joints:
        cut = joints[len(joints) // 2]
        stock.heads.append(title[: cut.start()])
        stock.tails.append(title[cut.start() :])
    stock.keywords += [word[:60] for word in row.get(f"keywords_{lang}") or ()]


def _fill_up(of: dict[tuple[str, str, str], Stock], fields: Iterable[str]) -> None:
    """A field with few texts of a language, or of needs, takes from the achievements, then from all fields."""
    everything = {lang: Stock() for lang in ("zh", "en")}
    for (_kind, lang, _field), stock in sorted(of.items()):
        for part in ("sentences", "heads", "tails", "keywords"):
            getattr(everything[lang], part).extend(getattr(stock, part))
    for kind, lang, name in itertools.product(("achievement", "need"), ("zh", "en"), fields):
        stock, other = of[kind, lang, name], of["achievement", lang, name]
        for part, least in (("sentences", 60), ("heads", 20), ("tails", 20), ("keywords", 8)):
            mine = getattr(stock, part)
            for source in (other, everything[lang]):
                if len(mine) < least and source is not stock:
                    mine.extend(getattr(source, part))


def _known_indicators(fields: Iterable[str]) -> dict[str, Sequence[Row]]:
    """By field, of both kinds: what an open text or an item of Lanjiang says of a figure."""
    items = [*_open("achievements"), *_open("needs"), *itertools.chain.from_iterable(_lanjiang())]
    found: dict[str, list[Row]] = {name: [] for name in fields}
    for item in items:
        for row in item["indicators"]:
            if item["field"] in found:
                found[item["field"]].append({**row, "figure": row.get("value") or row["target"]})
    everything = [row for rows in found.values() for row in rows]
    return {name: rows if len(rows) > 8 else everything for name, rows in found.items()}


LEVELS = {"ipc": "main_group", "gbt4754": "class", "gbt13745": "third"}


@cache
def _all_classes(scheme: str) -> list[str]:
    with gzip.open(CODES / f"{scheme}.tsv.gz", "rt", encoding="utf-8", newline="") as lines:
        return [row["code"] for row in csv.DictReader(lines, delimiter="\t") if row["level"] == LEVELS[scheme]]


def _known_classes(scheme: str, name: str) -> list[str]:
    """Forty neighbours in the scheme for each field, so that classes go with fields."""
    known = _all_classes(scheme)
    first = _chance(f"{scheme} {name}").randrange(len(known) - 40)
    return known[first : first + 40]


def _regions() -> list[str]:
    rows = tomllib.loads((DATA / "regions.toml").read_text(encoding="utf-8"))["region"]
    return [row["code"] for row in rows if row["level"] == "area"]
