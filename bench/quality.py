"""Search quality against BM25, on every judged collection of a folder: `make bench`.

For each collection with a dev/ folder: the product as it ships, and beside it the baseline of the collections' READMEs
(bm25s, method "lucene", k1 1.2, b 0.75, title + text), measured in the same run. Exit code 1 when our mean nDCG@10 is
not above the README's best BM25, or significantly below the baseline (paired bootstrap).

    python bench/quality.py ../shared/data --out bench/results/quality-2026-11-20.md
"""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import bm25s
import numpy as np
import rjieba
import Stemmer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from keqiao.matching.evaluation import (
    Evaluation,
    Judgements,
    Record,
    evaluate,
    ndcg_at,
    read_judgements,
    read_records,
)

# Best BM25 nDCG@10 over all dev queries, from "BM25 here" in <collection>/README.md.
README_BM25 = {
    "en_cisi": 0.3204,
    "en_cranfield": 0.5239,
    "en_med": 0.6690,
    "en_nfcorpus_processed": 0.3498,
    "en_npl": 0.4514,
    "en_sbir_need2award": 0.7092,
    "en_scifact": 0.7127,
    "zh_chinaxiv": 0.4715,  # bi; zh 0.4540
    "zh_csl": 0.9692,  # bi; zh 0.9627
    "zh_dureader_robust_closed": 0.8056,  # zh; bi 0.7726
    "zh_stard_closed": 0.5016,  # bi; zh 0.4905
}
RESAMPLES = 10_000
SEED = 20_261_120

STEMMER = Stemmer.Stemmer("english")
STOP_WORDS = frozenset(  # "small stop list" of the READMEs: Lucene's
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "  # noqa: SIM905 -- a list of strings reads worse
    "this "
    "to was will with".split(),
)
RUN = re.compile(r"[a-z0-9]+|[\u3400-\u4dbf\u4e00-\u9fff]+")


@dataclass(frozen=True)
class Row:
    """One collection, measured."""

    name: str
    queries: int
    documents: int
    readme: float | None
    baseline: float
    tokeniser: str
    ours: Evaluation
    low: float  # ends of the 95 % interval of ours - baseline
    high: float

    @property
    def trouble(self) -> str:
        if self.readme is None:
            return ""
        if self.ours.overall.ndcg <= self.readme:
            return f"{self.name}: {self.ours.overall.ndcg:.4f} is not above the README's {self.readme:.4f}"
        return f"{self.name}: significantly below the baseline" if self.high < 0 else ""

    def as_markdown(self) -> str:
        ours = self.ours.overall
        return (
            f"| {self.name} | {self.documents:,} | {self.queries:,} | {f'{self.readme:.4f}' if self.readme else '–'} "
            f"| {self.baseline:.4f} ({self.tokeniser}) | **{ours.ndcg:.4f}** | {ours.ndcg - self.baseline:+.4f} "
            f"| {self.low:+.4f} … {self.high:+.4f} | {ours.recall:.4f} "
            f"| {self.ours.latency_ms(50):.0f} / {self.ours.latency_ms(95):.0f} |"
        )


HEAD = (
    "| collection | documents | queries | README BM25 | BM25 here | ours | difference | 95 % interval | R@100 "
    "| p50 / p95 ms |\n|---|--:|--:|--:|--:|--:|--:|---|--:|--:|"
)


def measure(name: str, folder: Path, queries: str = "queries.jsonl", qrels: str = "qrels.tsv") -> Row:
    corpus = read_records(folder / "corpus.jsonl.gz")
    asked = read_records(folder / "dev" / queries)
    judgements = read_judgements(folder / "dev" / qrels)
    ours = evaluate(corpus, asked, judgements)
    judged = [query for query in asked if query.id in ours.scores]
    tokenisers = ["zh", "bi"] if name.startswith("zh_") else ["en"]
    baselines = {t: baseline(corpus, judged, judgements, TOKENISERS[t]) for t in tokenisers}
    best = max(baselines, key=lambda t: float(baselines[t].mean()))
    mine = np.array([ours.scores[query.id][0] for query in judged])
    low, high = interval(mine - baselines[best])
    readme = README_BM25.get(name)
    return Row(name, len(judged), len(corpus), readme, float(baselines[best].mean()), best, ours, low, high)


