"""Learns the order of the second stage from judged collections: `python bench/ranking.py ../shared/data`.

Only collections whose licence is open teach the model that ships; the others are measured, never learned from. The
features are made by the product itself: its index, its first stage, its reading of the query. What is fitted is a
multinomial choice model (the chance that a searcher picks a document is softmax of its score), convex, with a small
L2 penalty that spares the first-stage score; every query type counts by the root of its number of queries. scipy does
the fitting, so nothing of this is in the product.

    --gather     make the features again (kept in build/ranking otherwise)
    --held-out   print nDCG@10 when each fold, and when each collection, is left out of the learning
    --without    print what each feature brings: the same folds without it
    --trees      print the same folds with LambdaMART over the same features (wants lightgbm, which is not installed by us)
    --time       print what the second stage adds to the time of a search, both ways by turns
    --mixed      print what it brings in an index of two languages: Chinese papers and English awards together
    --write      put the model into src/keqiao/matching/ranking/model.json
"""

# ruff: noqa: E402 -- the sources are put on the path first
from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from keqiao.matching.evaluation import Judgements, Record, build, ndcg_at, query_text, read_judgements, read_records
from keqiao.matching.ranking.features import NAMES
from keqiao.matching.ranking.model import RankingModel, combined
from keqiao.matching.retrieval import SHIPPED

# Licence as in <collection>/README.md: public domain, CC BY 4.0, MIT.
OPEN = ("en_sbir_need2award", "zh_chinaxiv", "zh_stard_closed")
MEASURED = (
    "en_scifact",  # its licence is given in two ways (CC BY 4.0, CC BY-NC 2.0): measured only
    "en_cisi",
    "en_cranfield",
    "en_med",
    "en_nfcorpus_processed",
    "en_npl",
    "zh_csl",
    "zh_dureader_robust_closed",
)
PARTS = ("dev", "train")
DEPTH = SHIPPED.ranked  # candidates of a query
PENALTY = 1e-3
ANCHOR = 20.0  # the first-stage score is punished 400 times less: where nothing is learned, its order stays
ROUNDS = 60
FOLDS = 5
TREES = {
    "objective": "lambdarank", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 50, "feature_fraction": 0.4,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambdarank_truncation_level": 20, "lambda_l2": 5.0, "seed": 1,
    "num_threads": 1, "verbose": -1,
}  # fmt: skip
TREES_GROWN = 150
RESAMPLES = 10_000
TIMED = 300
MIXED = 5
HEAD = "| queries | n | before | after | difference | 95 % interval |\n|---|--:|--:|--:|--:|---|"
SEED = 20_261_127


@dataclass(eq=False)
class Lesson:
    """Judged queries: features float32[queries, DEPTH, …] in first-stage order, zero where there is no candidate."""

    features: np.ndarray
    is_there: np.ndarray  # bool[queries, DEPTH]
    gains: np.ndarray  # float32[queries, DEPTH]
    ideal: np.ndarray  # float32[queries]: best possible DCG@10
    names: np.ndarray  # query ids
    types: np.ndarray  # collection:type
    parts: np.ndarray  # dev or train

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


Learner = Callable[[Lesson, Lesson], np.ndarray]


def joined(lessons: Sequence[Lesson]) -> Lesson:
    return Lesson(*(np.concatenate([getattr(x, n) for x in lessons]) for n in Lesson.__dataclass_fields__))


# --- Features by the product ------------------------------------------------------------------------------------------


def gather(folder: Path) -> Lesson:
    corpus = read_records(folder / "corpus.jsonl.gz")
    with tempfile.TemporaryDirectory(prefix="keqiao-ranking-") as place:
        retriever, _ = build(corpus, Path(place))
        rows = []
        for part, query, gains in _asked(folder):
            text = query_text(query)
            found = [hit for hit in retriever.candidates(text, k=DEPTH + 1) if hit.code != query.own_document]
            own, asked, candidates = retriever.second_look(text, found[:DEPTH])
            if 2 * len(own) < len(found[:DEPTH]):  # asked in another language than most of what is found
                continue
            gain = np.array([gains.get(found[i].code, 0.0) for i in own], dtype=np.float32)
            kind = f"{folder.name}:{query.type or part}"
            table, there = _padded(combined(asked, candidates)), np.arange(DEPTH) < len(own)
            rows.append((table, there, _padded(gain), ndcg_ideal(gains), query.id, kind, part))
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


