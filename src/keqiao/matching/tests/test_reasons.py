"""The reasons of the technology stone: pairs of passages, and that the stone rests on these alone."""

import re
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keqiao.matching.reasons import MOST_PAIRS, Asked, citation, marked, nearest_pairs, parts_of, read_passages
from keqiao.matching.technology import words_fit
from keqiao.matching.text import fingerprint, tokens
from keqiao.matching.types import AchievementFacts, NeedFacts, TextPart

WORDS = "耐酸 纳滤膜 通量 卷对卷 涂布 寿命 浸出液 提锂 界面聚合 轴承 诊断 振动".split()  # noqa: SIM905 -- reads better
SENTENCES = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map("".join), min_size=1, max_size=7)


def need_of(*sentences):
    return NeedFacts("N", "", "", parts=(TextPart("zh", "problem", "。".join(sentences) + "。"),))


def achievement_of(*sentences):
    return AchievementFacts("A", "", "", parts=(TextPart("zh", "summary", "。".join(sentences) + "。"),))


def compare(need, achievement):
    mine, yours = read_passages(need), read_passages(achievement)
    words = {fingerprint(word) for part in mine.parts for word in tokens(part.text) if len(word) > 1}
    shared = Asked(mine, range(len(mine.places)), dict.fromkeys(words, 1.0)).shared_with(yours)
    return shared, [citation(mine, yours, pair) for pair in shared.pairs]


def test_the_passages_that_answer_each_other_are_cited_with_their_places():
    need = need_of("公司在云麓区", "需要耐酸纳滤膜", "希望卷对卷涂布")
    achievement = achievement_of("团队成立五年", "卷对卷涂布已运行", "制成耐酸纳滤膜")
    _, cited = compare(need, achievement)
    # Of equal gain the first pair comes first.
    assert [(one.need.text, one.achievement.text) for one in cited] == [
        ("需要耐酸纳滤膜。", "制成耐酸纳滤膜。"),
        ("希望卷对卷涂布。", "卷对卷涂布已运行。"),
    ]
    for one in cited:
        for quote, facts in ((one.need, need), (one.achievement, achievement)):
            part = next(part for part in facts.parts if part.name == quote.part)
            assert part.text[quote.start : quote.end] == quote.text
    assert [cited[0].need.text[a:b] for a, b in cited[0].need.marks] == ["耐酸纳滤膜"]
    assert [cited[0].achievement.text[a:b] for a, b in cited[0].achievement.marks] == ["耐酸纳滤膜"]


@given(SENTENCES, SENTENCES)
def test_without_an_uncited_passage_the_stone_is_no_lower(asked, said):
    shared, cited = compare(need_of(*asked), achievement_of(*said))
    assert len(cited) <= MOST_PAIRS
    mine = {one.need.text for one in cited}
    yours = {one.achievement.text for one in cited}
    for i, sentence in enumerate(asked):
        if f"{sentence}。" not in mine and len(asked) > 1:
            again, _ = compare(need_of(*asked[:i], *asked[i + 1 :]), achievement_of(*said))
            assert words_fit(again.weight, again.total) >= words_fit(shared.weight, shared.total)
    for i, sentence in enumerate(said):
        if f"{sentence}。" not in yours and len(said) > 1:
            again, _ = compare(need_of(*asked), achievement_of(*said[:i], *said[i + 1 :]))
            assert again.weight >= shared.weight


def test_a_passage_that_stands_in_the_way_of_more_is_not_cited():
    """Each the best of its step, three pairs share six words; without the pair that came first they share seven."""
    need = need_of("涂布寿命提锂", "浸出液寿命")
    said = ["寿命涂布提锂", "寿命提锂卷对卷", "涂布寿命浸出液卷对卷"]
    shared, cited = compare(need, achievement_of(*said))
    assert "寿命涂布提锂。" not in {one.achievement.text for one in cited}
    without, _ = compare(need, achievement_of(*said[1:]))
    assert without.weight == shared.weight == 7


@given(SENTENCES)
def test_words_that_only_one_side_uses_are_no_reason(asked):
    shared, cited = compare(need_of(*asked), achievement_of("蛋白质结晶"))
    assert (shared.weight, cited) == (0, [])


def test_a_search_is_read_once_though_it_is_title_and_text():
    facts = NeedFacts("", "耐酸纳滤膜", "耐酸纳滤膜", keywords=("纳滤膜",))
    assert [(part.name, part.text) for part in parts_of(facts)] == [("title", "耐酸纳滤膜"), ("keywords", "纳滤膜")]
    assert parts_of(replace(facts, parts=(TextPart("zh", "title", "膜"),))) == (TextPart("zh", "title", "膜"),)


def test_nearest_pairs_use_each_passage_once():
    mine = replace(read_passages(need_of("膜", "轴承")), vectors=np.eye(2, dtype=np.float16))
    yours = replace(read_passages(achievement_of("a", "b")), vectors=np.array([[0.9, 0.1], [0.8, 0.6]], np.float16))
    assert [(pair.need, pair.achievement) for pair in nearest_pairs(mine, yours)] == [(0, 0), (1, 1)]
    assert nearest_pairs(read_passages(need_of("膜")), yours) == ()


LETTERS = st.text("aAbBsſSµμiİıσςΣ膜纳 .-(", max_size=12)


@given(LETTERS, st.lists(LETTERS.filter(lambda term: len(term) > 1), max_size=5))
def test_terms_are_marked_as_a_search_for_the_longest_one_would(sentence, terms):
    """In any case of letters; the longest where several begin, none within another, and what touches is one."""
    expected = []
    pattern = "|".join(map(re.escape, sorted(set(terms), key=len, reverse=True)))
    for found in re.finditer(pattern, sentence, re.IGNORECASE) if terms else ():
        start, end = found.span()
        if expected and expected[-1][1] == start:
            expected[-1] = (expected[-1][0], end)
        else:
            expected.append((start, end))
    assert marked(sentence, terms) == (sentence, tuple(expected))
