"""Both legs together, and the passages that show why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keqiao.matching.dense import train
from keqiao.matching.engine import Attribute, Document, Eq, Schema
from keqiao.matching.lance import LanceEngine
from keqiao.matching.ranking.features import NAMES
from keqiao.matching.ranking.model import RankingModel, shipped
from keqiao.matching.retrieval import (
    PASSAGE_MOST,
    SHIPPED,
    Candidate,
    EqualIdf,
    Retriever,
    best_passages,
    document_tokens,
    fuse,
    query_weights,
    sentences,
    title_tokens,
)
from keqiao.matching.text import index_tokens
from keqiao.matching.types import Hit

DOCS = {
    "membrane": ("Reverse osmosis membrane", "A thin film composite membrane for sea water desalination."),
    "osmosis": ("Forward osmosis", "Desalination of brine with a draw solution."),
    "battery": ("Solid-state battery", "A sulfide electrolyte for lithium cells."),
    "电池": ("固态电池电解质", "硫化物电解质，室温离子电导率高。The electrolyte is a sulfide for lithium cells."),
    "淡化": ("海水淡化膜", "反渗透复合膜，脱盐率99.7%。"),
    "empty": ("", ""),
}


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    texts = {code: document_tokens(*parts) for code, parts in DOCS.items()}
    model = train(list(texts.values()), dims=4)
    engine = LanceEngine(tmp_path_factory.mktemp("index"))
    engine.ensure("docs_v1", Schema({"kind": Attribute.KEYWORD}, dims=model.dims))
    engine.upsert(
        "docs_v1",
        [
            Document(c, 1, words, model.encode(words), {"kind": c[:1]}, len(title_tokens(DOCS[c][0])))
            for c, words in texts.items()
        ],
    )
    engine.maintain("docs_v1", 60)
    engine.promote("docs", "docs_v1")
    return Retriever(engine, "docs", model, ranking=shipped())


def codes(hits):
    return [hit.code for hit in hits]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("thin film composite membranes", "membrane"),
        ("海水淡化", "淡化"),
        ("固态电池的电解质", "电池"),
        ("SOLID-STATE BATTERIES", "battery"),
    ],
)
def test_best_document_comes_first(retriever, query, best):
    assert codes(retriever.search(query))[0] == best


def test_a_query_finds_what_says_the_same_in_the_other_language(retriever):
    assert set(codes(retriever.search("desalination membranes for seawater"))[:2]) == {"membrane", "淡化"}
    assert set(codes(retriever.search("反渗透膜用于海水淡化"))[:2]) == {"membrane", "淡化"}


def test_passages_show_the_words_of_the_other_language(retriever):
    (passage,) = best_passages(retriever, "海水淡化膜", DOCS["membrane"][1])
    assert {"membrane", "desalination"} <= set(passage[2])


def test_words_of_both_languages_reach_a_mixed_document(retriever):
    assert codes(retriever.search("硫化物 sulfide"))[0] == "电池"


def test_k_and_filter(retriever):
    assert len(retriever.search("desalination", k=1)) == 1
    assert codes(retriever.search("desalination membrane osmosis", Eq("kind", "o"))) == ["osmosis"]
    assert retriever.search("desalination", Eq("kind", "none")) == []


@pytest.mark.parametrize("text", ["", "   ", "the of", "\x00", "\ud800", "unheard-of"])
def test_a_query_without_known_words_finds_nothing(retriever, text):
    assert retriever.search(text) == []


@pytest.mark.parametrize(
    "text", ["膜" * 10_000, "membrane " * 2000, "'; DROP TABLE docs --", '"membrane" AND (', "x" * 10_000]
)
def test_hostile_queries_do_not_fail(retriever, text):
    retriever.search(text)


def test_scores_fall_and_repeat(retriever):
    hits = retriever.search("desalination membrane")
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert hits == retriever.search("desalination membrane")


def test_without_a_model_words_alone_decide(retriever):
    assert codes(Retriever(retriever.engine, "docs").search("osmosis"))[0] == "osmosis"


def test_query_weights():
    assert query_weights(["a"]) == {"a": 1.0}
    assert query_weights(["a"] * 10)["a"] == pytest.approx(5.0)
    assert query_weights(["a_b"])["a_b"] == pytest.approx(1 / 3)


def test_characters_weigh_much_in_a_short_query_and_little_in_a_long_one():
    short = query_weights(index_tokens("离子膜"))
    assert (short["膜"], short["离子"]) == (SHIPPED.character_weight_most, 1.0)
    many = query_weights([chr(0x4E00 + i) for i in range(100)])
    assert sum(many.values()) == pytest.approx(SHIPPED.character_budget)


def test_second_stage_orders_the_first_candidates_and_leaves_the_rest_below(tmp_path):
    texts = {f"d{i}": f"A system of pump{i % 7} and valve{i % 5} with method{i}." for i in range(200)}
    engine = LanceEngine(tmp_path)
    engine.ensure("english_v1", Schema())
    engine.upsert("english_v1", [Document(c, 1, document_tokens("", text)) for c, text in texts.items()])
    engine.maintain("english_v1", 60)
    two = Retriever(engine, "english_v1", None, replace(SHIPPED, ranked=2), ranking=shipped())
    text = "pump3 valve2 method17 method9"
    first = [hit.code for hit in two.candidates(text)]
    hits = two.search(text)
    assert set(codes(hits)[:2]) == set(first[:2])
    assert codes(hits)[2:] == first[2:100]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert first[0] not in codes(two.search(text, without=first[0]))


def test_what_was_found_by_translation_keeps_its_place(retriever):
    """A model that turns the order round does so among the documents in the query's own language."""
    weights = np.zeros((len(NAMES), 3), dtype=np.float32)
    weights[NAMES.index("fused"), 0] = -1.0
    turned = Retriever(retriever.engine, "docs", retriever.model, ranking=RankingModel(weights, "turned"))
    text = "desalination of sea water with a membrane"
    found = [hit.code for hit in turned.candidates(text)]
    is_chinese = retriever.engine.occurrences("docs", found, []).is_chinese.tolist()
    assert set(is_chinese) == {False, True}
    own = iter(code for code, chinese in reversed(list(zip(found, is_chinese, strict=True))) if not chinese)
    assert codes(turned.search(text)) == [
        code if chinese else next(own) for code, chinese in zip(found, is_chinese, strict=True)
    ]


