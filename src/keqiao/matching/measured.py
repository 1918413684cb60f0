"""What was measured of the shipped software, as the page "how matching works" shows it: files that bench/ writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from keqiao.matching.ranking.model import shipped


@dataclass(frozen=True)
class Line:
    """One collection, or one type of its queries: our nDCG@10 beside that of BM25 on the same queries."""

    collection: str
    kind: str  # type of query; empty for all
    asked_in: str  # where the queries are in another language than the documents
    documents: int
    queries: int
    bm25: float
    ours: float
    recall: float
    low: float | None  # ends of the 95 % interval of the difference; of whole collections only
    high: float | None
    name_zh: str
    name_en: str
    licence: str
    is_published: bool
    is_learned_from: bool

    @property
    def is_better(self) -> bool:
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class Quality:
    """Retrieval, measured in one place on one day."""

    measured_on: date
    version: str
    machine: str
    command: str
    lines: tuple[Line, ...]

    @property
    def is_of_this_version(self) -> bool:
        return self.version.endswith(shipped().version)

    @property
    def weakest(self) -> list[Line]:
        """The lowest of ours among the published lines that have no kinds, and those no better than BM25."""
        whole = {line.collection for line in self.lines if line.kind}
        single = [line for line in self.lines if line.is_published and (line.kind or line.collection not in whole)]
        return sorted(single, key=lambda line: line.ours)[:2]


@dataclass(frozen=True)
class Round:
    """The reader of figures on sentences that it had never seen."""

    measured_on: date
    sentences: int
    figures: int
    precision: float
    recall: float


@cache
def quality() -> Quality:
    content = _read("data/measured.json")
    lines = tuple(line for row in content["collections"] for line in _lines(row))
    return Quality(
        date.fromisoformat(content["measured_on"]), content["version"], content["machine"], content["command"], lines
    )


def _lines(row: dict[str, Any]) -> list[Line]:
    about = row["about"]
    common = {
        "collection": row["collection"],
        "asked_in": row["asked_in"],
        "documents": row["documents"],
        "name_zh": about.get("name_zh") or row["collection"],
        "name_en": about.get("name_en") or row["collection"],
        "licence": about.get("licence", ""),
        "is_published": row["is_published"],
        "is_learned_from": about.get("learned_from", False),
    }
    low, high = row["difference"]
    whole = Line(
        **common,
        kind="",
        queries=row["queries"],
        bm25=row["bm25"]["ndcg@10"],
        ours=row["ours"]["ndcg@10"],
        recall=row["ours"]["recall@100"],
        low=low,
        high=high,
    )
    kinds = [
        Line(
            **common,
            kind=kind,
            queries=one["queries"],
            bm25=one["bm25"],
            ours=one["ndcg@10"],
            recall=one["recall@100"],
            low=None,
            high=None,
        )
        for kind, one in row["by_type"].items()
    ]
    return [whole, *kinds]


@cache
def rounds() -> tuple[Round, ...]:
    return tuple(
        Round(date.fromisoformat(row["measured_on"]), row["sentences"], row["figures"], row["precision"], row["recall"])
        for row in _read("reading/labelled/measured.json")["rounds"]
    )


def _read(path: str) -> Any:
    return json.loads(files("keqiao.matching").joinpath(*path.split("/")).read_text(encoding="utf-8"))
