"""The second stage: features that mean the same everywhere, and the model that weighs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from keqiao.matching.engine import Document, Schema
from keqiao.matching.lance import LanceEngine
from keqiao.matching.ranking.features import NAMES, WINDOW, Candidates, features, opening, read_query
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
    even = np.full(len(ids), 0.5)
    return query, Candidates(engine.occurrences("docs_v1", ids, query.tokens), even, even, even)


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
    assert engine.occurrences("docs_v1", [], ["water"]).lengths.tolist() == []
    assert engine.occurrences("docs_v1", ["d2"], []).token.tolist() == []


def test_each_feature_is_at_most_one_and_finite(engine):
    for text in ("membrane", "海水淡化膜", "reverse osmosis membrane for sea water. Solar cells?", "", "%"):
        table = features(*looked_at(engine, text))
        assert table.shape == (4, len(NAMES))
        assert np.isfinite(table).all()
        assert table.max() <= 1.0
        assert table.min() >= 0.0


def test_features_see_titles_pairs_and_coverage(engine):
    table = features(*looked_at(engine, "reverse osmosis membrane"))
    assert column(table, "main_covered") == pytest.approx([1.0, 1 / 3, 0.0, 0.0])
    assert column(table, "main_in_title") == pytest.approx([1.0, 1 / 3, 0.0, 0.0])
    assert column(table, "pair_covered") == pytest.approx([1.0, 0.0, 0.0, 0.0])
    chinese = features(*looked_at(engine, "海水淡化"))
    assert column(chinese, "main_in_title") == [0.0, 0.0, 0.0, 1.0]
    assert column(chinese, "character_covered") == [0.0, 0.0, 0.0, 1.0]


def test_a_passage_counts_what_stands_close_together(tmp_path):
    engine = LanceEngine(tmp_path)
    engine.ensure("docs_v1", Schema())
    far = ["pump", *["x"] * (3 * WINDOW), "tank"]
    near = ["pump", "tank", *["x"] * (3 * WINDOW)]
    engine.upsert("docs_v1", [Document("d0", 1, far), Document("d1", 1, near)])
    table = features(*looked_at(engine, "pump tank", ("d0", "d1")))
    assert column(table, "main_covered") == [1.0, 1.0]
    assert column(table, "passage") == [0.5, 1.0]


def test_opening_is_the_first_real_sentence():
    assert opening("Thermal barrier coatings (TBCs). The objective is …") == "Thermal barrier coatings (TBCs)."
    assert opening("1. Low conductivity coatings. More") == "1. Low conductivity coatings."
    assert opening("耐酸纳滤膜的研制。要求通量不低于15") == "耐酸纳滤膜的研制。"
    assert opening("no end") == "no end"


def test_size_and_share_of_chinese_of_a_query():
    assert read_query("membrane", ones).size == -1.0
    assert read_query(" ".join(f"w{i}" for i in range(900)), ones).size == 1.0
    assert read_query("海水淡化", ones).chinese == 1.0
    assert read_query("desalination", ones).chinese == -1.0
    assert read_query("", ones).chinese == 0.0


def test_model_is_linear_in_what_is_combined(engine):
    query, found = looked_at(engine, "reverse osmosis membrane")
    weights = np.zeros((len(NAMES), 3), dtype=np.float32)
    weights[NAMES.index("main_in_title"), 0] = 2.0
    scores = RankingModel(weights, "test", 0).scores(query, found)
    assert scores == pytest.approx(np.exp([0.0, 2 / 3 - 2, -2.0, -2.0]))
    assert combined(query, found).shape == (4, 3 * len(NAMES))


def test_shipped_model_is_for_these_features():
    model = shipped()
    assert from_json(model.as_json()).version == model.version
    assert np.array_equal(from_json(model.as_json()).weights, model.weights)
    content = json.loads(model.as_json())
    content["weights"].pop("fused")
    with pytest.raises(ValueError, match="other features"):
        from_json(json.dumps(content))
