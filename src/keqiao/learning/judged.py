"""Needs whose matches were judged by hand: they notice points that nobody in the field would sign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log2
from pathlib import Path

from keqiao.learning.learner import total

FILE = Path(__file__).parent / "data" / "judged.json"
DEPTH = 10


@dataclass(frozen=True)
class JudgedNeed:
    fits: tuple[tuple[float, ...], ...]
    grades: tuple[int, ...]


@cache
def judged_needs() -> tuple[JudgedNeed, ...]:
    needs = json.loads(FILE.read_text(encoding="utf-8"))["needs"]
    return tuple(
        JudgedNeed(tuple(tuple(row[1:7]) for row in need["rows"]), tuple(row[7] for row in need["rows"]))
        for need in needs
    )


def ndcg(points: Sequence[int]) -> float:
    """Mean nDCG@10 over the judged needs; of equal scores the worse order counts."""
    return sum(_ndcg(need, points) for need in judged_needs()) / len(judged_needs())


def _ndcg(need: JudgedNeed, points: Sequence[int]) -> float:
    order = sorted(range(len(need.fits)), key=lambda at: (-total(need.fits[at], points), need.grades[at]))
    ideal = sorted(need.grades, reverse=True)
    return _dcg([need.grades[at] for at in order]) / _dcg(ideal)


def _dcg(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / log2(rank + 1) for rank, grade in enumerate(grades[:DEPTH], 1))
