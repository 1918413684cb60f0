"""The achievements of one run as files that are mapped into memory: written once from the index, read by every process.

A part holds some thousand documents: for each token the documents that have it and what each has of BM25 without the
token's idf, and the matrix of their vectors. A search of many needs is then two products of matrices a part, of which
each need keeps its best.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array, csr_array

from keqiao.matching.engine import STEPS, Batch, query_terms
from keqiao.matching.frequencies import Frequencies, added_counts
from keqiao.matching.index_state import Serving
from keqiao.matching.retrieval import Asked, fuse
from keqiao.matching.text import fingerprint
from keqiao.matching.types import Hit
from keqiao.runtime.files import replace_file
from keqiao.runtime.memory import give_back

K1, B = 1.2, 0.75  # of BM25, as the engines count it
DOCUMENTS_A_PART = 8_000  # what writing a part holds in memory grows with it
NEEDS_AT_ONCE = 100
IdfOf = Callable[[Sequence[str]], np.ndarray]
ABOUT = "library.json"  # written last: without it the folder is not a library


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the documents. Its files are mapped while they are looked at and no longer: of a million documents, what a
    process maps is not more than of eight thousand.
    """

    folder: Path

    @cached_property
    def ids(self) -> np.ndarray:
        return np.load(self.folder / "ids.npy")

    @property
    def vectors(self) -> np.ndarray:
        """float32[documents, dims]; 0 for a document that has none."""
        return self._mapped("vectors")

    @cached_property
    def has_vector(self) -> np.ndarray:
        return np.any(self.vectors, axis=1)

    @property
    def prints(self) -> np.ndarray:
        """uint64, ascending: fingerprints of the tokens, one for each row of `words`."""
        return self._mapped("prints")

    @property
    def words(self) -> csr_array:
        """[tokens, documents]: tf / (tf + k1 (1 - b + b length / average))."""
        starts, documents, weights = (self._mapped(name) for name in ("starts", "documents", "weights"))
        return csr_array((weights, documents, starts), shape=(len(starts) - 1, len(self.ids)), copy=False)

    def _mapped(self, name: str) -> np.ndarray:
        # A plain array over the mapped file: `memmap` itself makes each look into it several times dearer.
        return np.load(self.folder / f"{name}.npy", mmap_mode="r").view(np.ndarray)


class Library:
    """A library that was written whole."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / ABOUT).read_text())
        self.since = datetime.fromisoformat(about["since"])  # what was matched later is newer than what is found here
        self.serving = Serving(**about["serving"])
        self.parts = [Part(folder / name) for name in about["parts"]]
        prints, counts = (np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in ("df", "counts"))
        self._frequencies = Frequencies(about["documents"], prints, counts, 0)

    def nearest(self, asked: Sequence[Asked], idf_of: IdfOf, *, depth: int, k: int) -> list[list[str]]:
        """For each text the codes of the k documents that both legs together find nearest, the best first."""
        found = []
        for first in range(0, len(asked), NEEDS_AT_ONCE):
            some = asked[first : first + NEEDS_AT_ONCE]
            words = self._by_words([query_terms(one.words, idf_of) for one in some], depth)
            meaning = self._by_meaning([one.vector for one in some], depth)
            fused = (
                fuse(near, far, one.dense_share, depth) for one, near, far in zip(some, words, meaning, strict=True)
            )
            found += [[candidate.code for candidate in candidates[:k]] for candidates in fused]
        return found

    def _by_words(self, texts: Sequence[Mapping[str, int]], depth: int) -> list[list[Hit]]:
        names = sorted({token for text in texts for token in text})
        column = {token: number for number, token in enumerate(names)}
        idf = self._frequencies.idf(names)
        rows = [n for n, text in enumerate(texts) for _ in text]
        columns = [column[token] for text in texts for token in text]
        weights = [n / STEPS * idf[column[token]] for text in texts for token, n in text.items()]
        asked = csr_array((np.array(weights, np.float32), (rows, columns)), shape=(len(texts), len(names)))
        prints = np.array([fingerprint(token) for token in names], dtype=np.uint64)
        best = Best(len(texts), depth)
        for number, part in enumerate(self.parts):
            there = part.prints
            at = np.minimum(np.searchsorted(there, prints), max(len(there) - 1, 0))
            known = there[at] == prints if len(there) else np.zeros(len(prints), dtype=bool)
            scores = (asked[:, known] @ part.words[at[known]]).toarray()
            best.offer(number, scores, above=0.0)
        return self._hits(best)

    def _by_meaning(self, vectors: Sequence[np.ndarray | None], depth: int) -> list[list[Hit]]:
        given = [n for n, vector in enumerate(vectors) if vector is not None and np.any(vector)]
        best = Best(len(vectors), depth)
        if given:
            asked = np.stack([np.asarray(vectors[n], dtype=np.float32) for n in given])
            for number, part in enumerate(self.parts):
                scores = asked @ part.vectors.T
                scores[:, ~part.has_vector] = -np.inf
                best.offer(number, scores, above=-np.inf, rows=given)
        return self._hits(best)

    def _hits(self, best: Best) -> list[list[Hit]]:
        found = []
        for scores, parts, places in best.rows():
            ids = [str(self.parts[part].ids[place]) for part, place in zip(parts, places, strict=True)]
            hits = [Hit(code, float(score)) for code, score in zip(ids, scores.tolist(), strict=True)]
            found.append(sorted(hits, key=lambda hit: (-hit.score, hit.code)))
        return found


class Best:
    """The best of each row over all parts, as they are offered one after the other."""

    def __init__(self, rows: int, most: int) -> None:
        self._most = most
        self._scores = [np.zeros(0, dtype=np.float32)] * rows
        self._places = [np.zeros((0, 2), dtype=np.int64)] * rows  # part, place in it

    def offer(self, part: int, scores: np.ndarray, *, above: float, rows: Sequence[int] | None = None) -> None:
        for own, row in enumerate(rows if rows is not None else range(len(scores))):
            known = self._scores[row]
            # What is no better than the last of a full list is not looked at: after the first parts nearly everything.
            floor = known.min() if len(known) == self._most else above
            better = np.flatnonzero(scores[own] > floor)
            if len(better) > self._most:
                better = better[np.argpartition(-scores[own][better], self._most - 1)[: self._most]]
            if not len(better):
                continue
            merged = np.concatenate([known, scores[own][better]])
            places = np.concatenate([self._places[row], np.column_stack([np.full(len(better), part), better])])
            if len(merged) > self._most:
                chosen = np.argpartition(-merged, self._most - 1)[: self._most]
                merged, places = merged[chosen], places[chosen]
            self._scores[row], self._places[row] = merged, places

    def rows(self) -> Iterator[tuple[np.ndarray, list[int], list[int]]]:
        for scores, places in zip(self._scores, self._places, strict=True):
            yield scores, places[:, 0].tolist(), places[:, 1].tolist()


# --- writing ----------------------------------------------------------------------------------------------------------


def is_written(folder: Path) -> bool:
    return (folder / ABOUT).exists()


def write(folder: Path, batches: Iterable[Batch], serving: Serving, since: datetime) -> None:
    """The folder is a library when this returns, and not before. `since`: before the first batch was read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prints, counts = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint32)
    names, lengths = [], []
    for number, batch in enumerate(_sized(batches)):
        names.append(f"{number:05d}")
        length, own, documents = _write_part(folder / names[-1], batch)
        prints, counts = added_counts(prints, counts, own, documents)
        lengths.append(length)
        give_back()
    total = sum(len(length) for length in lengths)
    average = sum(int(length.sum()) for length in lengths) / max(total, 1)
    for name, length in zip(names, lengths, strict=True):
        _weigh(folder / name, length, max(average, 1e-9))
    np.save(folder / "df.npy", prints)
    np.save(folder / "counts.npy", counts)
    about = {"parts": names, "documents": total, "serving": asdict(serving), "since": since.isoformat()}
    replace_file(folder / ABOUT, json.dumps(about).encode())


