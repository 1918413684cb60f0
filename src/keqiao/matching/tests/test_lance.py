"""What LanceDB must do besides, and survive."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import keqiao
from keqiao.matching import frequencies, lance
from keqiao.matching.engine import (
    And,
    Attribute,
    Document,
    Eq,
    Range,
    Schema,
    SearchError,
    piece_of,
)
from keqiao.matching.lance import LanceEngine
from keqiao.matching.tests.engines import SCHEMA, THINGS, codes, found, make, words
from keqiao.matching.text import fingerprint


class TestLance:
    @pytest.mark.parametrize("pieces", [1, 3])
    def test_scores_are_bm25(self, tmp_path, pieces, monkeypatch):
        """k1 1.2, b 0.75, idf of Lucene; also when the documents came in pieces, each indexed apart."""
        monkeypatch.setattr(lance, "UNINDEXED_MOST", 1)
        rng = np.random.default_rng(1)
        docs = {f"d{i}": [f"w{n}" for n in rng.zipf(1.4, size=rng.integers(3, 60)) if n < 200] for i in range(90)}
        engine = LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema())
        for piece in range(pieces):
            engine.upsert("x_v1", [Document(i, 1, docs[i]) for i in list(docs)[piece::pieces]])
            engine.maintain("x_v1", 60)
        query = {"w1": 1.0, "w3": 2.0, "w17": 5 / 3, "w40": 1.0}
        got = {hit.code: hit.score for hit in engine.lexical("x_v1", query, None, 100)}
        expected = {code: score for code in docs if (score := bm25(query, docs[code], list(docs.values()))) > 0}
        assert got == pytest.approx(expected, rel=1e-4)

    def test_long_query_is_cut_to_what_matters(self, tmp_path, monkeypatch):
        monkeypatch.setattr("keqiao.matching.engine.QUERY_TERMS_MOST", 2)
        engine = LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema())
        engine.upsert("x_v1", [Document(f"d{i}", 1, ["common", f"w{i % 5}"]) for i in range(40)])
        engine.maintain("x_v1", 60)
        hits = engine.lexical("x_v1", {"common": 1.0, "w1": 1.0, "w2": 1.0}, None, 100)
        assert sorted(codes(hits)) == sorted(f"d{i}" for i in range(40) if i % 5 in {1, 2})

    def test_frequencies_survive_a_restart_and_follow_growth(self, tmp_path):
        engine = LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema())
        engine.upsert("x_v1", [Document(f"d{i}", 1, ["common", f"w{i}"]) for i in range(10)])
        engine.maintain("x_v1", 60)
        idf = LanceEngine(tmp_path).idf("x_v1", ["common", "w1", "unknown"])
        assert idf == pytest.approx([math.log1p(0.5 / 10.5), math.log1p(9.5 / 1.5), math.log1p(9.5 / 1.5)], rel=1e-5)
        engine.upsert("x_v1", [Document(f"e{i}", 1, ["other"]) for i in range(10)])
        engine.maintain("x_v1", 60)
        assert engine.idf("x_v1", ["common"]) == pytest.approx([math.log1p(10.5 / 10.5)], rel=1e-5)

    def test_frequencies_counted_some_documents_at_a_time_are_those_of_all(self, monkeypatch):
        """Under fingerprints and in pieces: the memory of a count does not grow with the texts."""
        monkeypatch.setattr(lance, "COUNTED_AT_ONCE", 7)
        rng = np.random.default_rng(0)
        texts = [" ".join(f"w{n}" for n in rng.zipf(1.4, size=30) if n < 500) for _ in range(100)] + [""]
        columns = [pa.array(texts[:33]), pa.array(texts[33:])]
        documents, found = frequencies.count_frequencies(columns)
        plain = Counter(word for text in texts for word in set(text.split()))
        wanted = sorted((fingerprint(word), n) for word, n in plain.items() if n > 1)
        assert (documents, [tuple(row) for row in found.tolist()]) == (101, wanted)

    def test_filled_in_pieces_is_the_same_as_written_and_maintained(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lance, "FILLED_AT_ONCE", 20)
        docs = [Document(f"d{i:02}", 1, ["common", f"w{i % 9}", f"v{i % 4}"]) for i in range(50)]
        engine = LanceEngine(tmp_path)
        for name in ("filled_v1", "written_v1"):
            engine.ensure(name, Schema())
        engine.fill("filled_v1", (piece_of(docs[at : at + 7], Schema()) for at in range(0, 50, 7)))
        engine.upsert("written_v1", docs)
        for name in ("filled_v1", "written_v1"):
            assert engine.maintain(name, 60).documents == 0
        asked = words("w3 v1 common")
        assert engine.lexical("filled_v1", asked, None, 50) == engine.lexical("written_v1", asked, None, 50)
        assert np.array_equal(engine.idf("filled_v1", list(asked)), engine.idf("written_v1", list(asked)))

    def test_attributes_are_indexed_once_there_are_many_documents(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lance, "ATTRIBUTES_FROM", 5)
        engine = LanceEngine(tmp_path)
        engine.ensure("things_v1", SCHEMA)
        engine.upsert("things_v1", THINGS)
        indexed = []
        for more in ([], [make("e", state="open", trl=6)]):
            engine.upsert("things_v1", more)
            engine.maintain("things_v1", 60)
            indexed.append({column for index in engine._table("things_v1").list_indices() for column in index.columns})
        assert indexed == [{"tokens", "id"}, {"tokens", "id", *SCHEMA.attributes}]
        assert found(engine, And((Eq("state", "open"), Range("trl", 5)))) == ["b", "e"]

    def test_what_has_documents_is_not_filled(self, tmp_path):
        engine = LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema())
        engine.fill("x_v1", iter(()))
        engine.fill("x_v1", [piece_of([Document("a", 1, ["pump"])], Schema())])
        with pytest.raises(SearchError):
            engine.fill("x_v1", [piece_of([Document("b", 1, ["pump"])], Schema())])
        assert codes(engine.lexical("x_v1", words("pump"), None, 5)) == ["a"]

    def test_maintenance_waits_for_enough_documents(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lance, "UNINDEXED_MOST", 5)
        engine = LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema())
        pending = []
        for i in range(7):
            engine.upsert("x_v1", [Document(f"d{i}", 1, ["pump"])])
            pending.append(engine.maintain("x_v1", 60).documents)
        assert pending == [0, 1, 2, 3, 4, 0, 1]

    def test_large_table_gets_an_approximate_index_and_stays_right(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lance, "ANN_FROM", 500)
        monkeypatch.setattr(lance, "EXACT_UP_TO", 50)
        rng = np.random.default_rng(0)
        vectors = rng.standard_normal((600, 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        engine = LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema({"n": Attribute.INTEGER}, dims=8))
        engine.upsert("x_v1", [Document(f"d{i}", 1, ["x"], v, {"n": i}) for i, v in enumerate(vectors)])
        engine.maintain("x_v1", 60)
        engine.upsert("x_v1", [Document("fresh", 1, ["x"], vectors[7], {"n": 0})])
        assert set(codes(engine.dense("x_v1", vectors[7], None, 2))) == {"d7", "fresh"}
        few = codes(engine.dense("x_v1", vectors[7], Range("n", 580), 20))
        assert few == [f"d{i}" for i in 580 + np.argsort(-(vectors[580:] @ vectors[7]))]

    def test_half_made_table_is_made_again(self, tmp_path):
        (tmp_path / "lance" / "x_v1.lance" / "_versions").mkdir(parents=True)
        (tmp_path / "lance" / "x_v1.lance" / "data").mkdir()
        engine = LanceEngine(tmp_path)
        assert engine.resolve("x_v1") is None
        engine.ensure("x_v1", SCHEMA)
        assert engine.count("x_v1") == 0

    def test_a_reader_notices_what_another_engine_writes(self, tmp_path):
        """Answers of searches are kept by this mark, so it must change with every write of whichever process."""
        writer, reader = LanceEngine(tmp_path), LanceEngine(tmp_path)
        writer.ensure("x_v1", Schema())
        marks = [reader.stamp("x_v1")]
        writer.upsert("x_v1", [Document("a", 1, ["pump"])])
        marks.append(reader.stamp("x_v1"))
        writer.delete("x_v1", ["a"])
        marks.append(reader.stamp("x_v1"))
        assert len(set(marks)) == 3
        assert reader.stamp("x_v1") == marks[-1]

    def test_others_write_while_everything_is_indexed_anew(self, tmp_path, monkeypatch):
        """Many are added, some changed and some taken away while indexes are made, written anew and files put together."""
        for name, value in {"UNINDEXED_MOST": 40, "ATTRIBUTES_FROM": 100, "ANN_FROM": 600}.items():
            monkeypatch.setattr(lance, name, value)
        engine, beside = LanceEngine(tmp_path), LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema({"n": Attribute.INTEGER}, dims=4))
        rng = np.random.default_rng(0)

        def some(revision, at):
            vectors = rng.standard_normal((20, 4)).astype(np.float32)
            return [Document(f"d{at + i}", revision, ["pump"], vectors[i], {"n": revision}) for i in range(20)]

        ended, rounds = threading.Event(), []

        def keep_up():
            while not ended.is_set():
                rounds.append(beside.is_due("x_v1"))
                beside.maintain("x_v1", 60)

        with ThreadPoolExecutor(1) as other:
            keeping = other.submit(keep_up)
            try:
                for step in range(60):
                    assert engine.upsert("x_v1", some(1, step * 20), waits=False) == []
                    engine.upsert("x_v1", some(step + 2, 0), waits=False)
                    engine.delete("x_v1", [f"d{step * 20 + 19}"])  # waits
            finally:
                ended.set()
            keeping.result(60)
        engine.upsert("x_v1", some(61, 0))
        assert sum(rounds) > 2
        assert engine.count("x_v1") == len(engine.lexical("x_v1", words("pump"), None, 5_000)) == 60 * 19 + 1
        assert engine.count("x_v1", Eq("n", 61)) == 20
        assert engine.count("x_v1", Eq("n", 1)) == 59 * 19

    def test_upkeep_that_a_change_has_undone_is_done_again_while_changes_wait(self, tmp_path, monkeypatch):
        engine, beside = LanceEngine(tmp_path), LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema())
        engine.upsert("x_v1", [Document("a", 0, ["pump"]), Document("b", 1, ["pump"])])
        working, end = threading.Event(), threading.Event()

        tries = []

        def long_work(_table, _schema):
            tries.append(working.is_set())
            if len(tries) == 1:
                assert engine.upsert("x_v1", [Document("a", 1, ["pump"])], waits=False) == []  # nobody waits yet
                raise RuntimeError("commit conflict")
            working.set()
            assert end.wait(30)

        monkeypatch.setattr(lance, "_index_columns", long_work)
        with ThreadPoolExecutor(2) as others:
            keeping = others.submit(beside.maintain, "x_v1", 60)
            try:
                assert working.wait(30)
                both = [Document("a", 2, ["valve"]), Document("c", 1, ["pump"])]
                assert engine.upsert("x_v1", both, waits=False) == ["a"]
                assert engine.delete("x_v1", ["b", "unknown"], waits=False) == ["b"]
                assert set(codes(engine.lexical("x_v1", words("pump"), None, 5))) == {"a", "b", "c"}
                changing = others.submit(engine.upsert, "x_v1", both)
                assert not changing.done()
            finally:
                end.set()
            keeping.result(30)
            assert changing.result(30) == []
        assert engine.delete("x_v1", ["b"], waits=False) == []
        assert codes(engine.lexical("x_v1", words("pump"), None, 5)) == ["c"]
        assert codes(engine.lexical("x_v1", words("valve"), None, 5)) == ["a"]

    def test_changes_wait_until_files_are_put_together_and_no_longer(self, tmp_path, monkeypatch):
        engine, beside = LanceEngine(tmp_path), LanceEngine(tmp_path)
        engine.ensure("x_v1", Schema())
        for name in "abc":  # a file each
            engine.upsert("x_v1", [Document(name, 1, ["pump"])])
        begun, put_together, end = threading.Event(), threading.Event(), threading.Event()
        changed = Document("a", 2, ["valve"])

        def optimize():
            begun.set()
            assert put_together.wait(30)
            beside._table("x_v1").optimize()
            assert end.wait(30)

        with ThreadPoolExecutor(1) as other:
            keeping = other.submit(beside._with_few_changes, optimize, "x_v1")
            try:
                assert begun.wait(30)
                assert engine.upsert("x_v1", [changed, Document("d", 1, ["pump"])], waits=False) == ["a"]
                put_together.set()
                assert engine.upsert("x_v1", [changed]) == []  # waits, and not for the end
                assert not keeping.done()
            finally:
                put_together.set()
                end.set()
            keeping.result(30)
        assert codes(engine.lexical("x_v1", words("valve"), None, 5)) == ["a"]
        assert set(codes(engine.lexical("x_v1", words("pump"), None, 5))) == {"b", "c", "d"}

    @pytest.mark.slow
    def test_writer_killed_at_any_point_loses_nothing_it_reported(self, tmp_path):
        """Each batch is acknowledged on a line; after SIGKILL all acknowledged are there, and writing goes on."""
        acknowledged = 0
        for delay in (0.02, 0.11):
            acknowledged = max(acknowledged, _write_until_killed(tmp_path, delay))
            engine = LanceEngine(tmp_path)
            have = engine.count("x_v1")
            assert have >= acknowledged
            assert have % BATCH == 0
            assert len(engine.lexical("x_v1", words("pump"), None, 10_000)) == have
        engine.maintain("x_v1", 60)
        engine.upsert("x_v1", [Document("last", 1, ["pump"])])
        assert found_in(engine, "x_v1") == have + 1


BATCH = 7
WRITER = """
    import sys
    from pathlib import Path
    from keqiao.matching.engine import Document, Schema
    from keqiao.matching.lance import LanceEngine

    engine = LanceEngine(Path(sys.argv[1]))
    engine.ensure("x_v1", Schema())
    at = engine.count("x_v1")
    while True:
        engine.upsert("x_v1", [Document(f"d{i}", 1, ["pump", f"w{i}"]) for i in range(at, at + BATCH)])
        at += BATCH
        print(at, flush=True)
        if at % (3 * BATCH) == 0:
            engine.maintain("x_v1", 60)
"""


def _write_until_killed(folder: Path, delay: float) -> int:
    """Starts a writer, kills it `delay` seconds after its third batch; how many documents it had reported."""
    source = textwrap.dedent(WRITER).replace("BATCH", str(BATCH))
    environment = {**os.environ, "PYTHONPATH": str(Path(keqiao.__file__).parents[1])}
    command = [sys.executable, "-c", source, str(folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        reported = [writer.stdout.readline() for _ in range(3)]
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        reported += writer.stdout.readlines()
    return int([line for line in reported if line.endswith("\n")][-1])


def found_in(engine, idx):
    return len(engine.lexical(idx, words("pump"), None, 10_000))


def bm25(query, document, documents, k1=1.2, b=0.75):
    average = sum(map(len, documents)) / len(documents)
    score = 0.0
    for token, weight in query.items():
        df = sum(token in other for other in documents)
        tf = document.count(token)
        idf = math.log1p((len(documents) - df + 0.5) / (df + 0.5))
        score += weight * idf * tf / (tf + k1 * (1 - b + b * len(document) / average))
    return score
