"""Tokens of lexical search."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keqiao.matching.text import LONGEST, STOP_WORDS, fingerprint, index_tokens, is_cjk_character, runs, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("膜分离", ["膜", "分", "离", "膜分", "分离"]),
        ("膜", ["膜"]),
        ("The membranes are coated", ["membran", "coat"]),
        ("Al2O3陶瓷", ["al2o3", "陶", "瓷", "陶瓷"]),
        ("co-doped LiFePO4", ["co", "dope", "lifepo4"]),
        ("ＰＥＭ　燃料", ["pem", "燃", "料", "燃料"]),
        ("H₂O 10⁻⁶", ["h2o", "10", "6"]),
        ("naïve café", ["naiv", "cafe"]),
        ("Straße", ["strass"]),
        ("β-葡聚糖", ["β", "葡", "聚", "糖", "葡聚", "聚糖"]),
        ("カナ", ["カ", "ナ", "カナ"]),
        ("Привет мир", ["привет", "мир"]),
        ("膜。分", ["膜", "分"]),
        ("𠮷野", ["𠮷", "野", "𠮷野"]),
        ("soft\u00adware by\u200bte", ["softwar", "byte"]),
        ("", []),
        ("…！ \n", []),
    ],
)
def test_tokens_of_one_text(text, expected):
    assert tokens(text) == expected


def test_order_and_repetitions_are_kept():
    assert tokens("pump valve pump") == ["pump", "valv", "pump"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state of charge", ["state", "charg", "state_charg"]),
        ("solar cells", ["solar", "cell", "solar_cell"]),
        ("PEM 膜 cell", ["pem", "膜", "cell"]),
        ("膜分", ["膜", "分", "膜分"]),
        ("the", []),
    ],
)
def test_index_tokens_have_pairs_of_words(text, expected):
    assert index_tokens(text) == expected


def test_single_cjk_characters_are_told_from_others():
    assert [t for t in ("膜", "カ", "𠮷", "膜分", "a", "β") if is_cjk_character(t)] == ["膜", "カ", "𠮷"]


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\x00b",
        "\ud800\udfff",
        "\u202eabc\u202c",
        "\u2066中\u2069文",
        "\ufdfa" * 50,
        "a" * 10_000,
        "中" * 10_000,
    ],
)
def test_hostile_text_gives_plain_tokens(text):
    found = tokens(text)
    assert all(_is_plain(token) for token in found)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=80))
def test_any_text_gives_plain_tokens(text):
    assert all(_is_plain(token) for token in tokens(text))


def _is_plain(token: str) -> bool:
    return (
        0 < len(token) <= 2 * LONGEST and token.split() == [token] and token.encode() != b"" and token not in STOP_WORDS
    )


def test_same_text_in_other_forms_gives_the_same_tokens():
    assert tokens("Ⅳ型ﬁlter") == tokens("IV型filter")


@pytest.mark.parametrize(
    ("traditional", "simple"),
    [("耐酸納濾膜的脫鹽率", "耐酸纳滤膜的脱盐率"), ("乾燥", "干燥"), ("ＴＯＣ檢測", "TOC检测")],
)
def test_traditional_and_simplified_find_each_other(traditional, simple):
    assert tokens(traditional) == tokens(simple)
    assert index_tokens(traditional) == index_tokens(simple)


def test_runs_name_their_script():
    assert list(runs("PEM燃料β")) == [("latin", "pem"), ("cjk", "燃料"), ("other", "β")]


def test_fingerprint_does_not_change():
    """It stands in files: a change would make every stored model useless."""
    assert fingerprint("膜分") == 0x87A3F9F07CE28A9C
