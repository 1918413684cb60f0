"""What any search engine must do, whichever it is: LanceDB, and in the slow tests Milvus."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from keqiao.matching import lance
from keqiao.matching.engine import (
    And,
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
from keqiao.matching.tests.engines import ENGINES, SCHEMA, THINGS, codes, found, make, make_engine, unit, words


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path):
    made = make_engine(request, request.param, tmp_path / "index")
    made.ensure("things_v1", SCHEMA)
    return made


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
