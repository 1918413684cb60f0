"""What was read of documents for the second look, kept in memory: a process looks at the same ones again and again.

A row of the index never changes: a document that changes becomes another row, and numbers of rows are not given twice. So
what is kept under the number of a row stays true; when it is too much, all of it is forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keqiao.matching.engine import Occurrences

Row = tuple[str, int]  # name of the table, number of the row
ROWS_MOST = 6_000  # about 4 KB each
CHINESE_BYTES = 1.5  # for each sign of a text's tokens; English has one, Chinese, with the spaces between, two


@dataclass(frozen=True, eq=False)
class Kept:
    """One document."""

    tokens: bytes | None  # in order, with spaces between: Arrow looks for some words faster than Python numbers all
    title_length: int
    is_chinese: bool
    vector: np.ndarray | None


NOTHING = Kept(None, 0, is_chinese=False, vector=None)


class Memory:
    """Documents by row. Safe to use from several threads: what is forgotten is still whole for those who read it."""

    def __init__(self) -> None:
        self._rows: dict[Row, Kept] = {}
        self._adding = threading.Lock()

    def known(self, rows: Iterable[Row]) -> set[Row]:
        return self._rows.keys() & set(rows)

    def add(self, table: str, found: pa.Table) -> None:
        """Rows as the engine gives them: tokens, title_length, perhaps vector, and _rowid."""
        if not len(found):
            return
        numbers = [(table, row) for row in found["_rowid"].to_pylist()]
        new = dict(zip(numbers, _read(found), strict=True))
        with self._adding:
            if len(self._rows) > ROWS_MOST:
                self._rows = {}
            self._rows.update(new)

    def occurrences(self, rows: Sequence[Row | None], tokens: Sequence[str], dims: int) -> Occurrences | None:
        """Where these tokens stand; None for a row means nothing is there. None when a row was forgotten meanwhile."""
        known = self._rows
        kept = [known.get(row) if row else NOTHING for row in rows]
        return None if None in kept else _occurrences([one for one in kept if one], tokens, dims)


def _read(found: pa.Table) -> list[Kept]:
    texts = found["tokens"].combine_chunks()
    is_chinese = _numbers(pc.binary_length(texts)) > CHINESE_BYTES * _numbers(pc.utf8_length(texts))
    columns = (
        texts.cast(pa.binary()).to_pylist(),
        found["title_length"].to_pylist(),
        is_chinese.tolist(),
        _vectors(found),
    )
    return [Kept(*row) for row in zip(*columns, strict=True)]


def _vectors(found: pa.Table) -> list[np.ndarray | None]:
    if "vector" not in found.column_names:
        return [None] * len(found)
    return [None if v.as_py() is None else v.values.to_numpy() for v in found["vector"].combine_chunks()]


def _numbers(column: Any) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def _occurrences(kept: Sequence[Kept], tokens: Sequence[str], dims: int) -> Occurrences:
    cut = pc.split_pattern(pa.array([one.tokens for one in kept], pa.string()), " ")
    lengths = _numbers(pc.list_value_length(cut).fill_null(0))
    token = _numbers(pc.index_in(pc.list_flatten(cut), value_set=pa.array(tokens, pa.string())).fill_null(-1))
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
