"""Search quality against BM25, on every judged collection of the folders given: `make bench`.

For each collection with a dev/ folder: the product as it ships, and beside it the baseline of the collections' READMEs
(bm25s, method "lucene", k1 1.2, b 0.75, title + text), measured in the same run. Exit code 1 when our mean nDCG@10 is
not above the README's best BM25, or significantly below the baseline (paired bootstrap).

    python bench/quality.py                               the published collections, bench/collections
    python bench/quality.py bench/collections ../data     others beside them
    … --out bench/results/quality-2026-11-27              writes .md and .json; what the .json has of other collections,
                                                          measured on the same day, version and machine, stays
    … --show                                              writes what the page "how matching works" shows
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import rjieba
import Stemmer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keqiao
from keqiao.matching.evaluation import (
    Evaluation,
    Judgements,
    Record,
    evaluate,
    ndcg_at,
    read_judgements,
    read_records,
)
from keqiao.matching.ranking.model import shipped

ROOT = Path(__file__).resolve().parents[1]
COLLECTIONS = ROOT / "bench" / "collections"
ABOUT = json.loads((COLLECTIONS / "about.json").read_text(encoding="utf-8"))
SHOWN = ROOT / "src" / "keqiao" / "matching" / "data" / "measured.json"  # read by the page "how matching works"

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
    baseline_of: dict[str, float]  # query type → the baseline's mean
    tokeniser: str
    ours: Evaluation
    low: float  # ends of the 95 % interval of ours - baseline
    high: float
    is_published: bool
    asked_in: str = ""  # where the queries are in another language than the documents

    def as_json(self) -> dict[str, Any]:
        ours = self.ours.as_json()
        return {
            "collection": self.name,
            "asked_in": self.asked_in,
            "is_published": self.is_published,
            "about": ABOUT.get(self.name, {}),
            "documents": self.documents,
            "queries": self.queries,
            "bm25": {"tokeniser": self.tokeniser, "ndcg@10": round(self.baseline, 4)},
            "ours": {name: ours[name] for name in ("ndcg@10", "recall@100", "mrr@10")},
            "difference": [round(self.low, 4), round(self.high, 4)],
            "by_type": self.by_type,
        }

    @property
    def by_type(self) -> dict[str, Any]:
        """Where there is more than one type of query: beside each the baseline's figure."""
        kinds = self.ours.by_type
        return (
            {kind: figures.as_json() | {"bm25": round(self.baseline_of[kind], 4)} for kind, figures in kinds.items()}
            if len(kinds) > 1
            else {}
        )

    @property
    def trouble(self) -> str:
        if self.readme is None:
            return ""
        if self.ours.overall.ndcg <= self.readme:
            return f"{self.name}: {self.ours.overall.ndcg:.4f} is not above the README's {self.readme:.4f}"
        return f"{self.name}: significantly below the baseline" if self.high < 0 else ""

    @property
    def title(self) -> str:
        return f"{self.name}, asked in {self.asked_in}" if self.asked_in else self.name

    def as_markdown(self) -> str:
        ours = self.ours.overall
        return (
            f"| {self.title} | {self.documents:,} | {self.queries:,} | {f'{self.readme:.4f}' if self.readme else '–'} "
            f"| {self.baseline:.4f} ({self.tokeniser}) | **{ours.ndcg:.4f}** | {ours.ndcg - self.baseline:+.4f} "
            f"| {self.low:+.4f} … {self.high:+.4f} | {ours.recall:.4f} "
            f"| {self.ours.latency_ms(50):.0f} / {self.ours.latency_ms(95):.0f} |"
        )


HEAD = (
    "| collection | documents | queries | README BM25 | BM25 here | ours | difference | 95 % interval | R@100 "
    "| p50 / p95 ms |\n|---|--:|--:|--:|--:|--:|--:|---|--:|--:|"
)


def measure(folder: Path, queries: str = "queries.jsonl", qrels: str = "qrels.tsv", asked_in: str = "") -> Row:
    name = folder.name
    corpus = read_records(folder / "corpus.jsonl.gz")
    asked = read_records(_file(folder / "dev" / queries))
    judgements = read_judgements(_file(folder / "dev" / qrels))
    ours = evaluate(corpus, asked, judgements)
    judged = [query for query in asked if query.id in ours.scores]
    tokenisers = ["zh", "bi"] if name.startswith("zh_") else ["en"]
    baselines = {t: baseline(corpus, judged, judgements, TOKENISERS[t]) for t in tokenisers}
    best = max(baselines, key=lambda t: float(baselines[t].mean()))
    mine = np.array([ours.scores[query.id][0] for query in judged])
    low, high = interval(mine - baselines[best])
    types = np.array([query.type for query in judged])
    of_types = {kind: float(baselines[best][types == kind].mean()) for kind in set(types.tolist())}
    return Row(
        name=name,
        queries=len(judged),
        documents=len(corpus),
        readme=None if asked_in else README_BM25.get(name),
        baseline=float(baselines[best].mean()),
        baseline_of=of_types,
        tokeniser=best,
        ours=ours,
        low=low,
        high=high,
        is_published=folder.parent == COLLECTIONS,
        asked_in=asked_in,
    )


