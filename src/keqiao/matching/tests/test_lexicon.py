"""Terms of one language in the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.matching import lexicon
from keqiao.matching.text import index_tokens


class Counted:
    """Rarity as an index of so many documents would give it."""

    def __init__(self, documents: int, **df: int) -> None:
        self.documents, self.df = documents, df

    def idf_of(self, tokens):
        df = np.array([self.df.get(token, 1) for token in tokens], dtype=np.float32)
        return np.log1p((self.documents - df + 0.5) / (df + 0.5)).astype(np.float32)


MIXED = Counted(1000, system=400, 的=600, membran=30, water=200, film=50)


def names(groups):
    return {group.source: [choice.name for choice in group.choices] for group in groups}


@pytest.mark.parametrize(
    ("text", "source", "name"),
    [
        ("耐污染的膜材料", "膜", "membran"),
        ("海水淡化", "淡化", "desalin"),
        ("锂电池", "锂电池", "lithium_batteri"),
        ("Membranes for desalination", "membranes", "膜"),
        ("a neural network", "neural network", "神经网络"),
    ],
)
def test_terms_are_found_in_both_directions(text, source, name):
    assert name in names(lexicon.translations(text, MIXED.idf_of))[source]


def test_the_longest_chinese_term_is_taken():
    found = names(lexicon.translations("太阳能电池", MIXED.idf_of))
    assert list(found) == ["太阳能电池"]


def test_a_term_that_stands_twice_is_one_group():
    groups = lexicon.translations("电池与电池", MIXED.idf_of)
    assert {group.source: group.count for group in groups}["电池"] == 2


@pytest.mark.parametrize("text", ["", "   ", "的和与", "\x00", "\ud800", "β-Ga₂O₃", "12 345"])
def test_text_without_terms_has_no_groups(text):
    assert lexicon.expand(lexicon.translations(text, MIXED.idf_of), MIXED.idf_of, 8.0) == {}


@pytest.mark.parametrize(
    ("df", "text"),
    [({"的": 900}, "海水淡化膜"), ({"system": 900}, "membranes for sea water")],
)
def test_nothing_is_translated_for_an_index_that_lacks_the_language(df, text):
    """What a monolingual index returns stays as it was, to the last digit."""
    assert lexicon.translations(text, Counted(10_000, **df).idf_of) == []


def test_names_of_the_other_language_stay_what_they_are():
    """Only the language that most of a text is in is translated: CNN or Fe in a Chinese need is a name."""
    assert all(not group.source.isascii() for group in lexicon.translations("膜通量 flux 提高的方法", MIXED.idf_of))


def test_a_group_weighs_no_more_than_its_likeliest_word_alone():
    """A rare sense does not outweigh the usual one: its rarity is that of the group."""
    usual, rare = lexicon.Choice("film", ("film",), 0.8), lexicon.Choice("pellicl", ("pellicl",), 0.2)
    weights = lexicon.expand([lexicon.Group("膜", 1, (usual, rare))], MIXED.idf_of, 8.0)
    idf = dict(zip(("film", "pellicl"), MIXED.idf_of(["film", "pellicl"]), strict=True))
    together = -np.log(0.8 * np.exp(-idf["film"]) + 0.2 * np.exp(-idf["pellicl"]))
    assert weights["film"] == pytest.approx(0.8)
    assert weights["pellicl"] * idf["pellicl"] == pytest.approx(0.2 * together, rel=1e-5)


def test_what_is_seen_is_shown_as_it_stands():
    groups = lexicon.translations("海水淡化用耐污染膜", MIXED.idf_of)
    assert lexicon.seen(groups, "Fouling-resistant membranes for Desalination")["膜"] == "membranes"
    assert lexicon.seen(groups, "Fouling-resistant membranes for Desalination")["淡化"] == "desalination"
    back = lexicon.translations("membranes", MIXED.idf_of)
    assert lexicon.seen(back, "一种分离膜") == {"membranes": "膜"}


@given(st.text(max_size=60))
def test_any_text_can_be_expanded(text):
    weights = lexicon.expand(lexicon.translations(text, MIXED.idf_of), MIXED.idf_of, 8.0)
    assert all(weight > 0 and np.isfinite(weight) for weight in weights.values())


def test_the_table_holds_tokens_of_the_index():
    """Every candidate is cut as the index cuts it, and its shares are at most the whole."""
    for key, row in list(lexicon.table().items())[::97]:
        parts = row.split(" ")
        assert sum(map(float, parts[1::2])) <= 1.03
        for name in parts[::2]:
            assert name.isascii() != key.isascii()
            assert name.isascii() or index_tokens(name)[-1] == name[-2:]
