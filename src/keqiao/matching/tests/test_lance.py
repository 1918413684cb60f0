"""What any search engine must do (TestContract), and what LanceDB must survive."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import keqiao
from keqiao.matching import frequencies, lance
from keqiao.matching.engine import (
    And,
    Attribute,
    BadFilter,
    Document,
    Eq,
    Has,
    In,
    NoSuchIndex,
    Not,
    Or,
    Range,
    Schema,
    SearchError,
    piece_of,
)
from keqiao.matching.lance import LanceEngine
from keqiao.matching.milvus import MilvusEngine
from keqiao.matching.milvus import engine as milvus_engine
from keqiao.matching.tests.milvus_server import MilvusServer
from keqiao.matching.text import fingerprint
from keqiao.matching.types import SearchAway

SCHEMA = Schema(
    {
        "state": Attribute.KEYWORD,
        "modes": Attribute.KEYWORDS,
        "trl": Attribute.INTEGER,
        "price": Attribute.REAL,
        "shown_on": Attribute.DATE,
    },
    dims=4,
)
ENGINES = ("lance", pytest.param("milvus", marks=pytest.mark.slow))


def make_engine(request, name, folder):
    """Of the same folder the same index, as two processes have it."""
    if name == "lance":
        return LanceEngine(folder)
    prefix = f"t{fingerprint(str(folder)):x}_"
    return MilvusEngine(request.getfixturevalue("milvus"), folder, consistency="Strong", prefix=prefix)


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path):
    made = make_engine(request, request.param, tmp_path / "index")
    made.ensure("things_v1", SCHEMA)
    return made


def make(code, tokens="pump", rev=1, vector=None, **attributes):
    return Document(code, rev, tokens.split(), unit(vector) if vector else None, attributes)


def unit(values):
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def words(text):
    return {token: float(n) for token, n in Counter(text.split()).items()}


def codes(hits):
    return [hit.code for hit in hits]


def found(engine, where=None, query="pump"):
    return sorted(codes(engine.lexical("things_v1", words(query), where, 100)))


THINGS = [
    make("a", state="open", modes=["licence", "sale"], trl=3, price=1.5, shown_on=date(2026, 1, 5)),
    make("b", state="open", modes=["sale"], trl=6, price=2.5, shown_on=date(2026, 3, 1)),
    make("c", state='it\'s "closed" \\ % _ \x00 中', modes=["o'x"], trl=9, price=-1.0),
    make("d"),
]


@pytest.fixture
def things(engine):
    engine.upsert("things_v1", THINGS)
    return engine


@pytest.fixture(scope="module", params=ENGINES)
def engine_of_all(request):
    return request.param


@pytest.fixture(scope="module", params=["fresh", "indexed", "filled", "filled and indexed"])
def things_to_read(request, engine_of_all, tmp_path_factory):
    """One index for all filters: fresh documents, indexed ones, and those whose attributes are indexed as in a large table
    are found by different paths.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "indexed" in request.param:
            patch.setattr(lance, "ATTRIBUTES_FROM", 0)
        yield filled(request, engine_of_all, tmp_path_factory)


def filled(request, engine_of_all, tmp_path_factory):
    made = make_engine(request, engine_of_all, tmp_path_factory.mktemp("index"))
    made.ensure("things_v1", SCHEMA)
    if "filled" in request.param:
        made.fill("things_v1", iter([piece_of(THINGS[:1], SCHEMA), piece_of(THINGS[1:], SCHEMA)]))
    else:
        made.upsert("things_v1", THINGS)
    if request.param == "indexed":
        made.maintain("things_v1", 60)
    return made