def test_what_says_too_little_is_left_out_by_its_first_stage_score(retriever):
    text = "sulfide electrolyte"
    found = retriever.candidates(text)
    near = {hit.code for hit in found if hit.fused >= 0.5 * found[0].fused}
    assert set(codes(retriever.search(text, least=0.5))) == near
    assert len(near) < len(found)


def test_fusion_of_two_lists():
    lexical = [Hit("a", 10.0), Hit("b", 5.0)]
    dense = [Hit("c", 0.9), Hit("b", 0.8)]
    fused = {hit.code: hit.fused for hit in fuse(lexical, dense, 0.2, depth=2)}
    assert fused == pytest.approx({"a": 0.8 + 0.2 * 0.8, "b": 0.4 + 0.16, "c": 0.4 + 0.18})
    loose = {hit.code: hit.fused for hit in fuse(lexical, dense, 0.2, depth=3)}
    assert loose == pytest.approx({"a": 0.8, "b": 0.56, "c": 0.18})
    assert fuse([], [], 0.2, depth=2) == []
    assert fuse([], dense, 0.2, depth=2) == [
        Candidate("c", pytest.approx(0.18), 0.0, 0.9),
        Candidate("b", pytest.approx(0.16), 0.0, 0.8),
    ]


DOCUMENT = (
    "本发明公开了一种磷酸铁锂电池。所述电池容量为3.5 Ah，循环寿命长！"
    "Solid-state batteries use ceramic electrolytes. They are safe at 0.5 C."
)


@pytest.mark.parametrize(
    ("query", "n", "expected"),
    [
        (
            "磷酸铁锂电池循环寿命",
            2,
            [
                ("本发明公开了一种磷酸铁锂电池。", ("磷酸铁锂电池",)),
                ("所述电池容量为3.5 Ah，循环寿命长！", ("电池", "循环寿命")),
            ],
        ),
        (
            "ceramic electrolyte battery",
            1,
            [("Solid-state batteries use ceramic electrolytes.", ("batteries", "ceramic", "electrolytes"))],
        ),
        ("锂", 2, [("本发明公开了一种磷酸铁锂电池。", ("锂",))]),
        ("nothing here", 2, []),
        ("", 2, []),
        ("磷酸铁锂电池", 0, []),
    ],
)
def test_best_passages(query, n, expected):
    found = best_passages(EqualIdf(), query, DOCUMENT, n)
    assert [(DOCUMENT[start:end], terms) for start, end, terms in found] == expected


def test_second_passage_brings_what_the_first_has_not():
    text = "pump valve. pump valve. seal."
    assert [text[a:b] for a, b, _ in best_passages(EqualIdf(), "pump valve seal", text, 2)] == ["pump valve.", "seal."]


def test_passages_by_the_retriever_weigh_rare_words_more(retriever):
    text = "A lithium desalination. A forward move."
    (start, end, terms), *_ = retriever.best_passages("desalination forward", text, 1)
    assert (text[start:end], terms) == ("A forward move.", ("forward",))


def test_sentences_cover_the_text_in_order():
    text = "  First one. 第二句；Third 3.5 line\nfourth" + "长" * 700
    spans = list(sentences(text))
    assert [text[a:b] for a, b in spans][:4] == [
        "First one.",
        "第二句；",
        "Third 3.5 line",
        "fourth" + "长" * (PASSAGE_MOST - 6),
    ]
    assert all(a < b <= c for (a, b), (c, _) in zip(spans, [*spans[1:], (len(text), 0)], strict=True))
    assert "".join(text[a:b] for a, b in spans).replace(" ", "") == text.replace(" ", "").replace("\n", "")
