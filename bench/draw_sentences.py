"""Draws sentences to be labelled from the openly licensed collections: `python bench/draw_sentences.py DATA PART COUNT`.

An item belongs to one part for good, by the hash of its id: `learning` is labelled and learned from, `unseen-a` … are
labelled once each, when the rules are fixed, and `mining` is never labelled: what the reader leaves there is looked through
for forms that it does not know. Of each language half; of six sentences one whatever it says, one with a number that
stands alone and is not only a year, four where something like a unit follows a number, whatever the reader knows of it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LABELLED = ROOT / "src/keqiao/matching/reading/labelled"
SEED = "keqiao-figures-2"
PARTS = ("learning", "unseen-a", "unseen-b", "unseen-c", "mining", "mining", "mining", "mining")
SHORTEST, LONGEST = 15, 320
OF_ANY_KIND = 6  # of so many one is drawn whatever it says, one with any number

Row = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """One file of openly licensed texts, and its share among those of its language."""

    path: str
    lang: str
    share: int
    source: str
    licence: str
    attribution: str
    text: Callable[[Row], str]
    is_open: Callable[[Row], bool] = lambda _row: True


@dataclass(frozen=True)
class Known:
    """What was drawn before: no text comes twice, and no item gives two sentences."""

    texts: set[str]
    items: set[str]


PUBLIC_DOMAIN = ("US Government, public domain", "US Government work")


def _text(row: Row) -> str:
    return str(row["text"])


COLLECTIONS = (
    Collection("zh_chinaxiv/corpus.jsonl.gz", "zh", 7, "ChinaXiv", "CC BY 4.0", "© the authors, ChinaXiv", _text),
    Collection(
        "zh_csl/corpus.jsonl.gz", "zh", 3, "CSL", "Apache-2.0", "CSL, ydli-ai/CSL", _text,
        lambda row: row["metadata"]["src"] in {"CSL-dev", "CSL-test"},
    ),
    Collection("zh_stard_closed/corpus.jsonl.gz", "zh", 1, "STARD", "MIT", "STARD, THUIR; statutes", _text),
    Collection("en_sbir_need2award/corpus.jsonl.gz", "en", 3, "SBIR", *PUBLIC_DOMAIN, _text),
    Collection("en_sbir_topics/topics_civil.jsonl.gz", "en", 2, "SBIR topics", *PUBLIC_DOMAIN, _text),
    Collection("en_sbir_topics/topics_dod_2008plus.jsonl.gz", "en", 2, "SBIR topics", *PUBLIC_DOMAIN, _text),
    Collection(
        "en_eu_open_calls/calls.jsonl.gz", "en", 2, "EU Funding & Tenders Portal", "CC BY 4.0", "© European Union", _text
    ),
    Collection(
        "en_nasa_techport_trl/projects.jsonl", "en", 2, "NASA TechPort", *PUBLIC_DOMAIN,
        lambda row: f"{row['description'] or ''} {row['benefits'] or ''}",
    ),
)  # fmt: skip
SENTENCE = re.compile(r"[^。；;！？\n]+?(?:[。；;！？\n]|\.(?=\s+[A-Z(\"“])|\.(?=[\u4e00-\u9fff\[【(（])|$)")
NUMBER = re.compile(r"(?<![A-Za-z0-9_.-])\d+(?:[.,]\d+)*(?![A-Za-z0-9_])|\d[\d.]*(?=[%℃°a-zA-Zμ])")
MEASURE = re.compile(r"\d\.\d|\d ?[%‰℃°\"]|\d ?-?[A-Za-zμ]{1,9}\b|[$€¥]|\d ?[年月天周时分秒倍元米克吨升度万亿余多]")
YEAR = re.compile(r"(?:19|20)\d\d")


def rank(*parts: str) -> str:
    return hashlib.sha256(":".join((SEED, *parts)).encode()).hexdigest()


def part_of(item: str) -> str:
    return PARTS[int(rank("part", item)[:8], 16) % len(PARTS)]


def rows(path: Path) -> Iterator[Row]:
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()
    return (json.loads(line) for line in text.splitlines() if line)


def sentences(text: str) -> list[str]:
    found = (match[0].strip() for match in SENTENCE.finditer(text))
    return [sentence for sentence in found if SHORTEST <= len(sentence) <= LONGEST]


def has_number(sentence: str) -> bool:
    return any(not YEAR.fullmatch(found[0]) for found in NUMBER.finditer(sentence))


def drawn(data: Path, collection: Collection, part: str, known: Known) -> Iterator[Row]:
    """One sentence of each item, in the order of the hash."""
    items = sorted(
        (
            row
            for row in rows(data / collection.path)
            if part_of(row["_id"]) == part and collection.is_open(row) and row["_id"] not in known.items
        ),
        key=lambda row: rank("item", row["_id"]),
    )
    turn = 0
    for row in items:
        mine = sentences(collection.text(row))
        if turn:
            mine = [sentence for sentence in mine if has_number(sentence) and (turn == 1 or MEASURE.search(sentence))]
        mine = [sentence for sentence in mine if sentence not in known.texts]
        if mine:
            turn = (turn + 1) % OF_ANY_KIND
            chosen = min(mine, key=lambda sentence: rank("sentence", sentence))
            known.texts.add(chosen)
            yield {
                "id": rank("id", chosen)[:12], "lang": collection.lang, "text": chosen, "figures": [],
                "item": row["_id"], "source": collection.source, "licence": collection.licence,
                "attribution": collection.attribution, "url": row.get("url") or "",
            }  # fmt: skip


def known(beside: Sequence[Path]) -> Known:
    files = [*LABELLED.glob("*.jsonl"), *beside]
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    return Known({row["text"] for row in lines if "text" in row}, {row["item"] for row in lines})


def draw(data: Path, part: str, count: int, beside: Sequence[Path] = ()) -> Iterator[Row]:
    seen = known(beside)
    for lang in ("zh", "en"):
        mine = [collection for collection in COLLECTIONS if collection.lang == lang]
        whole = sum(collection.share for collection in mine)
        left = count // 2
        for collection in mine:
            wanted = left if collection is mine[-1] else round(count / 2 * collection.share / whole)
            for row, _turn in zip(drawn(data, collection, part, seen), range(wanted), strict=False):
                left -= 1
                yield row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("part", choices=sorted(set(PARTS)))
    parser.add_argument("count", type=int)
    parser.add_argument("beside", type=Path, nargs="*", help="files drawn before, whose items are passed over")
    arguments = parser.parse_args()
    for row in draw(arguments.data, arguments.part, arguments.count, arguments.beside):
        print(json.dumps(row, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
