"""The second stage: features that mean the same everywhere, and the model that weighs them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from keqiao.matching import kept
from keqiao.matching.engine import Document, Schema
from keqiao.matching.lance import LanceEngine
from keqiao.matching.ranking.features import EARLY, NAMES, PASSAGE, Candidates, features, read_query
from keqiao.matching.ranking.model import RankingModel, combined, from_json, shipped
from keqiao.matching.retrieval import document_tokens, title_tokens

TITLES = ["Reverse osmosis membrane", "Membrane", "", "海水淡化膜"]
TEXTS = ["Desalination of sea water.", "A membrane for gas.", "Solar cells of silicon.", "反渗透复合膜用于海水淡化。"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    made = LanceEngine(tmp_path_factory.mktemp("index"))
    made.ensure("docs_v1", Schema())
    made.upsert(
        "docs_v1",
        [
            Document(f"d{i}", 1, document_tokens(title, text), title_length=len(title_tokens(title)))
            for i, (title, text) in enumerate(zip(TITLES, TEXTS, strict=True))
        ],
    )
    made.maintain("docs_v1", 60)
    return made


def ones(tokens):
    return np.ones(len(tokens), dtype=np.float32)


def looked_at(engine, text, ids=("d0", "d1", "d2", "d3")):
    query = read_query(text, ones)
    places = engine.occurrences("docs_v1", ids, query.tokens)
    return query, Candidates(places, places.vectors, np.full(len(ids), 0.5))


def column(table, name):
    return table[:, NAMES.index(name)].tolist()


def test_occurrences_say_where_tokens_stand(engine):
    found = engine.occurrences("docs_v1", ["d1", "none", "d0"], ["membran", "water"])
    words = [document_tokens(TITLES[1], TEXTS[1]), document_tokens(TITLES[0], TEXTS[0])]
    assert found.lengths.tolist() == [len(words[0]), 0, len(words[1])]
    assert found.title_lengths.tolist() == [len(title_tokens(TITLES[1])), 0, len(title_tokens(TITLES[0]))]
    places = sorted(zip(found.document.tolist(), found.place.tolist(), found.token.tolist(), strict=True))
    assert places == sorted(
        (document, place, ["membran", "water"].index(word))
        for document, row in ((0, words[0]), (2, words[1]))
        for place, word in enumerate(row)
        if word in {"membran", "water"}
    )
    assert found.is_chinese.tolist() == [False, False, False]
    assert engine.occurrences("docs_v1", [], ["water"]).lengths.tolist() == []
    assert engine.occurrences("docs_v1", ["d2"], []).token.tolist() == []


def test_occurrences_say_what_language_a_document_is_in(engine):
    assert engine.occurrences("docs_v1", ["d0", "d3"], []).is_chinese.tolist() == [False, True]


def test_occurrences_of_some_of_the_documents(engine):
    tokens = ["membran", "water"]
    every, some = (engine.occurrences("docs_v1", ids, tokens) for ids in (["d1", "d2", "d0"], ["d1", "d0"]))
    chosen = every.only(np.array([0, 2]))
    assert sorted(zip(chosen.document, chosen.place, chosen.token, strict=True)) == sorted(
        zip(some.document, some.place, some.token, strict=True)
    )
    assert chosen.lengths.tolist() == some.lengths.tolist()


def test_occurrences_bring_the_vectors(tmp_path):
    engine = LanceEngine(tmp_path)
    engine.ensure("docs_v1", Schema(dims=2))
    vectors = [np.array([0.6, 0.8], np.float32), None, np.array([1.0, 0.0], np.float32)]
    engine.upsert("docs_v1", [Document(f"d{i}", 1, ["a"], vector) for i, vector in enumerate(vectors)])
    found = engine.occurrences("docs_v1", ["d2", "d1", "d0", "none"], ["a"])
    assert found.vectors == pytest.approx(np.array([[1.0, 0.0], [0.0, 0.0], [0.6, 0.8], [0.0, 0.0]]))


def pumps(folder, count=3):
    engine = LanceEngine(folder)
    engine.ensure("docs_v1", Schema())
    engine.upsert("docs_v1", [Document(f"d{i}", 1, ["pump", "x"]) for i in range(count)])
    engine.maintain("docs_v1", 60)
    return engine


def lengths(engine, ids):
    return engine.occurrences("docs_v1", ids, ["pump", "valve"]).lengths.tolist()


def test_occurrences_follow_a_document_that_changed_after_the_search_saw_it(tmp_path):
    engine = pumps(tmp_path)
    assert len(engine.lexical("docs_v1", {"pump": 1.0}, None, 3)) == 3
    engine.upsert("docs_v1", [Document("d0", 2, ["pump", "valve", "x"])])
    engine.delete("docs_v1", ["d1"])
    assert lengths(engine, ["d0", "d1", "d2"]) == [3, 0, 2]


def test_what_is_kept_of_a_document_is_what_the_last_search_saw(tmp_path):
    engine = pumps(tmp_path)
    engine.lexical("docs_v1", {"pump": 1.0}, None, 3)
    assert lengths(engine, ["d0", "d2"]) == [2, 2]
    engine.upsert("docs_v1", [Document("d0", 2, ["pump", "valve", "x"])])
    engine.lexical("docs_v1", {"pump": 1.0}, None, 3)
    assert lengths(engine, ["d2", "d0"]) == [2, 3]
    engine.maintain("docs_v1", 60)
    engine.lexical("docs_v1", {"pump": 1.0}, None, 3)
    assert lengths(engine, ["d2", "d0"]) == [2, 3]


def test_what_is_too_much_is_forgotten_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "ROWS_MOST", 2)
    engine = pumps(tmp_path, 9)
    for first in range(6):
        ids = [f"d{i}" for i in range(first, first + 3)]
        engine.lexical("docs_v1", {"pump": 1.0}, None, 9)
        assert lengths(engine, ids) == [2, 2, 2]


def test_threads_share_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "ROWS_MOST", 4)
    engine = pumps(tmp_path, 12)

    def look(first):
        engine.lexical("docs_v1", {"pump": 1.0}, None, 12)
        return lengths(engine, [f"d{i}" for i in range(first % 9, first % 9 + 3)])

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(look, range(60))) == [[2, 2, 2]] * 60


def test_each_feature_is_at_most_one_and_finite(engine):
    for text in ("membrane", "海水淡化膜", "reverse osmosis membrane for sea water. Solar cells?", "", "%"):
        table = features(*looked_at(engine, text))
        assert table.shape == (4, len(NAMES))
        assert np.isfinite(table).all()
        assert table.max() <= 1.0
        assert table.min() >= 0.0


def test_features_see_pairs_coverage_and_pieces(engine):
    table = features(*looked_at(engine, "reverse osmosis membrane"))
    assert column(table, "covered") == pytest.approx([1.0, 1 / 3, 0.0, 0.0])
    assert column(table, "whole_pieces") == pytest.approx([1.0, 1 / 3, 0.0, 0.0])
    assert column(table, "least_piece") == [1.0, 0.0, 0.0, 0.0]
    assert column(table, "pairs") == pytest.approx([1.0, 0.0, 0.0, 0.0])
    chinese = features(*looked_at(engine, "海水淡化,反渗透"))
    assert column(chinese, "covered") == [0.0, 0.0, 0.0, 1.0]
    assert column(chinese, "least_piece") == [0.0, 0.0, 0.0, 1.0]


def test_a_word_of_the_title_or_at_the_start_is_early(tmp_path):
    engine = LanceEngine(tmp_path)
    engine.ensure("docs_v1", Schema())
    rows = {"title": (["x", "pump", *["x"] * 90], 2), "start": (["pump", *["x"] * 90], 0)}
    rows["late"] = (["x", *["x"] * EARLY, "pump", "pump"], 1)
    engine.upsert("docs_v1", [Document(i, 1, words, title_length=n) for i, (words, n) in rows.items()])
    assert column(features(*looked_at(engine, "pump", tuple(rows))), "early") == [1.0, 1.0, 0.5]


def test_a_document_that_means_the_missing_word_is_nearer(tmp_path):
    engine = LanceEngine(tmp_path)
    engine.ensure("docs_v1", Schema(dims=2))
    east, north = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    engine.upsert("docs_v1", [Document("near", 1, ["pump"], east), Document("far", 1, ["pump"], north)])
    query = read_query("pump compressor", ones, lambda tokens: np.array([east for _ in tokens]))
    places = engine.occurrences("docs_v1", ["near", "far"], query.tokens)
    table = features(query, Candidates(places, places.vectors, np.array([0.5, 0.5])))
    assert column(table, "about_missing") == [1.0, 0.0]


def test_nothing_found_has_no_features(engine):
    assert features(*looked_at(engine, "membrane", ())).shape == (0, len(NAMES))


def test_a_passage_counts_what_stands_close_together(tmp_path):
    engine = LanceEngine(tmp_path)
    engine.ensure("docs_v1", Schema())
    far = ["pump", *["x"] * (3 * PASSAGE), "tank"]
    near = ["pump", "tank", *["x"] * (3 * PASSAGE)]
    engine.upsert("docs_v1", [Document("d0", 1, far), Document("d1", 1, near)])
    table = features(*looked_at(engine, "pump tank", ("d0", "d1")))
    assert column(table, "covered") == [1.0, 1.0]
    assert column(table, "passage") == [0.5, 1.0]


def test_size_and_share_of_chinese_of_a_query():
    assert read_query("membrane", ones).size == -1.0
    assert read_query(" ".join(f"w{i}" for i in range(900)), ones).size == 1.0
    assert read_query("海水淡化", ones).chinese == 1.0
    assert read_query("desalination", ones).chinese == -1.0
    assert read_query("", ones).chinese == 0.0


def test_model_is_linear_in_what_is_combined(engine):
    query, found = looked_at(engine, "reverse osmosis membrane")
    weights = np.zeros((len(NAMES), 3), dtype=np.float32)
    weights[NAMES.index("covered"), 0] = 2.0
    assert RankingModel(weights, "test").scores(query, found) == pytest.approx([2.0, 2 / 3, 0.0, 0.0])
    assert combined(query, found).shape == (4, 3 * len(NAMES))


def test_shipped_model_is_for_these_features():
    model = shipped()
    assert from_json(model.as_json()).version == model.version
    assert np.array_equal(from_json(model.as_json()).weights, model.weights)
    content = json.loads(model.as_json())
    content["weights"].pop("fused")
    with pytest.raises(ValueError, match="other features"):
        from_json(json.dumps(content))
