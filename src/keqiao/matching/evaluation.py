"""Measures retrieval on a judged collection: `keqiao evaluate`. Own process, temporary index, no database, no Django.

It runs what the site runs: the tokens, the engine, the dense model and the retriever in their one configuration. The
model is trained on the indexed texts alone and never sees a query or a judgement.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from keqiao.matching.dense import sampled, train
from keqiao.matching.engine import Document, Schema
from keqiao.matching.lance import LanceEngine
from keqiao.matching.ranking.model import RankingModel, shipped
from keqiao.matching.retrieval import SHIPPED, Retriever, document_tokens, title_tokens

INDEX = "evaluation_v1"
DEPTH = 100  # hits asked for
RUN_TAG = "keqiao"
CITATION = "citation"  # such a query is a document of the collection; its id is the document's with this before it:
CITATION_PREFIX = "C-"

Judgements = dict[str, dict[str, float]]  # query id → document id → gain; only gains above zero


class BadCollection(Exception):
    """A file of the collection cannot be read; the message names the file and the line."""


@dataclass(frozen=True)
class Record:
    """One document or query."""

    id: str
    title: str
    text: str
    type: str = ""

    @property
    def own_document(self) -> str:
        """The document that this query is itself; empty for most."""
        return self.id.removeprefix(CITATION_PREFIX) if self.type == CITATION else ""


@dataclass(frozen=True)
class Figures:
    """Means over queries."""

    queries: int
    ndcg: float
    recall: float
    mrr: float

    def as_json(self) -> dict[str, float | int]:
        return {
            "queries": self.queries,
            "ndcg@10": round(self.ndcg, 4),
            "recall@100": round(self.recall, 4),
            "mrr@10": round(self.mrr, 4),
        }


@dataclass
class Evaluation:
    """What came out. `rankings`: query id → (document id, score), the best first."""

    documents: int
    index_s: float
    peak_mb: float = 0.0
    rankings: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    scores: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # query id → nDCG, recall, reciprocal
    types: dict[str, str] = field(default_factory=dict)  # query id → metadata.type
    seconds: list[float] = field(default_factory=list)

    @property
    def overall(self) -> Figures:
        return _means(self.scores.values())

    @property
    def by_type(self) -> dict[str, Figures]:
        kinds = sorted(set(self.types.values()))
        return {kind: _means(self.scores[q] for q, t in self.types.items() if t == kind) for kind in kinds}

    def latency_ms(self, percentile: float) -> float:
        return float(np.percentile(self.seconds, percentile)) * 1000 if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            **self.overall.as_json(),
            "documents": self.documents,
            "p50_ms": round(self.latency_ms(50), 1),
            "p95_ms": round(self.latency_ms(95), 1),
            "peak_mb": round(self.peak_mb, 1),
            "index_s": round(self.index_s, 1),
            "by_type": {kind or "(none)": figures.as_json() for kind, figures in self.by_type.items()},
        }


def evaluate(
    corpus: Sequence[Record],
    queries: Sequence[Record],
    judgements: Judgements,
    *,
    reverse: bool = False,
    limit: int | None = None,
    ranking: RankingModel | None = None,
) -> Evaluation:
    """Indexes the documents and asks the judged queries; `reverse` indexes the queries and asks the documents."""
    if reverse:
        corpus, queries, judgements = queries, corpus, _exchanged(judgements)
    asked = [query for query in queries if judgements.get(query.id)][:limit]
    with tempfile.TemporaryDirectory(prefix="keqiao-evaluate-") as folder:
        retriever, seconds = build(corpus, Path(folder), ranking or shipped())
        result = Evaluation(len(corpus), seconds)
        if asked:
            retriever.search(query_text(asked[0]), k=DEPTH)  # opens files; not a query that anybody waits for
        for query in asked:
            _ask(retriever, query, judgements[query.id], result)
    result.peak_mb = _peak_mb()
    return result


def build(corpus: Sequence[Record], folder: Path, ranking: RankingModel | None = None) -> tuple[Retriever, float]:
    """Trains, indexes and promotes, as the worker does; the retriever and the seconds it took."""
    started = time.perf_counter()
    texts = [document_tokens(record.title, record.text) for record in corpus]
    model = train(texts[row] for row in sampled(len(texts)))
    engine = LanceEngine(folder)
    engine.ensure(INDEX, Schema(dims=model.dims))
    engine.upsert(
        INDEX,
        (
            Document(r.id, 1, words, model.encode(words), title_length=len(title_tokens(r.title)))
            for r, words in zip(corpus, texts, strict=True)
        ),
    )
    engine.maintain(INDEX, budget_s=600.0)
    engine.promote("evaluation", INDEX)
    return Retriever(engine, "evaluation", model, SHIPPED, ranking=ranking), time.perf_counter() - started


def _ask(retriever: Retriever, query: Record, gains: Mapping[str, float], result: Evaluation) -> None:
    started = time.perf_counter()
    hits = retriever.search(query_text(query), k=DEPTH, without=query.own_document)
    result.seconds.append(time.perf_counter() - started)
    ranking = [(hit.code, hit.score) for hit in hits]
    ids = [document for document, _ in ranking]
    result.rankings[query.id] = ranking
    result.types[query.id] = query.type
    result.scores[query.id] = (ndcg_at(ids, gains, 10), recall_at(ids, gains, 100), mrr_at(ids, gains, 10))


def query_text(query: Record) -> str:
    return f"{query.title}\n{query.text}" if query.title else query.text


def _exchanged(judgements: Judgements) -> Judgements:
    turned: Judgements = {}
    for query, gains in judgements.items():
        for document, gain in gains.items():
            turned.setdefault(document, {})[query] = gain
    return turned


# --- measures ---------------------------------------------------------------------------------------------------------


def ndcg_at(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """Normalised discounted cumulative gain with linear gain and 1 / log2(rank + 1)."""
    ideal = _dcg(sorted(gains.values(), reverse=True)[:k])
    return _dcg([gains.get(document, 0.0) for document in ranking[:k]]) / ideal if ideal else 0.0


def recall_at(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """Share of the relevant documents among the first k."""
    return len(set(ranking[:k]) & gains.keys()) / len(gains) if gains else 0.0


def mrr_at(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """One over the rank of the first relevant document, 0 beyond k."""
    return next((1.0 / rank for rank, document in enumerate(ranking[:k], 1) if document in gains), 0.0)


def _dcg(gains: Iterable[float]) -> float:
    return float(sum(gain / np.log2(rank + 1) for rank, gain in enumerate(gains, 1)))


def _means(scores: Iterable[tuple[float, float, float]]) -> Figures:
    rows = list(scores)
    ndcg, recall, mrr = np.mean(rows, axis=0).tolist() if rows else (0.0, 0.0, 0.0)
    return Figures(len(rows), ndcg, recall, mrr)


def _peak_mb() -> float:
    """Largest resident memory of this process so far; kernels count kilobytes, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


