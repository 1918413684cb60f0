"""Makes the published benchmark in bench/collections out of the whole collections: `python bench/publish.py DATA`.

Only collections whose licence lets anybody pass them on. The large ones are cut: judged queries of each type chosen by
hash, all their relevant documents, and other documents chosen by hash up to a number. The same input gives the same
bytes. Queries that are held back for measuring are not here: only `dev` is read.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "bench" / "collections"
SEED = "keqiao-benchmark-1"

Row = dict[str, Any]
Judged = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Published:
    """What of a collection is published. `queries`: of each type."""

    name: str
    origin: str
    queries: int
    documents: int
    also: Mapping[str, str] | None = None  # further queries and their judgements


PUBLISHED = (
    Published("zh_chinaxiv_4000", "zh_chinaxiv", 200, 4_000),
    Published("zh_stard_closed", "zh_stard_closed", 10_000, 10_000),
    Published("en_sbir_4000", "en_sbir_need2award", 400, 4_000, {"queries_zh.jsonl": "qrels_zh.tsv"}),
)


def rank(*parts: str) -> str:
    return hashlib.sha256(":".join((SEED, *parts)).encode()).hexdigest()


def rows(path: Path) -> list[Row]:
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def judgements(path: Path) -> Judged:
    judged: Judged = defaultdict(dict)
    for line in path.read_text().splitlines()[1:]:
        query, document, score = line.split("\t")
        judged[query][document] = score
    return judged


def kept(row: Row) -> Row:
    """What a searcher needs and what attribution asks for."""
    metadata = {key: value for key, value in (row.get("metadata") or {}).items() if key in {"type", "source"}}
    return {"_id": row["_id"], "title": row.get("title") or "", "text": row["text"]} | (
        {"metadata": metadata} if metadata else {}
    )


def chosen(asked: Sequence[Row], judged: Judged, count: int) -> list[Row]:
    by_type: dict[str, list[Row]] = defaultdict(list)
    for row in asked:
        if judged.get(row["_id"]):
            by_type[(row.get("metadata") or {}).get("type", "")].append(row)
    picked = [sorted(mine, key=lambda row: rank("query", row["_id"]))[:count] for mine in by_type.values()]
    return sorted((row for mine in picked for row in mine), key=lambda row: str(row["_id"]))


def write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), 9, mtime=0))


def publish(data: Path, what: Published) -> None:
    folder = data / what.origin
    needed: set[str] = set()
    for queries, qrels in {"queries.jsonl": "qrels.tsv", **(what.also or {})}.items():
        judged = judgements(folder / "dev" / qrels)
        asked = chosen(rows(folder / "dev" / queries), judged, what.queries)
        needed |= {document for row in asked for document in judged[row["_id"]]}
        out = OUT / what.name / "dev"
        write(out / f"{queries}.gz", (json.dumps(kept(row), ensure_ascii=False) for row in asked))
        lines = [f"{q['_id']}\t{d}\t{s}" for q in asked for d, s in sorted(judged[q["_id"]].items())]
        write(out / f"{qrels}.gz", ["query-id\tcorpus-id\tscore", *lines])
    corpus = rows(folder / "corpus.jsonl.gz")
    ordered = sorted(corpus, key=lambda row: (row["_id"] not in needed, rank("document", row["_id"])))
    documents = sorted(ordered[: max(what.documents, len(needed))], key=lambda row: str(row["_id"]))
    write(OUT / what.name / "corpus.jsonl.gz", (json.dumps(kept(row), ensure_ascii=False) for row in documents))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    for what in PUBLISHED:
        publish(arguments.data, what)
        size = sum(path.stat().st_size for path in (OUT / what.name).rglob("*.gz"))
        print(f"{what.name}: {size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
