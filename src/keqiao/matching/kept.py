"""What was read of documents for the second look, kept in memory: a process looks at the same ones again and again.

A row of the index never changes: a document that changes becomes another row, and numbers of rows are not given twice. So
what is kept under the number of a row stays true; when it is too much, all of it is forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keqiao.matching.engine import Occurrences

Row = tuple[str, int]  # name of the table, number of the row
ROWS_MOST = 6_000  # about 3 KB each
WORDS_MOST = 200_000  # about 100 bytes each
CHINESE_BYTES = 1.5  # for each sign of a text's tokens; English has one, Chinese, with the spaces between, two


@dataclass(frozen=True, eq=False)
class Kept:
    """One document."""

    words: np.ndarray  # int32: numbers of its tokens, in order
    title_length: int
    is_chinese: bool
    vector: np.ndarray | None


@dataclass(eq=False)
class _Store:
    words: dict[str, int] = field(default_factory=dict)
    rows: dict[Row, Kept] = field(default_factory=dict)


class Memory:
    """Documents by row. Safe to use from several threads: what is forgotten is still whole for those who read it."""

    def __init__(self) -> None:
        self._store = _Store()
        self._adding = threading.Lock()

    def known(self, rows: Iterable[Row]) -> set[Row]:
        return self._store.rows.keys() & set(rows)

    def add(self, table: str, found: pa.Table) -> None:
        """Rows as the engine gives them: tokens, title_length, perhaps vector, and _rowid."""
        if not len(found):
            return
        with self._adding:
            if len(self._store.rows) > ROWS_MOST or len(self._store.words) > WORDS_MOST:
                self._store = _Store()
            store = self._store
            numbers = [(table, row) for row in found["_rowid"].to_pylist()]
            store.rows.update(zip(numbers, _parsed(found, store.words), strict=True))

    def occurrences(self, rows: Sequence[Row | None], tokens: Sequence[str], dims: int) -> Occurrences | None:
        """Where these tokens stand; None for a row means nothing is there. None when a row was forgotten meanwhile."""
        store = self._store
        nothing = Kept(np.zeros(0, dtype=np.int32), 0, is_chinese=False, vector=None)
        kept = [store.rows.get(row) if row else nothing for row in rows]
        return None if None in kept else _occurrences([k for k in kept if k], store.words, tokens, dims)


def _parsed(found: pa.Table, words: dict[str, int]) -> list[Kept]:
    """Arrow cuts the texts; Python sees each different token once. New tokens get the next number."""
    texts = found["tokens"].combine_chunks()
    cut = pc.split_pattern(texts, " ")
    ends = np.cumsum(_numbers(pc.list_value_length(cut)))[:-1]
    coded = pc.list_flatten(cut).dictionary_encode()
    number = np.array([words.setdefault(word, len(words)) for word in coded.dictionary.to_pylist()], dtype=np.int32)
    each = np.split(number[_numbers(coded.indices)], ends)
    is_chinese = _numbers(pc.binary_length(texts)) > CHINESE_BYTES * _numbers(pc.utf8_length(texts))
    titles = found["title_length"].to_pylist()
    vectors = _vectors(found)
    return [Kept(*row) for row in zip(each, titles, is_chinese.tolist(), vectors, strict=True)]


def _vectors(found: pa.Table) -> list[np.ndarray | None]:
    if "vector" not in found.column_names:
        return [None] * len(found)
    return [None if v.as_py() is None else v.values.to_numpy() for v in found["vector"].combine_chunks()]


def _numbers(column: Any) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def _occurrences(kept: Sequence[Kept], words: dict[str, int], tokens: Sequence[str], dims: int) -> Occurrences:
    lengths = np.array([len(one.words) for one in kept], dtype=np.int64)
    read = np.concatenate([one.words for one in kept]) if kept else np.zeros(0, dtype=np.int32)
    # Another thread may give numbers meanwhile: as many as these documents need are looked at, however many there are.
    none = int(read.max(initial=-1)) + 1
    position = np.full(none + 1, -1, dtype=np.int64)
    position[[min(words.get(token, none), none) for token in tokens]] = np.arange(len(tokens))
    position[none] = -1
    token = position[read]
    place = np.arange(len(token)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    is_wanted = token >= 0
    vectors = np.zeros((len(kept), dims), dtype=np.float32)
    for row, one in zip(vectors, kept, strict=True):
        if one.vector is not None:
            row[:] = one.vector
    return Occurrences(
        np.repeat(np.arange(len(kept)), lengths)[is_wanted],
        place[is_wanted],
        token[is_wanted],
        lengths,
        np.array([one.title_length for one in kept], dtype=np.int64),
        np.array([one.is_chinese for one in kept], dtype=bool),
        vectors,
    )
