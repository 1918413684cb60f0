"""Learns the order of the second stage from judged collections: `python bench/ranking.py ../shared/data`.

Only collections whose licence is open teach the model that ships; the others are measured, never learned from. The
features are made by the product itself: its index, its first stage, its reading of the query. What is fitted is a
multinomial choice model (the chance that a searcher picks a document is softmax of its score), convex, with a small
L2 penalty that spares the first-stage score; every query type counts by the root of its number of queries. scipy does
the fitting, so nothing of this is in the product.

    --gather     make the features again (kept in build/ranking otherwise)
    --held-out   print nDCG@10 when each fold, and when each collection, is left out of the learning
    --write      put the model into src/keqiao/matching/ranking/model.json
"""

# ruff: noqa: E402 -- the sources are put on the path first
from __future__ import annotations

import argparse
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from keqiao.matching.evaluation import Judgements, Record, build, read_judgements, read_records
from keqiao.matching.ranking.features import NAMES, read_query
from keqiao.matching.ranking.model import RankingModel, combined

# Licence as in <collection>/README.md: public domain, CC BY 4.0, MIT, CC BY 4.0 with ODC-By.
OPEN = ("en_sbir_need2award", "zh_chinaxiv", "zh_stard_closed", "en_scifact")
MEASURED = (
    "en_cisi",
    "en_cranfield",
    "en_med",
    "en_nfcorpus_processed",
    "en_npl",
    "zh_csl",
    "zh_dureader_robust_closed",
)
PARTS = ("dev", "train")
DEPTH = 100  # candidates of a query that are kept
TAUGHT = 60  # of them, how many the model learns to tell apart
PENALTY = 1e-3
ANCHOR = 20.0  # the first-stage score is punished 400 times less: where nothing is learned, its order stays
LEAST_WORDS = 40  # of an English query; SciFact's claims are shorter, and nothing was gained on them
ROUNDS = 60
FOLDS = 5
RESAMPLES = 10_000
SEED = 20_261_127


@dataclass(eq=False)
class Lesson:
    """Judged queries: features float32[queries, DEPTH, …] in first-stage order, zero where there is no candidate."""

    features: np.ndarray
    gains: np.ndarray  # float32[queries, DEPTH]
    ideal: np.ndarray  # float32[queries]: best possible DCG@10
    names: np.ndarray  # query ids
    types: np.ndarray  # collection:type
    parts: np.ndarray  # dev or train

    @property
    def is_there(self) -> np.ndarray:
        return self.features[:, :, NAMES.index("length")] > 0

    @property
    def folds(self) -> np.ndarray:
        """By id, so that a query of one paper is not in two folds."""
        return np.array([zlib.crc32(name.split("-")[-1].encode()) % FOLDS for name in self.names])

    def of(self, chosen: np.ndarray) -> Lesson:
        return Lesson(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def ndcg(self, scores: np.ndarray) -> np.ndarray:
        order = np.argsort(-np.where(self.is_there, scores, -np.inf), axis=1, kind="stable")[:, :10]
        dcg = (np.take_along_axis(self.gains, order, 1) / np.log2(np.arange(2, 12))).sum(axis=1)
        return dcg / self.ideal

    @property
    def first_stage(self) -> np.ndarray:
        return self.ndcg(np.broadcast_to(-np.arange(DEPTH, dtype=np.float32), self.gains.shape))


def joined(lessons: Sequence[Lesson]) -> Lesson:
    return Lesson(*(np.concatenate([getattr(x, n) for x in lessons]) for n in Lesson.__dataclass_fields__))


# --- Features by the product ------------------------------------------------------------------------------------------


def gather(folder: Path) -> Lesson:
    corpus = read_records(folder / "corpus.jsonl.gz")
    with tempfile.TemporaryDirectory(prefix="keqiao-ranking-") as place:
        retriever, _ = build(corpus, Path(place))
        rows = []
        for part, query, gains in _asked(folder):
            found = [hit for hit in retriever.candidates(query.text, k=DEPTH + 1) if hit.code != query.own_document]
            found = found[:DEPTH]
            if len(found) < 2:
                continue
            asked = read_query(query.text, retriever.idf_of)
            table = combined(asked, retriever.compared(asked, found))
            own = np.array([gains.get(hit.code, 0.0) for hit in found], dtype=np.float32)
            ideal = ndcg_ideal(gains)
            kind = f"{folder.name}:{query.type or part}"
            rows.append((_padded(table), _padded(own), ideal, query.id, kind, part))
    return Lesson(*(np.array(column) for column in zip(*rows, strict=True)))


def _asked(folder: Path) -> Iterator[tuple[str, Record, dict[str, float]]]:
    for part in PARTS:
        if (folder / part / "qrels.tsv").exists():
            judged: Judgements = read_judgements(folder / part / "qrels.tsv")
            yield from (
                (part, q, judged[q.id]) for q in read_records(folder / part / "queries.jsonl") if q.id in judged
            )


def ndcg_ideal(gains: dict[str, float]) -> float:
    best = sorted(gains.values(), reverse=True)[:10]
    return float(sum(gain / np.log2(rank + 1) for rank, gain in enumerate(best, 1)))


def _padded(rows: np.ndarray) -> np.ndarray:
    full = np.zeros((DEPTH, *rows.shape[1:]), dtype=np.float32)
    full[: len(rows)] = rows
    return full


def lesson(folder: Path, cache: Path, *, anew: bool) -> Lesson:
    file = cache / f"{folder.name}.npz"
    if anew or not file.exists():
        made = gather(folder)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, **{name: getattr(made, name) for name in Lesson.__dataclass_fields__})
    with np.load(file) as stored:
        return Lesson(*(stored[name] for name in Lesson.__dataclass_fields__))


