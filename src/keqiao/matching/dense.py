"""The default semantic leg: truncated SVD of weighted tokens (latent semantic analysis), trained on the corpus alone.

No pretrained weights are needed. Training wants scipy and runs in a worker; encoding is numpy on memory-mapped files,
so a web process pays for the pages it touches. The same corpus gives the same model, byte for byte on one machine.

    w(t, d) = tf / (tf + 1.2) · idf(t)      rows L2-normalised, then W ≈ U Σ Vᵀ
    encode(d) = normalise(w(d) V Σ^-½)      Σ^-½ keeps a few large common themes from drowning the rest
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keqiao.matching.text import PAIR, fingerprint

DIMS = 192
VOCABULARY_MOST = 60_000  # tokens, the most frequent first: 46 MB of projection at 192 dims
SAMPLE_MOST = 25_000  # documents the directions are learned from; more take longer and change little
SATURATION = 1.2  # k1 of BM25
ROUNDS = 4  # of power iteration
SPARE = 16  # extra random directions, dropped at the end
SEED = 20_261_120
FILES = ("prints", "idf", "projection")


@dataclass(frozen=True, eq=False)
class DenseModel:
    """Turns tokens into a vector of float32[dims] with L2 norm 1."""

    prints: np.ndarray  # uint64[terms], ascending: fingerprints of the tokens
    idf: np.ndarray  # float32[terms]
    projection: np.ndarray  # float32[terms, dims]: V Σ^-½
    version: str  # hash of the content; vectors of two versions cannot be compared

    @property
    def dims(self) -> int:
        return int(self.projection.shape[1])

    def encode(self, tokens: Sequence[str]) -> np.ndarray | None:
        """float32[dims]; None when no token is known to the model."""
        rows, weights = self._weighted(Counter(tokens))
        vector = weights @ self.projection[rows]
        length = float(np.linalg.norm(vector))
        return (vector / length).astype(np.float32) if length > 0 else None

    def idf_of(self, tokens: Sequence[str]) -> np.ndarray:
        """float32[len(tokens)]; a token that the model does not know counts as the rarest."""
        rows, known = self._rows(tokens)
        rarest = float(self.idf.max()) if len(self.idf) else 1.0
        found = np.full(len(tokens), rarest, dtype=np.float32)
        found[known] = self.idf[rows]
        return found

    def save(self, folder: Path) -> Path:
        """Writes folder/<version>/ and returns it. The folder appears whole or not at all."""
        target = folder / self.version
        if target.is_dir():
            return target
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=folder, prefix=".unfinished-"))
        for name in FILES:
            np.save(unfinished / f"{name}.npy", getattr(self, name))
        (unfinished / "model.json").write_text(json.dumps({"version": self.version, "dims": self.dims}))
        unfinished.chmod(0o755)
        try:
            os.replace(unfinished, target)  # noqa: PTH105 -- Path.rename would not say that it replaces
        except OSError:  # another process was first; same version, same content
            if not target.is_dir():
                raise
        return target

    @classmethod
    def load(cls, folder: Path) -> DenseModel:
        """A model from the folder that `save` returned; arrays stay on disk until they are touched."""
        about = json.loads((folder / "model.json").read_text())
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in FILES}
        return cls(**arrays, version=about["version"])

    def _weighted(self, counts: Counter[str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the known tokens and their weights w(t, d)."""
        rows, known = self._rows(list(counts))
        tf = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))[known]
        return rows, saturate(tf) * self.idf[rows]

    def _rows(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the tokens the model knows, and which of `tokens` those are (bool[len(tokens)])."""
        wanted = np.array([fingerprint(token) for token in tokens], dtype=np.uint64)
        if not len(self.prints):
            return np.zeros(0, dtype=np.int64), np.zeros(len(wanted), dtype=bool)
        at = np.minimum(np.searchsorted(self.prints, wanted), len(self.prints) - 1)
        known = self.prints[at] == wanted
        return at[known], known


def train(token_lists: Sequence[Sequence[str]], dims: int = DIMS, *, sample: int = SAMPLE_MOST) -> DenseModel:
    """Learns a model from the tokens of documents. `dims` is lowered for a corpus too small to have as many."""
    chosen = _sampled(token_lists, sample)
    terms, df = _vocabulary(chosen)
    idf = np.log1p((len(chosen) - df + 0.5) / (df + 0.5)).astype(np.float32)
    weights = _weight_matrix(chosen, terms, idf)
    directions, values = _singular(weights, dims)
    projection = (directions / np.sqrt(np.maximum(values, 1e-6))).astype(np.float32)
    prints = np.array([fingerprint(term) for term in terms], dtype=np.uint64)
    order = np.argsort(prints)
    return _model(prints[order], idf[order], np.ascontiguousarray(projection[order]))


def saturate(tf: np.ndarray) -> np.ndarray:
    """The weight of a token that stands tf times in a text: 0.45 for once, towards 1 for often."""
    return tf / (tf + np.float32(SATURATION))


def _model(prints: np.ndarray, idf: np.ndarray, projection: np.ndarray) -> DenseModel:
    digest = hashlib.sha256()
    for array in (prints, idf, projection):
        digest.update(np.ascontiguousarray(array).tobytes())
    return DenseModel(prints, idf, projection, f"svd-{projection.shape[1]}-{digest.hexdigest()[:16]}")


def _sampled(token_lists: Sequence[Sequence[str]], most: int) -> list[Sequence[str]]:
    if len(token_lists) <= most:
        return list(token_lists)
    rows = np.random.default_rng(SEED).choice(len(token_lists), size=most, replace=False)
    return [token_lists[row] for row in np.sort(rows)]


def _vocabulary(token_lists: Sequence[Sequence[str]]) -> tuple[list[str], np.ndarray]:
    """Terms of at least two documents, the most frequent up to VOCABULARY_MOST, and their document frequency.

    Pairs of words are left out: their words are in, and the directions are there to see past exact wording.
    """
    df: Counter[str] = Counter()
    for tokens in token_lists:
        df.update(set(tokens))
    kept = sorted((-n, term) for term, n in df.items() if n > 1 and PAIR not in term)[:VOCABULARY_MOST]
    return [term for _, term in kept], np.array([-n for n, _ in kept], dtype=np.float32)


def _weight_matrix(token_lists: Sequence[Sequence[str]], terms: Sequence[str], idf: np.ndarray) -> Any:
    """A scipy csr matrix, float32[documents, terms], rows of L2 norm 1."""
    from scipy import sparse

    number = {term: i for i, term in enumerate(terms)}
    columns: list[int] = []
    counts: list[int] = []
    ends = [0]
    for tokens in token_lists:
        for term, n in Counter(tokens).items():
            if term in number:
                columns.append(number[term])
                counts.append(n)
        ends.append(len(columns))
    values = saturate(np.array(counts, dtype=np.float32)) * idf[columns]
    matrix = sparse.csr_matrix((values, columns, ends), shape=(len(token_lists), len(terms)), dtype=np.float32)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.diags((1.0 / np.maximum(lengths, 1e-9)).astype(np.float32)) @ matrix


def _singular(matrix: Any, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors float32[terms, k] and values float32[k].

    Randomised: Halko, Martinsson, Tropp, Finding structure with randomness, SIAM Review 2011.
    """
    k = min(dims, *matrix.shape)
    if k == 0:
        return np.zeros((matrix.shape[1], 0), dtype=np.float32), np.zeros(0, dtype=np.float32)
    width = min(k + SPARE, *matrix.shape)
    turned = matrix.T.tocsr()
    noise = np.random.default_rng(SEED).standard_normal((matrix.shape[1], width), dtype=np.float32)
    basis = matrix @ noise
    # Orthogonalised on the side of the documents only: there are fewer of them than terms, and once a round is enough.
    for _ in range(ROUNDS):
        basis = matrix @ (turned @ np.linalg.qr(basis)[0])
    small = turned @ np.linalg.qr(basis)[0]  # [terms, width]
    # Its singular vectors by way of the small Gram matrix, in double precision.
    squares, sides = np.linalg.eigh((small.T @ small).astype(np.float64))
    values = np.sqrt(np.maximum(squares[::-1][:k], 1e-12))
    directions = (small @ sides[:, ::-1][:, :k].astype(np.float32)) / values.astype(np.float32)
    return _signed(directions), values.astype(np.float32)


def _signed(directions: np.ndarray) -> np.ndarray:
    """Each column with its largest entry positive, so that the sign does not depend on the library."""
    largest = directions[np.argmax(np.abs(directions), axis=0), np.arange(directions.shape[1])]
    return directions * np.where(largest < 0, -1.0, 1.0).astype(directions.dtype)
