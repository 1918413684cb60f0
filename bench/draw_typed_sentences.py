"""Draws sentences of texts as people type them: `python bench/draw_typed_sentences.py DATA HALF`.

Which texts these are and why stands in docs/why/figures.md. Each stratum gives so many sentences for both halves; which half
a sentence falls into is drawn by the hash alone. Texts without an open licence are labelled too, but published by reference: the
item and the hash of the sentence instead of its words.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from draw_sentences import (
    COLLECTIONS,
    MEASURE,
    PUBLIC_DOMAIN,
    Collection,
    Known,
    Row,
    has_number,
    known,
    part_of,
    rank,
    rows,
    sentences,
)

HALVES = ("a", "b")
THIRD = "c"  # drawn when both halves had been learned from
CLOSED = "none stated"  # licence of what is published by reference
ONE_OF_ANY_NUMBER = 6  # of so many sentences one has any number, the others something like a unit behind it
TYPED_SINCE = 2000  # award texts before were scanned (README of the collection)


@dataclass(frozen=True)
class Stratum:
    name: str  # kind of text: what it is on the platform, or "damaged"
    collection: Collection
    count: int  # for both halves together
    is_meant: Callable[[Row], bool] = lambda _row: True


def _text(row: Row) -> str:
    return str(row["text"])


def _of(path: str) -> Collection:
    return next(collection for collection in COLLECTIONS if collection.path.startswith(path))


CHALLENGES = Collection("zh_challenges/challenges.jsonl", "zh", 0, "MLCompetitionHub", CLOSED, "mjysci", _text)
PROFILES = Collection(
    "zh_csprd_company_profiles/profiles.jsonl.gz", "zh", 0, "CSPRD", CLOSED, "noewangjy/csprd_dataset", _text
)
SOFTWARE = Collection("en_nasa_software/catalog.jsonl.gz", "en", 0, "NASA Open Source Catalog", *PUBLIC_DOMAIN, _text)
STRATA = (
    Stratum("need", CHALLENGES, 40),
    Stratum("achievement", PROFILES, 66),
    Stratum("achievement", _of("zh_csl"), 90),
    Stratum("need", _of("en_sbir_topics/topics_civil"), 30),
    Stratum("need", _of("en_sbir_topics/topics_dod"), 36),
    Stratum("need", _of("en_eu_open_calls"), 18),
    Stratum("achievement", _of("en_sbir_need2award"), 66, lambda row: row["metadata"]["year"] >= TYPED_SINCE),
    Stratum("achievement", SOFTWARE, 20),
    Stratum("damaged", _of("zh_chinaxiv"), 16),
    Stratum("damaged", _of("en_sbir_need2award"), 16, lambda row: row["metadata"]["year"] < TYPED_SINCE),
)

# What the collections still hold for a third set: the Chinese needs are used up.
ABSTRACTS = replace(_of("zh_csl"), licence=CLOSED, is_open=lambda row: not _of("zh_csl").is_open(row))
THIRD_STRATA = (
    Stratum("achievement", PROFILES, 60),
    Stratum("achievement", ABSTRACTS, 60),
    Stratum("need", _of("en_sbir_topics/topics_civil"), 24),
    Stratum("need", _of("en_sbir_topics/topics_dod"), 30),
    Stratum("need", _of("en_eu_open_calls"), 14),
    Stratum("achievement", _of("en_sbir_need2award"), 44, lambda row: row["metadata"]["year"] >= TYPED_SINCE),
    Stratum("achievement", SOFTWARE, 8),
)


def drawn(data: Path, stratum: Stratum, seen: Known) -> Iterator[Row]:
    """One sentence of each item that nobody labelled or read through before, in the order of the hash."""
    collection, turn = stratum.collection, 0
    items = [row for row in rows(data / collection.path) if part_of(row["_id"]) != "mining" and collection.is_open(row)]
    seen.texts.update(_read_through(data, collection))
    for row in sorted(items, key=lambda row: rank("typed", row["_id"])):
        if row["_id"] in seen.items or not stratum.is_meant(row):
            continue
        mine = [one for one in sentences(collection.text(row)) if has_number(one) and one not in seen.texts]
        if turn:
            mine = [one for one in mine if MEASURE.search(one)]
        if not mine:
            continue
        turn = (turn + 1) % ONE_OF_ANY_NUMBER
        chosen = min(mine, key=lambda one: rank("sentence", one))
        seen.texts.add(chosen)
        seen.items.add(row["_id"])
        yield {
            "id": rank("id", chosen)[:12], "lang": collection.lang, "stratum": stratum.name, "text": chosen, "figures": [],
            "item": row["_id"], "source": collection.source, "licence": collection.licence,
            "attribution": collection.attribution, "url": row.get("url") or "",
        }  # fmt: skip


def _read_through(data: Path, collection: Collection) -> Iterator[str]:
    """Collections say the same of one thing in several items: what stands in those read through is no new sentence."""
    for row in rows(data / collection.path):
        if part_of(row["_id"]) == "mining":
            yield from sentences(collection.text(row))


def third(data: Path) -> Iterator[Row]:
    seen = known([])
    for stratum in THIRD_STRATA:
        for row, _turn in zip(drawn(data, stratum, seen), range(stratum.count), strict=False):
            yield row


def half(data: Path, name: str) -> Iterator[Row]:
    seen = known([])
    for stratum in STRATA:
        mine = [row for row, _turn in zip(drawn(data, stratum, seen), range(stratum.count), strict=False)]
        mine.sort(key=lambda row: rank("half", row["id"]))
        yield from mine[HALVES.index(name) :: len(HALVES)]


def published(row: Row) -> Row:
    """As it stands in the repository: words without an open licence are left out."""
    if row["licence"] != CLOSED:
        return row
    return {"sha256" if key == "text" else key: _hash(value) if key == "text" else value for key, value in row.items()}


def restored(given: list[Row], data: Path) -> list[Row]:
    """The rows with their words, for who has the collections."""
    lacking = {row["sha256"] for row in given if "text" not in row}
    words: dict[str, str] = {}
    for collection in (CHALLENGES, PROFILES, ABSTRACTS):
        for item in rows(data / collection.path):
            words |= {_hash(one): one for one in sentences(collection.text(item)) if _hash(one) in lacking}
    return [row if "text" in row else {**row, "text": words[row["sha256"]]} for row in given]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("half", choices=(*HALVES, THIRD))
    arguments = parser.parse_args()
    for row in third(arguments.data) if arguments.half == THIRD else half(arguments.data, arguments.half):
        print(json.dumps(row, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
