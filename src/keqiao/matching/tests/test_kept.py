"""What is kept of documents between second looks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from keqiao.matching import kept
from keqiao.matching.kept import Memory


def table(rows: dict[int, str]) -> pa.Table:
    return pa.table({"tokens": list(rows.values()), "title_length": [1] * len(rows), "_rowid": list(rows)})


def test_tokens_are_found_where_they_stand() -> None:
    memory = Memory()
    memory.add("items", table({1: "membrane water membrane", 2: "salt"}))
    found = memory.occurrences([("items", 2), None, ("items", 1)], ["membrane", "salt", "never"], 0)
    assert found is not None
    assert list(zip(found.document, found.place, found.token, strict=True)) == [(0, 0, 1), (2, 0, 0), (2, 2, 0)]
    assert list(found.lengths) == [1, 0, 3]


def test_a_forgotten_row_is_said_to_be_unknown() -> None:
    assert Memory().occurrences([("items", 1)], ["salt"], 0) is None


def test_nothing_and_next_to_nothing() -> None:
    memory = Memory()
    memory.add("items", table({1: "", 2: "膜 膜分 分离"}))
    found = memory.occurrences([("items", 2), ("items", 1), None], [], 0)
    assert found is not None
    assert (list(found.lengths), list(found.token)) == ([3, 1, 0], [])
    assert list(found.is_chinese) == [True, False, False]
    nobody = memory.occurrences([], ["salt"], 0)
    assert nobody is not None
    assert (list(nobody.lengths), list(nobody.document)) == ([], [])


def test_documents_are_read_while_others_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while all are forgotten again and again: a reader hears of it, and never gets half of a document."""
    monkeypatch.setattr(kept, "ROWS_MOST", 20)
    memory = Memory()
    is_over = threading.Event()

    def add() -> None:
        for row in range(300):
            memory.add("items", table({0: "salt and salt", row + 1: f"w{row} salt"}))
        is_over.set()

    def read() -> int:
        rounds = 0
        while not is_over.is_set():
            found = memory.occurrences([("items", 0)], ["salt"], 0)
            assert found is None or np.array_equal(found.place, [0, 2])
            rounds += 1
        return rounds

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        pool.submit(add).result()
        assert all(reader.result() > 0 for reader in readers)
