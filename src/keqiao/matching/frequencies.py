"""In how many documents a token occurs: counted from the table and kept in one small file beside it.

A cache, so that a query can be cut to its rarest terms: lost, it is counted again.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from keqiao.matching.counting import count_tokens
from keqiao.matching.text import fingerprint

COUNTED_AT_ONCE = 1_000  # documents whose tokens are in memory while they are counted
FREQUENCY = np.dtype([("token", "<u8"), ("documents", "<u4")])


@dataclass(frozen=True, eq=False)
class Frequencies:
    """In how many documents a token occurs; tokens that are not listed occur in one or none."""

    documents: int
    prints: np.ndarray  # uint64, ascending: fingerprints of the tokens
    counts: np.ndarray  # uint32, aligned with `prints`
    stamp: int  # modification time of the file, ns

    def idf(self, tokens: Sequence[str]) -> np.ndarray:
        """float32[len(tokens)]: ln(1 + (N - df + 0.5) / (df + 0.5)), as in Lucene."""
        wanted = np.array([fingerprint(token) for token in tokens], dtype=np.uint64)
        df = np.ones(len(wanted), dtype=np.float32)
        if len(self.prints):
            at = np.minimum(np.searchsorted(self.prints, wanted), len(self.prints) - 1)
            df = np.where(self.prints[at] == wanted, self.counts[at], df).astype(np.float32)
        documents = max(self.documents, 1)
        return np.log1p((np.maximum(documents - df, 0) + 0.5) / (df + 0.5)).astype(np.float32)


def count_frequencies(columns: Iterable[pa.Array]) -> tuple[int, np.ndarray]:
    """Number of documents, and FREQUENCY rows of the tokens that occur in more than one of them, ascending."""
    parts = (column.slice(at, COUNTED_AT_ONCE) for column in columns for at in range(0, len(column), COUNTED_AT_ONCE))
    return total((len(part), *count_tokens(part).tally()) for part in parts)


def total(tallies: Iterable[tuple[int, np.ndarray, np.ndarray]]) -> tuple[int, np.ndarray]:
    """The same from what was counted of some documents at a time: their number, fingerprints ascending, and counts.

    Tokens are counted under their fingerprints: 12 bytes each, however long the table and its vocabulary are.
    """
    documents = 0
    prints, counts = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint32)
    for number, more, tally in tallies:
        documents += number
        prints, counts = added_counts(prints, counts, more, tally)
    found = np.empty(int((counts > 1).sum()), dtype=FREQUENCY)
    found["token"], found["documents"] = prints[counts > 1], counts[counts > 1]
    return documents, found


def together(tallies: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Several tallies as one."""
    prints, place = np.unique(np.concatenate([one for one, _ in tallies]), return_inverse=True)
    counts = np.bincount(place, np.concatenate([counts for _, counts in tallies]), minlength=len(prints))
    return prints, counts.astype(np.uint32)


def added_counts(
    prints: np.ndarray, counts: np.ndarray, more: np.ndarray, tally: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both ascending lists in one."""
    at = np.searchsorted(prints, more)
    is_known = np.zeros(len(more), dtype=bool)
    inside = at < len(prints)
    is_known[inside] = prints[at[inside]] == more[inside]
    counts[at[is_known]] += tally[is_known]
    new = ~is_known
    return np.insert(prints, at[new], more[new]), np.insert(counts, at[new], tally[new])


def kept_form(documents: int, found: np.ndarray) -> bytes:
    """One array: the number of documents first, then the fingerprints in ascending order with their counts."""
    table = np.empty(len(found) + 1, dtype=FREQUENCY)
    table[0] = (0, documents)
    table[1:] = found
    content = io.BytesIO()
    np.save(content, table)
    return content.getvalue()


def load_frequencies(path: Path, stamp: int) -> Frequencies:
    """What was counted last; without a file, nothing: every token then counts as rare."""
    table = np.load(path, mmap_mode="r") if stamp else np.zeros(1, dtype=FREQUENCY)
    prints, counts = np.ascontiguousarray(table["token"][1:]), np.ascontiguousarray(table["documents"][1:])
    return Frequencies(int(table["documents"][0]), prints, counts, stamp)
