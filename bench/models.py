"""The semantic leg with an embedding model beside our own: is it at least the better of both legs alone?

Wants an OpenAI-compatible endpoint (bench/embedding_server.py runs one over a model folder). For each collection with a
dev/ folder: words alone, the model alone, the product as it ships without a model, and with it, in one run on the same
index. Exit code 1 when the fused one is below the better of both legs alone. Vectors are kept in `--kept`.

    python bench/models.py ../shared/data --only en_cranfield en_cisi --url http://127.0.0.1:8901/v1 --kept /tmp/vectors
"""

# ruff: noqa: E402 -- Django is set up before its models are imported

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
import django

django.setup()

from keqiao.matching import outer, retrieval
from keqiao.matching.dense import train
from keqiao.matching.engine import Document, Schema
from keqiao.matching.evaluation import Judgements, Record, ndcg_at, read_judgements, read_records, recall_at
from keqiao.matching.lance import LanceEngine
from keqiao.matching.outer import OuterLeg
from keqiao.matching.ranking.model import shipped
from keqiao.matching.retrieval import Retriever, document_tokens, fuse, query_weights, title_tokens
from keqiao.matching.text import index_tokens
from keqiao.matching.types import Reach

BATCH = 16
LONGEST = 8_000
DEPTH = 200
HEAD = (
    "| collection | queries | words alone | model alone | ships without | **with the model** | against the better leg | "
    "95 % interval | against without | 95 % interval | R@100 without → with |\n|---|--:|--:|--:|--:|--:|--:|---|--:|---|--:|"
)


@dataclass(frozen=True)
class Known(OuterLeg):
    """The leg of the product; the vectors of its queries were asked for ahead."""

    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)

    def _of_query(self, text: str, reach: Reach) -> np.ndarray | None:  # noqa: ARG002 -- the product's signature
        return self.vectors[text]