# --- Learning ---------------------------------------------------------------------------------------------------------


def fit(taught: Lesson, penalty: float = PENALTY) -> np.ndarray:
    """float64[3 · features]: the weights under which the judged documents are most likely to be picked."""
    useful = taught.of(taught.gains[:, :TAUGHT].sum(axis=1) > 0)
    _, kind, number = np.unique(useful.types, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(number[kind])
    weight /= weight.sum()
    picked = useful.gains[:, :TAUGHT] / useful.gains[:, :TAUGHT].sum(axis=1, keepdims=True)
    there = useful.is_there[:, :TAUGHT]
    scale = np.ones(useful.features.shape[2], dtype=np.float32)
    scale[NAMES.index("fused")] = ANCHOR
    table = (useful.features[:, :TAUGHT] * scale).reshape(-1, len(scale))

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.where(there, (table @ theta.astype(np.float32)).reshape(picked.shape), -1e9)
        scores -= scores.max(axis=1, keepdims=True)
        total = np.exp(scores).sum(axis=1, keepdims=True)
        likely = (weight[:, None] * picked * np.where(there, scores - np.log(total), 0.0)).sum()
        slope = (weight[:, None] * (picked - np.exp(scores) / total)).astype(np.float32).ravel() @ table
        return float(penalty * theta @ theta - likely), (2 * penalty * theta - slope).astype(np.float64)

    found = minimize(loss, np.zeros(len(scale)), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS})
    return found.x * scale


def model_of(theta: np.ndarray) -> RankingModel:
    weights = np.round(theta.reshape(3, len(NAMES)).T, 4).astype(np.float32)
    return RankingModel(weights, f"rank-{zlib.crc32(weights.tobytes()):08x}", LEAST_WORDS)


def left_out(taught: Lesson, group: np.ndarray) -> np.ndarray:
    """Scores of each query by a model that has not seen its group."""
    scores = np.zeros(taught.gains.shape, dtype=np.float32)
    for one in np.unique(group):
        mine = group == one
        scores[mine] = taught.features[mine] @ fit(taught.of(~mine)).astype(np.float32)
    return scores


# --- Report -----------------------------------------------------------------------------------------------------------


def report(title: str, judged: Lesson, scores: np.ndarray) -> None:
    print(
        f"\n{title}\n\n| queries | n | first stage | with ranking | difference | 95 % interval |\n|---|--:|--:|--:|--:|---|"
    )
    before, after = judged.first_stage, judged.ndcg(scores)
    for kind in np.unique(judged.types):
        mine = judged.types == kind
        low, high = interval((after - before)[mine])
        change = float((after - before)[mine].mean())
        print(
            f"| {kind} | {mine.sum():,} | {before[mine].mean():.4f} | {after[mine].mean():.4f} | {change:+.4f} "
            f"| {low:+.4f} … {high:+.4f} |",
            flush=True,
        )


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % of the mean difference by bootstrap over queries."""
    rng = np.random.default_rng(SEED)
    n = len(differences)
    low, high = np.percentile([differences[rng.integers(0, n, n)].mean() for _ in range(RESAMPLES)], [2.5, 97.5])
    return float(low), float(high)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "ranking")
    parser.add_argument("--only", nargs="*", help="names of collections that are measured beside the open ones")
    parser.add_argument("--gather", action="store_true")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    taught = joined([lesson(args.data / name, args.cache, anew=args.gather) for name in OPEN])
    model = model_of(fit(taught))
    theta = model.weights.T.ravel()
    report("Learned from these queries (too good by a little)", taught, taught.features @ theta)
    for name in MEASURED if args.only is None else args.only:
        unseen = lesson(args.data / name, args.cache, anew=args.gather)
        report(f"{name}: never learned from", unseen, unseen.features @ theta)
    if args.held_out:
        report(f"{FOLDS} folds, each left out", taught, left_out(taught, taught.folds))
        collections = np.array([kind.split(":")[0] for kind in taught.types])
        report("Each collection left out", taught, left_out(taught, collections))
    if args.write:
        target = ROOT / "src" / "keqiao" / "matching" / "ranking" / "model.json"
        target.write_text(model.as_json(), encoding="utf-8")
        print(f"\n{model.version} written to {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
