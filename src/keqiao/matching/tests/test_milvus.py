"""What Milvus must do besides, and survive."""

from __future__ import annotations

import math
import subprocess
import sys
import time

import numpy as np
import pytest

from keqiao.matching.engine import (
    Document,
    Schema,
)
from keqiao.matching.milvus import MilvusEngine
from keqiao.matching.milvus import engine as milvus_engine
from keqiao.matching.tests.engines import SCHEMA, codes, make, make_engine, words
from keqiao.matching.tests.milvus_server import MilvusServer
from keqiao.matching.types import SearchAway

# Forks as a program is started under another user's name, while another thread asks Milvus.
FORKS = """
import os, sys, threading
from pathlib import Path
from keqiao.matching.engine import Schema
from keqiao.matching.milvus import MilvusEngine
engine = MilvusEngine(sys.argv[1], Path(sys.argv[2]), consistency="Strong")
engine.ensure("x_v1", Schema())
over = threading.Event()
def ask():
    while not over.is_set():
        engine.count("x_v1")
asking = threading.Thread(target=ask)
asking.start()
for _ in range(300):
    child = os.fork()
    if not child:
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    assert ended == 0, os.waitstatus_to_exitcode(ended)
over.set()
asking.join()
"""


def wait_for(engine):
    """The same handle finds the server again: its channel waits a little longer after each try."""
    until = time.monotonic() + 60
    while True:
        try:
            return engine.count("x")
        except SearchAway:
            assert time.monotonic() < until
            time.sleep(0.5)


@pytest.mark.slow
class TestMilvus:
    def test_order_is_that_of_bm25_and_of_lance(self, request, tmp_path):
        """The same documents and questions in both: the same order but for near ties, and BM25 up to a factor."""
        rng = np.random.default_rng(1)
        texts = [[f"w{n}" for n in rng.zipf(1.4, size=rng.integers(3, 60)) if n < 200] or ["w1"] for _ in range(120)]
        engines = [make_engine(request, name, tmp_path / name) for name in ("lance", "milvus")]
        for one in engines:
            one.ensure("x_v1", Schema())
            one.upsert("x_v1", [Document(f"d{i:03}", 1, text) for i, text in enumerate(texts)])
            one.maintain("x_v1", 60)
        for query in ({"w1": 1.0, "w3": 2.0, "w17": 5 / 3}, {"w40": 1.0, "w2": 1.0}, {"w5": 1.0}):
            first, second = ([hit.code for hit in one.lexical("x_v1", query, None, 20)] for one in engines)
            assert len(set(first) & set(second)) >= 0.9 * len(first)
            assert first[0] == second[0]

    def test_weights_of_tokens_are_shared_by_all_machines(self, request, tmp_path, monkeypatch):
        monkeypatch.setattr(milvus_engine, "COUNTED_WHEN_ASKED", 0)
        monkeypatch.setattr(milvus_engine, "PART", 16)  # several rows of counts
        writer, reader = (make_engine(request, "milvus", tmp_path) for _ in range(2))
        writer.ensure("x_v1", Schema())
        writer.upsert("x_v1", [Document(f"d{i}", 1, ["common", f"w{i % 5}"]) for i in range(20)])
        writer.maintain("x_v1", 60)
        assert reader.idf("x_v1", ["common", "w1"]) == pytest.approx([math.log1p(0.5 / 20.5), math.log1p(16.5 / 4.5)])

    def test_a_text_longer_than_a_field_is_cut_between_tokens_and_found_by_all_of_them(self, request, tmp_path):
        engine = make_engine(request, "milvus", tmp_path)
        engine.ensure("x_v1", Schema())
        engine.upsert("x_v1", [Document("long", 1, [f"膜{n}" for n in range(20_000)])])
        assert codes(engine.lexical("x_v1", words("膜19999"), None, 5)) == ["long"]
        assert 5_000 < engine.occurrences("x_v1", ["long"], ["膜1"]).lengths[0] < 20_000

    def test_killed_server_loses_nothing_that_it_acknowledged(self, tmp_path):
        with MilvusServer(tmp_path / "data") as server:
            engine = MilvusEngine(server.uri, tmp_path / "a", consistency="Strong")
            engine.ensure("x_v1", SCHEMA)
            engine.promote("x", "x_v1")
            acknowledged = 0
            for _round in range(3):
                for _ in range(4):
                    engine.upsert("x", [make(f"d{acknowledged + i}") for i in range(5)])
                    acknowledged += 5
                engine.delete("x", ["d0"])
                server.kill()
                with pytest.raises(SearchAway):
                    engine.count("x")
                server.start()
                wait_for(engine)
                hits = codes(engine.lexical("x", words("pump"), None, 1_000))
                assert sorted(hits) == sorted(f"d{i}" for i in range(1, acknowledged))

    def test_grpc_leaves_the_children_that_we_fork_alone(self, tmp_path):
        with MilvusServer(tmp_path / "data") as server:
            command = [sys.executable, "-c", FORKS, server.uri, str(tmp_path / "a")]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert "fork" not in done.stderr

    def test_without_a_server_the_site_says_so(self, tmp_path, monkeypatch):
        monkeypatch.setattr(milvus_engine, "TIMEOUT", 1.0)
        engine = MilvusEngine("http://127.0.0.1:9", tmp_path)
        with pytest.raises(SearchAway):
            engine.count("x")