def embed(texts: Sequence[str], url: str, model: str, kept: Path) -> np.ndarray:
    """float32[texts, dims] of length 1, in the order of the texts; asked for once a collection."""
    digest = hashlib.sha256("\0".join([model, *texts]).encode()).hexdigest()[:16]
    file = kept / f"{digest}.npy"
    if file.exists():
        return np.load(file)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # like with like: less padding
    found: dict[int, list[float]] = {}
    with httpx.Client(timeout=600, trust_env=False) as client:
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            asked = {"model": model, "input": [texts[i][:LONGEST].strip() or "-" for i in places]}
            answer = client.post(f"{url}/embeddings", json=asked).raise_for_status().json()
            found |= {places[row["index"]]: row["embedding"] for row in answer["data"]}
    vectors = np.array([found[i] for i in range(len(texts))], dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    kept.mkdir(parents=True, exist_ok=True)
    np.save(file, vectors)
    return vectors


@dataclass
class Row:
    name: str
    scores: dict[str, np.ndarray]  # way → nDCG@10 of each query
    recall: dict[str, float]

    def as_markdown(self) -> str:
        mean = {way: float(values.mean()) for way, values in self.scores.items()}
        better = max(("words", "model"), key=lambda way: mean[way])
        cells = []
        for other in (better, "without"):
            difference = self.scores["with"] - self.scores[other]
            low, high = interval(difference)
            cells.append(f"{difference.mean():+.4f} | {low:+.4f} … {high:+.4f}")
        return (
            f"| {self.name} | {len(self.scores['with'])} | {mean['words']:.4f} | {mean['model']:.4f} "
            f"| {mean['without']:.4f} | **{mean['with']:.4f}** | {' | '.join(cells)} "
            f"| {self.recall['without']:.4f} → {self.recall['with']:.4f} |"
        )

    @property
    def is_below(self) -> bool:
        return self.scores["with"].mean() < max(self.scores["words"].mean(), self.scores["model"].mean())


def measure(folder: Path, url: str, model: str, kept: Path, grid: bool = False, most: int = 0) -> Row:
    judgements = read_judgements(folder / "dev" / "qrels.tsv")
    corpus = sample(read_records(folder / "corpus.jsonl.gz"), judgements, most)
    asked = [query for query in read_records(folder / "dev" / "queries.jsonl") if judgements.get(query.id)]
    beside = embed([f"{record.title}\n{record.text}" for record in corpus], url, model, kept)
    sought = embed([query.text for query in asked], url, model, kept)
    texts = [document_tokens(record.title, record.text) for record in corpus]
    own = train(texts)
    leg = Known("bench", beside.shape[1], vectors=dict(zip((query.text for query in asked), sought, strict=True)))
    ids = [record.id for record in corpus]
    titles = [len(title_tokens(record.title)) for record in corpus]
    ways: dict[str, list[tuple[float, float]]] = {way: [] for way in ("words", "model", "without", "with")}
    mine = [own.encode(words) for words in texts]
    with tempfile.TemporaryDirectory(prefix="keqiao-models-") as place:
        engine = LanceEngine(Path(place))
        engine.ensure("plain", Schema(dims=own.dims))
        engine.upsert(
            "plain", (Document(i, 1, t, v, title_length=n) for i, t, v, n in zip(ids, texts, mine, titles, strict=True))
        )
        joined = [leg.joined(v, o, own.dims) for v, o in zip(mine, beside, strict=True)]
        engine.ensure("joined", Schema(dims=own.dims + leg.dims))
        engine.upsert(
            "joined",
            (Document(i, 1, t, v, title_length=n) for i, t, v, n in zip(ids, texts, joined, titles, strict=True)),
        )
        for index in ("plain", "joined"):
            engine.maintain(index, budget_s=600.0)
        if grid:
            search_grid(engine, own, mine, ids, asked, judgements, beside, sought)
        plain = Retriever(engine, "plain", own, ranking=shipped())
        fused = Retriever(engine, "joined", own, outer=leg, ranking=shipped())
        for query, vector in zip(asked, sought, strict=True):
            words = query_weights(index_tokens(query.text))
            rankings = {
                "words": [hit.code for hit in engine.lexical("plain", words, None, DEPTH)],
                "model": [ids[i] for i in np.argsort(-(beside @ vector), kind="stable")[:DEPTH]],
                "without": [hit.code for hit in plain.search(query.text, None, DEPTH)],
                "with": [hit.code for hit in fused.search(query.text, None, DEPTH, reach=Reach.PUBLIC)],
            }
            for way, ranking in rankings.items():
                kept_ids = [code for code in ranking if code != query.own_document]
                gains = judgements[query.id]
                ways[way].append((ndcg_at(kept_ids, gains, 10), recall_at(kept_ids, gains, 100)))
    scores = {way: np.array([pair[0] for pair in pairs]) for way, pairs in ways.items()}
    name = folder.name if not most else f"{folder.name}, {len(corpus):,} documents"
    return Row(name, scores, {way: float(np.mean([p[1] for p in pairs])) for way, pairs in ways.items()})


def sample(corpus: Sequence[Record], judgements: Judgements, most: int) -> list[Record]:
    """All documents, or the judged ones and the first others up to `most`: all ways search the same ones."""
    judged = {document for gains in judgements.values() for document in gains}
    others = [record.id for record in corpus if record.id not in judged][: max(0, most - len(judged))]
    wanted = judged | set(others)
    return [record for record in corpus if not most or record.id in wanted]


def search_grid(engine, own, mine, ids, asked, judgements, beside, sought) -> None:
    """nDCG@10 by the share of the outer part and of the semantic leg: how the two numbers of outer.py were found."""
    svd = np.array([np.zeros(own.dims) if v is None else v for v in mine], dtype=np.float32)
    rows = []
    for query, vector in zip(asked, sought, strict=True):
        tokens = index_tokens(query.text)
        lexical = engine.lexical("plain", query_weights(tokens), None, DEPTH)
        encoded = own.encode(tokens)
        rows.append((query, lexical, svd @ encoded if encoded is not None else np.zeros(len(ids)), beside @ vector))
    for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        line = []
        for dense_share in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
            values = []
            for query, lexical, a, b in rows:
                score = (1 - share) * a + share * b
                best = np.argpartition(-score, min(DEPTH, len(ids) - 1))[:DEPTH]
                best = best[np.argsort(-score[best], kind="stable")]
                dense = [retrieval.Hit(ids[i], float(score[i])) for i in best]
                ranked = [hit.code for hit in fuse(lexical, dense, dense_share, DEPTH)]
                values.append(ndcg_at([c for c in ranked if c != query.own_document], judgements[query.id], 10))
            line.append(f"{np.mean(values):.4f}")
        print(f"  outer {share:.1f}: " + "  ".join(line), flush=True)


def interval(differences: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(20_261_120)
    n = len(differences)
    means = [differences[rng.integers(0, n, n)].mean() for _ in range(10_000)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8901/v1")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--grid", action="store_true", help="print nDCG@10 over both shares too")
    parser.add_argument(
        "--most",
        nargs="*",
        default=[],
        metavar="NAME=DOCUMENTS",
        help="search only so many, the judged ones among them",
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    most = {name: int(number) for name, _equals, number in (one.partition("=") for one in args.most)}
    print(HEAD)
    rows = []
    for name in args.only:
        rows.append(measure(args.data / name, args.url, args.model, args.kept, args.grid, most.get(name, 0)))
        print(rows[-1].as_markdown(), flush=True)
    below = [row.name for row in rows if row.is_below]
    verdict = f"Below the better leg: {', '.join(below)}" if below else "Nowhere below the better of both legs alone."
    print(f"\n{verdict}")
    if args.out:
        about = (
            f"{args.model}; share of the outer part {outer.SHARE}, of the semantic leg {outer.DENSE_SHARE}. nDCG@10."
        )
        table = "\n".join([HEAD, *(row.as_markdown() for row in rows)])
        args.out.write_text(f"# An embedding model beside our own, {date.today()}\n\n{about}\n\n{table}\n\n{verdict}\n")  # noqa: DTZ011
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