class TestContract:
    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            (None, "abcd"),
            (Eq("state", "open"), "ab"),
            (Eq("state", 'it\'s "closed" \\ % _ \x00 中'), "c"),
            (Eq("state", "' OR true --"), ""),
            (Eq("id", "b"), "b"),
            (Not(Eq("state", "open")), "cd"),
            (In("trl", (3, 9)), "ac"),
            (In("id", ("a", "d", "zzz")), "ad"),
            (In("trl", ()), ""),
            (Range("trl", 3, 9), "ab"),
            (Range("trl", 4), "bc"),
            (Range("trl"), "abc"),
            (Range("price", None, 2.0), "ac"),
            (Range("shown_on", date(2026, 1, 5), date(2026, 3, 1)), "a"),
            (Eq("shown_on", date(2026, 3, 1)), "b"),
            (Has("modes", ("sale",)), "ab"),
            (Has("modes", ("licence", "o'x")), "ac"),
            (Has("modes", ()), ""),
            (Not(Has("modes", ("sale",))), "cd"),
            (And((Eq("state", "open"), Range("trl", 5))), "b"),
            (Or((Eq("trl", 9), Eq("id", "d"))), "cd"),
            (And(()), "abcd"),
            (Or(()), ""),
            (Not(Or(())), "abcd"),
            (Not(Not(And((Has("modes", ("sale",)), Not(Eq("trl", 3)))))), "b"),
        ],
    )
    def test_filters(self, things_to_read, where, expected):
        assert found(things_to_read, where) == list(expected)
        assert things_to_read.count("things_v1", where) == len(expected)

    @pytest.mark.parametrize(
        "where",
        [
            Eq("secret", 1),
            Eq("trl", "3"),
            Eq("modes", "sale"),
            Has("state", ("open",)),
            Eq("state", 3),
            Eq("trl = 3 --", 1),
        ],
    )
    def test_filter_that_does_not_fit_the_schema_is_refused(self, things_to_read, where):
        with pytest.raises(BadFilter):
            things_to_read.lexical("things_v1", words("pump"), where, 10)

    def test_better_match_comes_first(self, engine):
        engine.upsert(
            "things_v1", [make("once", "pump valve seal"), make("often", "pump pump seal"), make("none", "x y")]
        )
        assert codes(engine.lexical("things_v1", words("pump"), None, 10)) == ["often", "once"]

    def test_rare_word_weighs_more(self, engine):
        docs = [make(f"n{i}", "pump water") for i in range(9)] + [make("rare", "cavitation water")]
        engine.upsert("things_v1", docs)
        assert codes(engine.lexical("things_v1", words("pump cavitation"), None, 1)) == ["rare"]

    def test_weight_of_a_query_word_counts(self, engine):
        engine.upsert("things_v1", [make("a", "pump x"), make("b", "valve x")])
        assert codes(engine.lexical("things_v1", {"pump": 1.0, "valve": 3.0}, None, 10)) == ["b", "a"]
        assert codes(engine.lexical("things_v1", {"pump": 3.0, "valve": 1.0}, None, 10)) == ["a", "b"]

    def test_k_cuts(self, things):
        assert len(things.lexical("things_v1", words("pump"), None, 2)) == 2
        assert things.lexical("things_v1", words("pump"), None, 0) == []

    def test_nothing_asked_nothing_found(self, things):
        assert things.lexical("things_v1", {}, None, 10) == []
        assert things.lexical("things_v1", {"unknown": 1.0}, None, 10) == []
        assert things.lexical("things_v1", {"pump": 0.0}, None, 10) == []

    def test_empty_index(self, engine):
        assert engine.lexical("things_v1", words("pump"), None, 10) == []
        assert engine.dense("things_v1", unit([1, 0, 0, 0]), None, 10) == []
        assert engine.count("things_v1") == 0
        assert engine.facets("things_v1", "state") == {}
        assert engine.maintain("things_v1", 60).documents == 0

    @pytest.mark.parametrize(
        "token", ["a\x00b", "a b", "", "\u2003", "\ud800", "+pump", '"pump"', "pump*", "中\u2028文", "x" * 9000]
    )
    def test_hostile_tokens(self, things, token):
        things.upsert("things_v1", [Document("h", 1, [token, "pump"])])
        assert "h" in found(things)
        things.lexical("things_v1", {token: 1.0, "pump": 1.0}, None, 10)

    def test_every_document_is_read_once(self, engine):
        engine.ensure("x_v1", Schema(dims=2))
        docs = [Document(f"d{i}", 1, ["a", f"w{i}"], np.array([1, 0], np.float32) if i else None) for i in range(3)]
        engine.upsert("x_v1", docs)
        found = list(engine.every("x_v1"))
        rows = [row for batch in found for row in zip(batch.ids, batch.tokens, batch.vectors.tolist(), strict=True)]
        assert sorted(rows) == [("d0", "a w0", [0, 0]), ("d1", "a w1", [1, 0]), ("d2", "a w2", [1, 0])]

    def test_dense_order_and_scores(self, engine):
        engine.upsert(
            "things_v1",
            [
                make("near", vector=[1, 0.2, 0, 0]),
                make("far", vector=[0, 1, 0, 0]),
                make("same", vector=[2, 0, 0, 0]),
                make("no"),
            ],
        )
        hits = engine.dense("things_v1", unit([1, 0, 0, 0]), None, 10)
        assert codes(hits) == ["same", "near", "far"]
        assert [hit.score for hit in hits] == pytest.approx([1.0, 1 / math.hypot(1, 0.2), 0.0], abs=1e-6)

    def test_dense_behind_a_filter_finds_all_that_is_left(self, engine):
        engine.upsert("things_v1", [make(f"n{i}", vector=[1, i / 50, 0, 0], trl=i) for i in range(50)])
        assert codes(engine.dense("things_v1", unit([1, 0, 0, 0]), Range("trl", 40), 3)) == ["n40", "n41", "n42"]

    def test_higher_revision_replaces(self, engine):
        engine.upsert("things_v1", [make("a", "pump", rev=1, state="open")])
        engine.upsert("things_v1", [make("a", "valve", rev=2, state="closed")])
        assert (found(engine, query="pump"), found(engine, query="valve")) == ([], ["a"])
        assert engine.facets("things_v1", "state") == {"closed": 1}

    @pytest.mark.parametrize("rev", [1, 2])
    def test_same_or_lower_revision_changes_nothing(self, engine, rev):
        engine.upsert("things_v1", [make("a", "valve", rev=2)])
        engine.upsert("things_v1", [make("a", "pump", rev=rev)])
        assert (found(engine, query="pump"), found(engine, query="valve")) == ([], ["a"])

    def test_upsert_twice_is_the_same_as_once(self, things):
        things.upsert("things_v1", [make("a", rev=1, state="open")] * 2)
        assert things.count("things_v1") == 4

    def test_highest_revision_of_a_batch_stays(self, engine):
        engine.upsert("things_v1", [make("a", "old", rev=1), make("a", "new", rev=3), make("a", "mid", rev=2)])
        assert [found(engine, query=q) for q in ("old", "mid", "new")] == [[], [], ["a"]]

    def test_deleted_is_gone_and_unknown_is_no_error(self, things):
        things.delete("things_v1", ["a", "zzz", "it's"])
        assert found(things) == ["b", "c", "d"]
        things.upsert("things_v1", [make("a", rev=2)])
        assert found(things) == ["a", "b", "c", "d"]

    def test_facets_count_values_behind_the_filter(self, things):
        assert things.facets("things_v1", "modes") == {"sale": 2, "licence": 1, "o'x": 1}
        assert things.facets("things_v1", "modes", Range("trl", 5, 7)) == {"sale": 1}
        with pytest.raises(BadFilter):
            things.facets("things_v1", "price")

    def test_promote_switches_and_protects(self, things):
        things.promote("things", "things_v1")
        things.ensure("things_v2", SCHEMA)
        things.upsert("things_v2", [make("z", "pump")])
        assert codes(things.lexical("things", words("pump"), In("id", ("z", "a")), 10)) == ["a"]
        things.promote("things", "things_v2")
        assert codes(things.lexical("things", words("pump"), None, 10)) == ["z"]
        assert things.resolve("things") == "things_v2"
        with pytest.raises(SearchError):
            things.drop("things_v2")
        things.drop("things_v1")
        assert things.resolve("things_v1") is None

    def test_unknown_index_is_said_plainly(self, engine):
        for ask in (
            lambda: engine.count("nothing"),
            lambda: engine.lexical("nothing", words("pump"), None, 1),
            lambda: engine.promote("alias", "nothing_v1"),
        ):
            with pytest.raises(NoSuchIndex):
                ask()
        engine.drop("nothing_v1")

    def test_ensure_again_keeps_documents_and_refuses_another_schema(self, things):
        things.ensure("things_v1", SCHEMA)
        assert things.count("things_v1") == 4
        with pytest.raises(SearchError):
            things.ensure("things_v1", Schema(dims=8))

    @pytest.mark.parametrize("name", ["../up", "A", "", "x-y", "a;b", "x" * 70])
    def test_names_are_plain(self, engine, name):
        with pytest.raises(SearchError):
            engine.ensure(name, SCHEMA)