def _file(path: Path) -> Path:
    """Plain, or packed as the published collections are."""
    packed = path.with_name(path.name + ".gz")
    return packed if packed.exists() else path


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
    parser.add_argument("data", type=Path, nargs="*", default=[COLLECTIONS], help="folders of collections")
    parser.add_argument("--only", nargs="*", help="names of collections")
    parser.add_argument("--out", type=Path, help="write the results to this path, with .md and .json")
    parser.add_argument("--show", action="store_true", help="show them on the page how matching works")
    args = parser.parse_args()
    folders = [qrels.parents[1] for data in args.data for qrels in sorted(data.resolve().glob("*/dev/qrels.tsv*"))]
    measured: list[Row] = []
    lines = [HEAD]
    print(HEAD)
    troubles = []
    for folder in folders:
        if args.only and folder.name not in args.only:
            continue
        for row in _rows(folder):
            measured.append(row)
            troubles += [row.trouble] if row.trouble else []
            lines += [row.as_markdown(), *_types(row)]
            print("\n".join(lines[lines.index(row.as_markdown()) :]), flush=True)
    verdict = "\n".join(troubles) or "All collections above the README's BM25, none significantly below the baseline."
    print(f"\n{verdict}")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_results(args.out.with_suffix(".json"), measured), ensure_ascii=False, indent=1) + "\n"
        args.out.with_suffix(".json").write_text(text, encoding="utf-8")
        args.out.with_suffix(".md").write_text(_page(json.loads(text)), encoding="utf-8")
        if args.show:
            SHOWN.write_text(text, encoding="utf-8")
    return 1 if troubles else 0


def _results(path: Path, measured: Sequence[Row]) -> dict[str, Any]:
    head = {
        "measured_on": date.today().isoformat(),  # noqa: DTZ011 -- the day on this machine
        "version": f"keqiao {keqiao.__version__}, {shipped().version}",
        "machine": machine(),
        "command": "make bench",
    }
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = {(row.name, row.asked_in): row.as_json() for row in measured}
    stays = before.get("collections", []) if all(before.get(name) == head[name] for name in head) else []
    others = [row for row in stays if (row["collection"], row["asked_in"]) not in now]
    return head | {
        "collections": sorted(
            [*others, *now.values()], key=lambda row: (not row["is_published"], row["collection"], row["asked_in"])
        )
    }


def _page(results: dict[str, Any]) -> str:
    """The same as a table for readers."""
    lines = [
        f"# Search quality, {results['measured_on']}",
        "",
        f"{results['version']}; {results['machine']}. Published collections are in `bench/collections`.",
        "",
        "| collection | published | documents | queries | BM25 | ours | 95 % interval of the difference | R@100 |",
        "|---|---|--:|--:|--:|--:|---|--:|",
    ]
    for row in results["collections"]:
        name = row["collection"] + (f", asked in {row['asked_in']}" if row["asked_in"] else "")
        low, high = row["difference"]
        lines.append(
            f"| {name} | {'yes' if row['is_published'] else 'no'} | {row['documents']:,} | {row['queries']:,} "
            f"| {row['bm25']['ndcg@10']:.4f} ({row['bm25']['tokeniser']}) | **{row['ours']['ndcg@10']:.4f}** "
            f"| {low:+.4f} … {high:+.4f} | {row['ours']['recall@100']:.4f} |"
        )
        lines += [
            f"| – {kind} | | | {one['queries']:,} | {one['bm25']:.4f} | {one['ndcg@10']:.4f} | | {one['recall@100']:.4f} |"
            for kind, one in row["by_type"].items()
        ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _rows(folder: Path) -> list[Row]:
    rows = [measure(folder)]
    if _file(folder / "dev" / "queries_zh.jsonl").exists():  # no bar: another language than the documents
        rows.append(measure(folder, "queries_zh.jsonl", "qrels_zh.tsv", "zh"))
    return rows


def _types(row: Row) -> list[str]:
    """A line for each query type, where there is more than one."""
    kinds = row.ours.by_type
    if len(kinds) < 2:
        return []
    return [f"| – {k} | | {f.queries:,} | | | {f.ndcg:.4f} | | | {f.recall:.4f} | |" for k, f in kinds.items()]


if __name__ == "__main__":
    sys.exit(main())