# --- One retriever with and without it ---------------------------------------------------------------------------------


def timed(folder: Path, model: RankingModel) -> str:
    """p50 and p95 of the first queries of a collection, both ways by turns in one process."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="keqiao-ranking-") as place:
        retriever, _ = build(read_records(folder / "corpus.jsonl.gz"), Path(place))
        for n, (_, query, _gains) in enumerate(islice(_asked(folder), TIMED)):
            for is_ranked in (True, False) if n % 2 else (False, True):
                retriever.ranking = model if is_ranked else None
                started = time.perf_counter()
                retriever.search(query_text(query))
                seconds[is_ranked].append(1000 * (time.perf_counter() - started))
    without, with_it = (np.percentile(seconds[way], [50, 95]) for way in (False, True))
    ratios = " / ".join(f"{ratio:.2f}" for ratio in with_it / without)
    shown = [f"{low:.1f} / {high:.1f}" for low, high in (without, with_it)]
    return f"| {folder.name} | {shown[0]} | {shown[1]} | {ratios} |"


def mixed(data: Path, model: RankingModel) -> None:
    """Two collections in one index, every MIXED-th query: each kind by the first stage and by both."""
    papers, awards = (read_records(data / name / "corpus.jsonl.gz") for name in ("zh_chinaxiv", "en_sbir_need2award"))
    with tempfile.TemporaryDirectory(prefix="keqiao-ranking-") as place:
        retriever, _ = build([*papers, *awards[:: len(awards) // len(papers) + 1]], Path(place))
        known = {record.id for record in (*papers, *awards[:: len(awards) // len(papers) + 1])}
        found: dict[str, list[tuple[float, float]]] = {}
        for name in ("zh_chinaxiv", "en_sbir_need2award"):
            for _, query, gains in islice(_asked(data / name), 0, None, MIXED):
                if not known & gains.keys():
                    continue
                both = []
                for retriever.ranking in (None, model):
                    hits = retriever.search(query_text(query), k=10, without=query.own_document)
                    both.append(ndcg_at([hit.code for hit in hits], gains, 10))
                found.setdefault(f"{name}:{query.type or 'dev'}", []).append((both[0], both[1]))
    print("\nOne index of both languages\n\n" + HEAD)
    for kind, rows in found.items():
        print(_line(kind, *np.array(rows).T), flush=True)


# --- Learning ---------------------------------------------------------------------------------------------------------


def fit(taught: Lesson, penalty: float = PENALTY) -> np.ndarray:
    """float64[3 · features]: the weights under which the judged documents are most likely to be picked."""
    useful = taught.of(taught.gains.sum(axis=1) > 0)
    _, kind, number = np.unique(useful.types, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(number[kind])
    weight /= weight.sum()
    picked = useful.gains / useful.gains.sum(axis=1, keepdims=True)
    there = useful.is_there
    scale = np.ones(useful.features.shape[2], dtype=np.float32)
    scale[NAMES.index("fused")] = ANCHOR
    table = (useful.features * scale).reshape(-1, len(scale))

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
    return RankingModel(weights, f"rank-{zlib.crc32(weights.tobytes()):08x}")


def linear(taught: Lesson, asked: Lesson) -> np.ndarray:
    """Scores of what is asked by a model of what was taught."""
    return asked.features @ fit(taught).astype(np.float32)


def trees(taught: Lesson, asked: Lesson) -> np.ndarray:
    """The same by LambdaMART."""
    import lightgbm

    useful = taught.of(taught.gains.sum(axis=1) > 0)
    grades = np.ceil(2 * useful.gains / useful.gains.max(axis=1, keepdims=True)).astype(int)
    _, kind, number = np.unique(useful.types, return_inverse=True, return_counts=True)
    sizes = useful.is_there.sum(axis=1)
    weight = np.repeat(1.0 / np.sqrt(number[kind]), sizes)
    told = lightgbm.Dataset(
        useful.features[useful.is_there], grades[useful.is_there], group=sizes, weight=weight / weight.mean()
    )
    found = lightgbm.train(TREES, told, TREES_GROWN)
    return found.predict(asked.features.reshape(-1, asked.features.shape[2])).reshape(asked.gains.shape)


def left_out(taught: Lesson, group: np.ndarray, learn: Learner = linear) -> np.ndarray:
    """Scores of each query by a model that has not seen its group."""
    scores = np.zeros(taught.gains.shape, dtype=np.float32)
    for one in np.unique(group):
        scores[group == one] = learn(taught.of(group != one), taught.of(group == one))
    return scores


def without(taught: Lesson, name: str) -> Lesson:
    """The same queries with one feature gone."""
    features = taught.features.copy()
    features[:, :, NAMES.index(name) :: len(NAMES)] = 0
    return replace(taught, features=features)


# --- Report -----------------------------------------------------------------------------------------------------------


def report(title: str, judged: Lesson, after: np.ndarray, before: np.ndarray | None = None) -> None:
    """nDCG@10 by type of query, and the paired bootstrap against the first stage or against `before`."""
    print(f"\n{title}\n\n{HEAD}")
    before = judged.first_stage if before is None else before
    for kind in np.unique(judged.types):
        mine = judged.types == kind
        print(_line(kind, before[mine], after[mine]), flush=True)


def _line(kind: str, before: np.ndarray, after: np.ndarray) -> str:
    low, high = interval(after - before)
    change = f"{(after - before).mean():+.4f} | {low:+.4f} … {high:+.4f}"
    return f"| {kind} | {len(before):,} | {before.mean():.4f} | {after.mean():.4f} | {change} |"


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
    parser.add_argument("--without", action="store_true")
    parser.add_argument("--trees", action="store_true")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    taught = joined([lesson(args.data / name, args.cache, anew=args.gather) for name in OPEN])
    model = model_of(fit(taught))
    theta = model.weights.T.ravel()
    report("Learned from these queries (too good by a little)", taught, taught.ndcg(taught.features @ theta))
    for name in MEASURED if args.only is None else args.only:
        unseen = lesson(args.data / name, args.cache, anew=args.gather)
        report(f"{name}: never learned from", unseen, unseen.ndcg(unseen.features @ theta))
    held_out = taught.ndcg(left_out(taught, taught.folds)) if args.held_out or args.without or args.trees else None
    if held_out is not None:
        report(f"{FOLDS} folds, each left out", taught, held_out)
        collections = np.array([kind.split(":")[0] for kind in taught.types])
        report("Each collection left out", taught, taught.ndcg(left_out(taught, collections)))
    for name in NAMES if args.without else ():
        less = without(taught, name)
        report(
            f"Folds without {name}, against all features", taught, taught.ndcg(left_out(less, taught.folds)), held_out
        )
    if args.trees:
        grown = taught.ndcg(left_out(taught, taught.folds, trees))
        report("Folds with LambdaMART, against the linear model", taught, grown, held_out)
    if args.time:
        print("\nMilliseconds of a search, p50 / p95\n\n| collection | first stage | both | ratio |\n|---|--:|--:|--:|")
        for name in (*OPEN, *(MEASURED if args.only is None else args.only)):
            print(timed(args.data / name, model), flush=True)
    if args.mixed:
        mixed(args.data, model)
    if args.write:
        target = ROOT / "src" / "keqiao" / "matching" / "ranking" / "model.json"
        target.write_text(model.as_json(), encoding="utf-8")
        print(f"\n{model.version} written to {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