@pytest.fixture(params=ENGINES)
def handles(request, tmp_path):
    """Two handles on one index, as two processes have them."""
    writer, reader = (make_engine(request, request.param, tmp_path / "index") for _ in range(2))
    writer.ensure("things_v1", SCHEMA)
    return writer, reader


class TestSeveralHandles:
    def test_each_write_is_seen_at_once(self, handles):
        writer, reader = handles
        for i in range(3):
            writer.upsert("things_v1", [make(f"n{i}")])
            assert len(found(reader)) == i + 1
        writer.delete("things_v1", ["n0"])
        assert found(reader) == ["n1", "n2"]

    def test_new_version_promote_and_drop_are_seen_at_once(self, handles):
        writer, reader = handles
        writer.promote("things", "things_v1")
        assert reader.count("things") == 0
        writer.ensure("things_v2", SCHEMA)
        writer.upsert("things_v2", [make("z")])
        writer.promote("things", "things_v2")
        writer.drop("things_v1")
        assert reader.count("things") == 1
        with pytest.raises(NoSuchIndex):
            reader.count("things_v1")

    def test_index_dropped_and_made_again_under_its_name(self, handles):
        writer, reader = handles
        writer.upsert("things_v1", [make("old")])
        assert found(reader) == ["old"]
        writer.drop("things_v1")
        writer.ensure("things_v1", Schema(dims=8))
        writer.upsert("things_v1", [Document("new", 1, ["pump"])])
        assert found(reader) == ["new"]

    @pytest.mark.slow
    def test_maintenance_does_not_disturb_a_reader(self, handles, monkeypatch):
        monkeypatch.setattr(lance, "UNINDEXED_MOST", 2)
        writer, reader = handles
        for i in range(12):
            writer.upsert("things_v1", [make(f"n{i}")])
            writer.maintain("things_v1", 60)
            assert len(found(reader)) == i + 1


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

    def test_without_a_server_the_site_says_so(self, tmp_path, monkeypatch):
        monkeypatch.setattr(milvus_engine, "TIMEOUT", 1.0)
        engine = MilvusEngine("http://127.0.0.1:9", tmp_path)
        with pytest.raises(SearchAway):
            engine.count("x")


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