# --- files ------------------------------------------------------------------------------------------------------------


def read_records(path: Path) -> list[Record]:
    """Documents or queries: one JSON object a line with _id, text, and perhaps title and metadata.type."""
    records = [_record(path, number, line) for number, line in _lines(path)]
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise BadCollection(f"{path}: _id {record.id!r} stands twice")
        seen.add(record.id)
    return records


def _record(path: Path, number: int, line: str) -> Record:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadCollection(f"{path}, line {number}: not JSON ({error})") from error
    if not isinstance(row, dict) or row.get("_id") in {None, ""}:
        raise BadCollection(f"{path}, line {number}: no _id")
    metadata = row.get("metadata")
    kind = metadata.get("type") if isinstance(metadata, dict) else None
    return Record(str(row["_id"]), str(row.get("title") or ""), str(row.get("text") or ""), str(kind or ""))


def read_judgements(path: Path) -> Judgements:
    """Tab-separated query, document, score, with or without a header; the four columns of TREC are read too."""
    judgements: Judgements = {}
    for number, line in _lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) == 4:
            columns = [columns[0], *columns[2:]]
        score = _score(columns[2]) if len(columns) == 3 else None
        if score is None and number > 1:
            raise BadCollection(f"{path}, line {number}: expected query, document and score")
        if score is not None and score > 0:
            judgements.setdefault(columns[0].strip(), {})[columns[1].strip()] = score
    return judgements


def _score(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not empty; .gz is unpacked."""
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadCollection(f"{path}: cannot be read ({error})") from error


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def write_run(path: Path, rankings: Mapping[str, Sequence[tuple[str, float]]]) -> None:
    """The ranking in TREC form: query Q0 document rank score tag."""
    lines = [
        f"{query} Q0 {document} {rank} {score:.6f} {RUN_TAG}\n"
        for query, ranking in rankings.items()
        for rank, (document, score) in enumerate(ranking, 1)
    ]
    path.write_text("".join(lines), encoding="utf-8")


# --- command line -----------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", type=Path, required=True, help="documents: JSON lines, plain or .gz")
    parser.add_argument("--queries", type=Path, required=True, help="queries: JSON lines, plain or .gz")
    parser.add_argument("--qrels", type=Path, required=True, help="judgements: query, document, score")
    parser.add_argument("--reverse", action="store_true", help="index the queries and search with the documents")
    parser.add_argument("--limit", type=int, help="ask only the first N judged queries")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--run-out", type=Path, help="write the rankings to this file in TREC form")


def run(args: argparse.Namespace) -> int:
    try:
        corpus, queries = read_records(args.corpus), read_records(args.queries)
        judgements = read_judgements(args.qrels)
    except BadCollection as error:
        print(f"keqiao evaluate: {error}", file=sys.stderr)
        return 2
    result = evaluate(corpus, queries, judgements, reverse=args.reverse, limit=args.limit)
    if args.run_out:
        write_run(args.run_out, result.rankings)
    print(json.dumps(result.as_json(), ensure_ascii=False, indent=1) if args.json else table(result))
    return 0


def table(result: Evaluation) -> str:
    """The figures for a reader."""
    rows = [("all", result.overall), *((kind or "(none)", figures) for kind, figures in result.by_type.items())]
    width = max(len(name) for name, _ in rows)
    lines = [f"{'':{width}}  queries  nDCG@10  R@100   MRR@10"]
    lines += [f"{n:{width}}  {f.queries:7}  {f.ndcg:.4f}   {f.recall:.4f}  {f.mrr:.4f}" for n, f in rows]
    lines.append(
        f"{result.documents} documents indexed in {result.index_s:.1f} s; a query p50 {result.latency_ms(50):.1f} ms, "
        f"p95 {result.latency_ms(95):.1f} ms; peak memory {result.peak_mb:.0f} MB",
    )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="keqiao evaluate", description="Measure retrieval on a judged collection.")
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
