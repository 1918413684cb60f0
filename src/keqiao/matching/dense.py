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
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keqiao.matching.counting import Counted
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

    def encode(self, tokens: Sequence[str] | Mapping[str, float]) -> np.ndarray | None:
        """float32[dims]; None when no token is known to the model. A mapping says how often each token stands."""
        counts = tokens if isinstance(tokens, Mapping) else Counter(tokens)
        rows, known = self._rows(list(counts))
        return self._vector(rows, np.fromiter(counts.values(), dtype=np.float32, count=len(counts))[known])

    def encode_all(self, counted: Counted) -> np.ndarray:
        """float32[documents, dims]: `encode` of each, 0 where no token is known."""
        found = np.zeros((counted.documents, self.dims), dtype=np.float32)
        if not len(self.prints) or not len(counted.prints):
            return found
        at = np.minimum(np.searchsorted(self.prints, counted.prints), len(self.prints) - 1)
        known = np.flatnonzero((self.prints[at] == counted.prints)[counted.token])
        # In the model's order, whatever the others are: so a document gives the same vector alone and among others.
        known = known[np.argsort(counted.document[known] * len(self.prints) + at[counted.token[known]])]
        rows = at[counted.token[known]]
        weights = saturate(counted.times[known].astype(np.float32)) * self.idf[rows]
        ends = np.cumsum(np.bincount(counted.document[known], minlength=counted.documents))
        first = 0
        for number, end in enumerate(ends.tolist()):
            found[number] = weights[first:end] @ self.projection[rows[first:end]]
            first = end
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.float32(1e-9))

    def encode_each(self, prints: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """float32[texts, dims]: one vector for each text, 0 where no token is known. `ends`: where the fingerprints of
        each text end; a token stands once in a text.
        """
        found = np.zeros((len(ends), self.dims), dtype=np.float32)
        if not len(self.prints) or not len(prints):
            return found
        at = np.minimum(np.searchsorted(self.prints, prints), len(self.prints) - 1)
        known = np.flatnonzero(self.prints[at] == prints)
        owner = np.searchsorted(ends, known, side="right")
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        if len(starts):
            rows = at[known]
            found[owner[starts]] = np.add.reduceat(self.projection[rows] * self.idf[rows, None], starts, axis=0)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.float32(1e-9))

    def encode_prints(self, prints: np.ndarray) -> np.ndarray | None:
        """The same from fingerprints (uint64), one for each time that a token stands; for what was read before."""
        if not len(self.prints) or not len(prints):
            return None
        distinct, counts = np.unique(prints, return_counts=True)
        at = np.minimum(np.searchsorted(self.prints, distinct), len(self.prints) - 1)
        known = self.prints[at] == distinct
        return self._vector(at[known], counts[known].astype(np.float32))

    def idf_of(self, tokens: Sequence[str]) -> np.ndarray:
        """float32[len(tokens)]; a token that the model does not know counts as the rarest."""
        rows, known = self._rows(tokens)
        rarest = float(self.idf.max()) if len(self.idf) else 1.0
        found = np.full(len(tokens), rarest, dtype=np.float32)
        found[known] = self.idf[rows]
        return found

    def directions(self, tokens: Sequence[str]) -> np.ndarray:
        """float32[tokens, dims]: what each token alone means, with L2 norm 1; 0 for one that the model does not know."""
        found = np.zeros((len(tokens), self.dims), dtype=np.float32)
        rows, known = self._rows(tokens)
        found[known] = self.projection[rows]
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.float32(1e-9))

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
        # As plain arrays over the mapped files: `memmap` itself makes each look into it several times dearer.
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in FILES}
        return cls(**arrays, version=about["version"])

    def _vector(self, rows: np.ndarray, tf: np.ndarray) -> np.ndarray | None:
        """The normalised sum of the rows, weighted by w(t, d)."""
        vector = (saturate(tf) * self.idf[rows]) @ self.projection[rows]
        length = float(np.linalg.norm(vector))
        return (vector / length).astype(np.float32) if length > 0 else None

    def _rows(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the tokens the model knows, and which of `tokens` those are (bool[len(tokens)])."""
        wanted = np.array([fingerprint(token) for token in tokens], dtype=np.uint64)
        if not len(self.prints):
            return np.zeros(0, dtype=np.int64), np.zeros(len(wanted), dtype=bool)
        at = np.minimum(np.searchsorted(self.prints, wanted), len(self.prints) - 1)
        known = self.prints[at] == wanted
        return at[known], known


def train(token_lists: Iterable[Sequence[str]], dims: int = DIMS) -> DenseModel:
    """Learns a model from the tokens of documents, read once. `dims` is lowered for a corpus too small to have as many.

    Of a large corpus give only the rows of `sampled`: what training needs in memory grows with what it is given.
    """
    counted = _counted(token_lists)
    terms, df = _choose_vocabulary(counted)
    idf = np.log1p((counted.documents - df + 0.5) / (df + 0.5)).astype(np.float32)
    weights = _weight_matrix(counted, terms, idf)
    prints = np.array([fingerprint(counted.terms[term]) for term in terms], dtype=np.uint64)
    del counted
    projection, values = _singular(weights, dims)
    projection /= np.sqrt(np.maximum(values, 1e-6))
    order = np.argsort(prints)
    return _model(prints[order], idf[order], projection[order])


def sampled(count: int, most: int = SAMPLE_MOST) -> np.ndarray:
    """int64[at most `most`], ascending: which of so many documents a model is trained on; the same each time."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).choice(count, size=most, replace=False))


def saturate(tf: np.ndarray) -> np.ndarray:
    """The weight of a token that stands tf times in a text: 0.45 for once, towards 1 for often."""
    return tf / (tf + np.float32(SATURATION))


def _model(prints: np.ndarray, idf: np.ndarray, projection: np.ndarray) -> DenseModel:
    digest = hashlib.sha256()
    for part in (prints, idf, projection):
        digest.update(np.ascontiguousarray(part).tobytes())
    return DenseModel(prints, idf, projection, f"svd-{projection.shape[1]}-{digest.hexdigest()[:16]}")


@dataclass(frozen=True, eq=False)
class _Counted:
    """Texts as numbers: 8 bytes for each different token of a text, where a Python string takes 70 for each token."""

    terms: list[str]
    columns: np.ndarray  # uint32: numbers of terms, one text after the other
    counts: np.ndarray  # uint32: how often the term stands in the text
    ends: np.ndarray  # int64[documents + 1]

    @property
    def documents(self) -> int:
        return len(self.ends) - 1


def _counted(token_lists: Iterable[Sequence[str]]) -> _Counted:
    """Pairs of words are left out: their words are in, and the directions are there to see past exact wording."""
    number: dict[str, int] = {}
    columns, counts, ends = array("I"), array("I"), array("q", [0])
    for tokens in token_lists:
        for term, n in Counter(tokens).items():
            if PAIR not in term:
                columns.append(number.setdefault(term, len(number)))
                counts.append(n)
        ends.append(len(columns))
    return _Counted(
        list(number),
        np.frombuffer(columns, dtype=np.uint32),
        np.frombuffer(counts, dtype=np.uint32),
        np.frombuffer(ends, dtype=np.int64),
    )


def _choose_vocabulary(counted: _Counted) -> tuple[list[int], np.ndarray]:
    """Terms of at least two documents, the most frequent up to VOCABULARY_MOST, and their document frequency."""
    df = np.bincount(counted.columns, minlength=len(counted.terms))
    kept = sorted((-int(df[i]), counted.terms[i], int(i)) for i in np.flatnonzero(df > 1))[:VOCABULARY_MOST]
    return [i for _n, _term, i in kept], np.array([-n for n, _term, _i in kept], dtype=np.float32)


def _weight_matrix(counted: _Counted, terms: Sequence[int], idf: np.ndarray) -> Any:
    """A scipy csr matrix, float32[documents, terms], rows of L2 norm 1."""
    from scipy import sparse

    place = np.full(len(counted.terms), -1, dtype=np.int32)
    place[terms] = np.arange(len(terms), dtype=np.int32)
    columns = place[counted.columns]
    is_kept = columns >= 0
    before = np.zeros(len(columns) + 1, dtype=np.int32)  # how many are kept before each entry
    np.cumsum(is_kept, dtype=np.int32, out=before[1:])
    columns = columns[is_kept]
    values = saturate(counted.counts[is_kept].astype(np.float32)) * idf[columns]
    shape = (counted.documents, len(terms))
    matrix = sparse.csr_matrix((values, columns, before[counted.ends]), shape=shape, dtype=np.float32)
    squares = sparse.csr_matrix((values * values, matrix.indices, matrix.indptr), shape=shape)
    lengths = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
    matrix.data *= np.repeat((1.0 / np.maximum(lengths, 1e-9)).astype(np.float32), np.diff(matrix.indptr))
    return matrix


def _singular(matrix: Any, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors float32[terms, k] and values float32[k].

    Randomised: Halko, Martinsson, Tropp, Finding structure with randomness, SIAM Review 2011.
    """
    k = min(dims, *matrix.shape)
    if k == 0:
        return np.zeros((matrix.shape[1], 0), dtype=np.float32), np.zeros(0, dtype=np.float32)
    width = min(k + SPARE, *matrix.shape)
    turned = matrix.T.tocsr()
    basis = matrix @ np.random.default_rng(SEED).standard_normal((matrix.shape[1], width), dtype=np.float32)
    # Orthogonalised on the side of the documents only: there are fewer of them than terms, and once a round is enough.
    for _ in range(ROUNDS):
        basis = matrix @ (turned @ np.linalg.qr(basis)[0])
    small = turned @ np.linalg.qr(basis)[0]  # [terms, width]
    # Its singular vectors by way of the small Gram matrix, in double precision.
    squares, sides = np.linalg.eigh((small.T @ small).astype(np.float64))
    values = np.sqrt(np.maximum(squares[::-1][:k], 1e-12))
    directions = small @ sides[:, ::-1][:, :k].astype(np.float32)
    directions /= values.astype(np.float32)
    _sign(directions)
    return directions, values.astype(np.float32)


def _sign(directions: np.ndarray) -> None:
    """Each column with its largest entry positive, so that the sign does not depend on the library. In place."""
    for column in directions.T:
        if column[np.argmax(np.abs(column))] < 0:
            np.negative(column, out=column)