def _sized(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same documents in batches of DOCUMENTS_A_PART, the last one shorter."""
    waiting: list[Batch] = []
    for batch in batches:
        first = 0
        while first < len(batch.ids):
            room = DOCUMENTS_A_PART - sum(len(one.ids) for one in waiting)
            waiting.append(_slice(batch, first, first + room))
            first += room
            if sum(len(one.ids) for one in waiting) == DOCUMENTS_A_PART:
                yield _joined(waiting)
                waiting = []
    if waiting:
        yield _joined(waiting)


def _slice(batch: Batch, first: int, end: int) -> Batch:
    return Batch(batch.ids[first:end], batch.tokens[first:end], batch.vectors[first:end])


def _joined(batches: Sequence[Batch]) -> Batch:
    ids = [code for batch in batches for code in batch.ids]
    tokens = [text for batch in batches for text in batch.tokens]
    return Batch(ids, tokens, np.concatenate([batch.vectors for batch in batches]))


def _write_part(folder: Path, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of each document; the fingerprints of the part's tokens, ascending, and in how many documents each stands.

    Until the average length is known the weights are plain counts.
    """
    folder.mkdir()
    words = pc.split_pattern(pa.array(batch.tokens, pa.large_string()), " ")
    coded = pc.list_flatten(words).dictionary_encode()
    names = coded.dictionary.to_pylist()
    prints = np.array([fingerprint(name) if name else 0 for name in names], dtype=np.uint64)
    order = np.argsort(prints)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    token = rank[coded.indices.to_numpy(zero_copy_only=False)]
    documents = np.arange(len(batch.ids), dtype=np.int32)
    document = np.repeat(documents, np.diff(words.offsets.to_numpy(zero_copy_only=False)))
    if "" in names:  # an empty document has an empty word
        is_word = prints[order][token] > 0
        token, document = token[is_word], document[is_word]
    ones = np.ones(len(token), dtype=np.float32)
    counted = coo_array((ones, (token, document)), shape=(len(order), len(documents))).tocsr()
    starts = counted.indptr
    length = np.bincount(document, minlength=len(documents))
    np.save(folder / "ids.npy", np.array(batch.ids, dtype=np.str_))
    np.save(folder / "vectors.npy", batch.vectors)
    np.save(folder / "prints.npy", prints[order])
    np.save(folder / "starts.npy", starts.astype(np.int32))
    np.save(folder / "documents.npy", counted.indices.astype(np.int32, copy=False))
    np.save(folder / "weights.npy", counted.data)
    used = np.diff(starts) > 0
    return length, prints[order][used], np.diff(starts)[used].astype(np.uint32)


def _weigh(folder: Path, length: np.ndarray, average: float) -> None:
    longer = (K1 * (1 - B + B * length / average)).astype(np.float32)
    tf, documents = np.load(folder / "weights.npy"), np.load(folder / "documents.npy")
    np.save(folder / "weights.npy", tf / (tf + longer[documents]))