def baseline(
    corpus: Sequence[Record],
    queries: Sequence[Record],
    judgements: Judgements,
    tokenise: Callable[[str], list[str]],
) -> np.ndarray:
    """nDCG@10 of each query by plain BM25."""
    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    index.index([tokenise(f"{record.title} {record.text}") for record in corpus], show_progress=False)
    scores = []
    for query in queries:
        known = [word for word in tokenise(query.text) if word in index.vocab_dict]
        values = index.get_scores(known) if known else np.zeros(len(corpus))
        order = np.argsort(-values, kind="stable")[:11]
        ids = [corpus[i].id for i in order if corpus[i].id != query.own_document]
        scores.append(ndcg_at(ids, judgements[query.id], 10))
    return np.array(scores)


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % of the mean difference by bootstrap over queries."""
    rng = np.random.default_rng(SEED)
    n = len(differences)
    means = [differences[rng.integers(0, n, n)].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def en(text: str) -> list[str]:
    return [
        word
        for run in RUN.findall(unicodedata.normalize("NFKC", text).lower())
        for word in (STEMMER.stemWords([run]) if run.isascii() and run not in STOP_WORDS else [])
    ]


def zh(text: str) -> list[str]:
    return _mixed(text, rjieba.cut_for_search)


def bi(text: str) -> list[str]:
    return _mixed(text, lambda run: [run[i : i + 2] for i in range(len(run) - 1)] or [run])


def _mixed(text: str, cut: Callable[[str], list[str]]) -> list[str]:
    found: list[str] = []
    for run in RUN.findall(unicodedata.normalize("NFKC", text).lower()):
        if not run.isascii():
            found += cut(run)
        elif run not in STOP_WORDS:
            found.append(STEMMER.stemWord(run))
    return found


TOKENISERS: dict[str, Callable[[str], list[str]]] = {"en": en, "zh": zh, "bi": bi}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--only", nargs="*", help="names of collections")
    parser.add_argument("--out", type=Path, help="write the table to this file too")
    args = parser.parse_args()
    folders = [qrels.parents[1] for qrels in sorted(args.data.glob("*/dev/qrels.tsv"))]
    lines = [HEAD]
    print(HEAD)
    troubles = []
    for folder in folders:
        if args.only and folder.name not in args.only:
            continue
        for row in _rows(folder):
            troubles += [row.trouble] if row.trouble else []
            lines += [row.as_markdown(), *_types(row)]
            print("\n".join(lines[lines.index(row.as_markdown()) :]), flush=True)
    verdict = "\n".join(troubles) or "All collections above the README's BM25, none significantly below the baseline."
    print(f"\n{verdict}")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(f"# Search quality, {date.today()}\n\n" + "\n".join(lines) + f"\n\n{verdict}\n")  # noqa: DTZ011
    return 1 if troubles else 0


def _rows(folder: Path) -> list[Row]:
    rows = [measure(folder.name, folder)]
    if (folder / "dev" / "queries_zh.jsonl").exists():  # for information: no bar, another language than the documents
        rows.append(measure(f"{folder.name}, Chinese queries", folder, "queries_zh.jsonl", "qrels_zh.tsv"))
    return rows


def _types(row: Row) -> list[str]:
    """A line for each query type, where there is more than one."""
    kinds = row.ours.by_type
    if len(kinds) < 2:
        return []
    return [f"| – {k} | | {f.queries:,} | | | {f.ndcg:.4f} | | | {f.recall:.4f} | |" for k, f in kinds.items()]


if __name__ == "__main__":
    sys.exit(main())
