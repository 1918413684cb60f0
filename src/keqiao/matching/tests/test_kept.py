"""What is kept of documents between second looks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

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


def test_documents_are_read_while_others_are_added() -> None:
    """New words get numbers while another thread looks for just these words in older documents."""
    memory = Memory()
    memory.add("items", table({0: "salt"}))
    is_over = threading.Event()

    def add() -> None:
        for row in range(1, 60):
            memory.add("items", table({row: " ".join(f"w{row}x{n}" for n in range(50))}))
        is_over.set()

    def read() -> int:
        rounds = 0
        while not is_over.is_set():
            newest = max(row for _, row in list(memory._store.rows))
            asked = ["salt", *(f"w{row}x{n}" for row in (newest, newest + 1) for n in range(50))]
            found = memory.occurrences([("items", 0)], asked, 0)
            assert found is not None
            assert np.array_equal(found.token, [0])
            rounds += 1
        return rounds

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        pool.submit(add).result()
        assert all(reader.result() > 0 for reader in readers)
