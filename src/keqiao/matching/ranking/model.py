"""The learned order: one weight a feature, which grows or shrinks with the query's size and with its share of Chinese.

A document's score is Σ feature · (plain + size · per_size + chinese · per_chinese). The weights were learned from openly
licensed collections (bench/ranking.py, docs/why/matching.md) and lie beside this file as text; applying them is one
matrix product.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from keqiao.matching.ranking.features import NAMES, Candidates, Query, features


@dataclass(frozen=True, eq=False)
class RankingModel:
    """`weights` float32[features, 3]: plain, by size, by share of Chinese."""

    weights: np.ndarray
    version: str

    def scores(self, query: Query, found: Candidates) -> np.ndarray:
        """float32[documents]: the higher the better; comparable within one query only."""
        return combined(query, found) @ self.weights.T.ravel()

    def as_json(self) -> str:
        rows = {name: [round(float(w), 4) for w in row] for name, row in zip(NAMES, self.weights, strict=True)}
        return json.dumps({"version": self.version, "weights": rows}, indent=1) + "\n"


def combined(query: Query, found: Candidates) -> np.ndarray:
    """float32[documents, 3 · features]: what the model is linear in."""
    plain = features(query, found)
    return np.hstack([plain, plain * np.float32(query.size), plain * np.float32(query.chinese)])


def from_json(text: str) -> RankingModel:
    """A model whose features are those of this code, else an error: numbers for other features mean nothing."""
    content = json.loads(text)
    if tuple(content["weights"]) != NAMES:
        raise ValueError("the ranking model was learned for other features: train it again")
    return RankingModel(np.array(list(content["weights"].values()), dtype=np.float32), content["version"])


@cache
def shipped() -> RankingModel:
    return from_json(files("keqiao.matching.ranking").joinpath("model.json").read_text(encoding="utf-8"))
