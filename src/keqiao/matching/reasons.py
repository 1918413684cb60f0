"""The reasons of the technology stone: pairs of passages, one of the need and one of the achievement, that say the same.

The stone is worked out from the cited pairs alone. Take a cited passage out of its text, and the stone falls; take out
any other, and it does not. docs/why/stones.md has the rate at which this holds on the demo data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from keqiao.matching import lexicon
from keqiao.matching.dense import DenseModel
from keqiao.matching.retrieval import sentences, surfaces, translated_weights
from keqiao.matching.text import fingerprint, is_cjk_character, normalise, passage_runs, tokens, tokens_of
from keqiao.matching.types import AchievementFacts, Citation, NeedFacts, Quote, TextPart

MOST_PAIRS = 3
LEAST_LIKENESS = 0.1  # cosine of passages that mean something else; their words still say a little
LEAST_GAIN = 0.1  # of what the first pair says; a pair that adds less is no reason


class Place(NamedTuple):
    """One sentence of an item: the number of its part, and where it begins and ends there."""

    part: int
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Passages:
    """All sentences of an item, ready to be compared: each distinct token of each, as a fingerprint."""

    parts: tuple[TextPart, ...]
    places: tuple[Place, ...]
    prints: np.ndarray  # uint64, those of one passage after those of the one before
    owners: np.ndarray  # int32: which passage each print is of
    vectors: np.ndarray | None  # float16[passages, dims]: what each means; None without a model

    def text(self, number: int) -> str:
        place = self.places[number]
        return self.parts[place.part].text[place.start : place.end]

    def quote(self, number: int, terms: Iterable[str]) -> Quote:
        place, part = self.places[number], self.parts[self.places[number].part]
        text, marks = marked(self.text(number), terms)
        return Quote(part.name, part.lang, place.start, place.end, text, marks)

    @cached_property
    def of_language(self) -> dict[str, list[int]]:
        """Language → its passages."""
        found: dict[str, list[int]] = {}
        for number, place in enumerate(self.places):
            found.setdefault(self.parts[place.part].lang, []).append(number)
        return found


@dataclass(frozen=True)
class Pair:
    """A passage of the need and one of the achievement, by number, and what they share beyond the pairs before."""

    need: int
    achievement: int
    gain: float


@dataclass(frozen=True)
class Shared:
    """What a need, in one of its languages, shares with an achievement. `weight` is the sum of the pairs' gains."""

    pairs: tuple[Pair, ...]
    weight: float
    total: float  # weight of everything the need says in this language


def parts_of(facts: NeedFacts | AchievementFacts) -> tuple[TextPart, ...]:
    """A search and a draft have no parts: their title, text and keywords are three."""
    if facts.parts:
        return facts.parts
    texts = {"title": facts.title, "text": facts.text, "keywords": "、".join(facts.keywords)}
    distinct = {text: name for name, text in reversed(texts.items()) if text}
    return tuple(TextPart(facts.lang, name, text) for text, name in reversed(distinct.items()))


def read_passages(facts: NeedFacts | AchievementFacts, model: DenseModel | None = None) -> Passages:
    parts = parts_of(facts)
    places: list[Place] = []
    prints: list[int] = []
    ends: list[int] = []
    for number, part in enumerate(parts):
        for start, end in sentences(part.text):
            prints += map(fingerprint, dict.fromkeys(tokens(part.text[start:end])))
            ends.append(len(prints))
            places.append(Place(number, start, end))
    terms, stops = np.array(prints, dtype=np.uint64), np.array(ends, dtype=np.int64)
    owners = np.repeat(np.arange(len(places), dtype=np.int32), np.diff(stops, prepend=0))
    vectors = model.encode_each(terms, stops).astype(np.float16) if model and places else None
    return Passages(parts, tuple(places), terms, owners, vectors)


def _stacked(vectors: Sequence[np.ndarray | None] | None) -> np.ndarray | None:
    """One row each; zeros where no word is known to the model."""
    dims = next((len(vector) for vector in vectors if vector is not None), 0) if vectors else 0
    if not vectors or not dims:
        return None
    return np.array([np.zeros(dims) if vector is None else vector for vector in vectors], dtype=np.float16)


class Asked:
    """What a need says in one language: its terms with their weights, and which passage has which."""

    def __init__(self, passages: Passages, numbers: Sequence[int], weights: Mapping[int, float]) -> None:
        """`weights`: fingerprint of a term → how much it says."""
        self.numbers = list(numbers)
        self.vectors = None if passages.vectors is None else passages.vectors[self.numbers].astype(np.float32)
        self.prints = np.array(sorted(weights), dtype=np.uint64)
        self.weights = np.array([weights[int(term)] for term in self.prints], dtype=np.float32)
        self.total = float(self.weights.sum())
        self.has = self.which(passages)[self.numbers]

    def shared_with(self, other: Passages) -> Shared:
        """The best pairs together, found by taking each next one that adds most to the words that those before share.

        What two passages share is the weight of their common words times the root of the cosine of their meanings.
        """
        theirs = self.which(other)
        common = theirs.any(axis=0)  # what only one side says adds nothing
        field = _Field(self.has[:, common], theirs[:, common], self.weights[common], self._likeness(other))
        best = found = field.pairs(field.alone)
        # Each step takes what is best there, which need not be best together. Where one passage stands in the way of
        # more, the pairs without it are taken, so that no cited passage lowers the stone by being there. The last step
        # stands in nobody's way.
        ways = [field.without(mine=mine) for mine in dict.fromkeys(row[0] for row in found[:-1])]
        ways += [field.without(yours=yours) for yours in dict.fromkeys(row[1] for row in found[:-1])]
        for alone in ways:
            if _most(alone) > _weight(best):
                best = max(best, field.pairs(alone), key=_weight)
        pairs = tuple(Pair(self.numbers[mine], yours, gain) for mine, yours, gain in best)
        return Shared(pairs, _weight(best), self.total)

    def _likeness(self, other: Passages) -> np.ndarray:
        if self.vectors is None or other.vectors is None:
            return np.ones((1, 1), dtype=np.float32)
        cosines = self.vectors @ other.vectors.astype(np.float32).T
        return np.sqrt(np.maximum(cosines, LEAST_LIKENESS))

    def which(self, passages: Passages) -> np.ndarray:
        """float32[passages, terms]: 1 where the passage has the term."""
        found = np.zeros((len(passages.places), len(self.prints)), dtype=np.float32)
        if len(self.prints) and len(passages.prints):
            at = np.minimum(np.searchsorted(self.prints, passages.prints), len(self.prints) - 1)
            hit = self.prints[at] == passages.prints
            found[passages.owners[hit], at[hit]] = 1
        return found


class AskedAcross(Asked):
    """What a need says, for achievements in the other language: each term is found when one of its translations is."""

    def __init__(self, passages: Passages, model: DenseModel) -> None:
        self.numbers = list(range(len(passages.places)))
        texts = [passages.text(number) for number in self.numbers]
        groups = lexicon.translations("\n".join(texts), model.idf_of)
        idf = lexicon.rarities(groups, model.idf_of)
        self.groups = sorted(groups, key=lambda group: (-group.rarity(idf), group.source))
        self.weights = np.array([group.rarity(idf) for group in self.groups], dtype=np.float32)
        self.total = float(self.weights.sum())
        said = [{group.source for group in lexicon.translations(text, model.idf_of)} for text in texts]
        self.has = np.array([[g.source in terms for g in self.groups] for terms in said], dtype=np.float32)
        self.has = self.has.reshape(len(texts), len(self.groups))
        self.vectors = _stacked([model.encode(translated_weights(model, text)) for text in texts])
        choices = [choice.words for group in self.groups for choice in group.choices]
        words = [fingerprint(word) for choice in choices for word in choice]
        self.prints = np.unique(np.array(words, dtype=np.uint64))
        self.words = np.searchsorted(self.prints, np.array(words, dtype=np.uint64))
        self.choice_starts = _starts(map(len, choices))
        self.group_starts = _starts(len(group.choices) for group in self.groups)

    def which(self, passages: Passages) -> np.ndarray:
        """A term is there when all the words of one of its translations are."""
        if not self.groups:
            return np.zeros((len(passages.places), 0), dtype=np.float32)
        words = super().which(passages)[:, self.words]
        choices = np.minimum.reduceat(words, self.choice_starts, axis=1)
        return np.maximum.reduceat(choices, self.group_starts, axis=1)

    def seen(self, text: str) -> dict[str, str]:
        """Terms of the need and how a text says them, the rarest first."""
        return lexicon.seen(self.groups, text)

    def citation(self, need: Passages, achievement: Passages, pair: Pair) -> Citation:
        """As `citation`; what is marked are a term and its translation."""
        mine = normalise(need.text(pair.need))
        seen = {term: there for term, there in self.seen(achievement.text(pair.achievement)).items() if term in mine}
        return Citation(need.quote(pair.need, seen), achievement.quote(pair.achievement, seen.values()))


Row = tuple[int, int, float]  # number of the need's passage, of the achievement's, what the pair adds


class _Field:
    """All pairs of passages of two items. `alone`: what each would add by itself."""

    def __init__(self, mine: np.ndarray, yours: np.ndarray, weights: np.ndarray, likeness: np.ndarray) -> None:
        """`mine` and `yours`: which passage has which of the common terms; `weights`: how much each says."""
        self.mine, self.yours, self.weights, self.likeness = mine, yours, weights, likeness
        self.alone = (mine @ (yours * weights).T) * likeness

    def without(self, *, mine: int | None = None, yours: int | None = None) -> np.ndarray:
        """`alone` without one passage."""
        left = self.alone.copy()
        if mine is not None:
            left[mine, :] = 0
        if yours is not None:
            left[:, yours] = 0
        return left

    def pairs(self, alone: np.ndarray) -> list[Row]:
        """One after the other, each adding most to the words of those before; only such that add something alone."""
        gains, left = alone, self.weights
        found: list[Row] = []
        while len(found) < MOST_PAIRS and gains.size:
            mine, yours = divmod(int(gains.argmax()), gains.shape[1])  # of equals the first
            gain = float(gains[mine, yours])
            if gain <= (found[0][2] * LEAST_GAIN if found else 0.0):
                break
            found.append((mine, yours, gain))
            if len(found) < MOST_PAIRS:
                left = left * (1 - self.mine[mine] * self.yours[yours])
                gains = (self.mine @ (self.yours * left).T) * self.likeness
                gains[alone <= 0] = 0
        return found


def _most(alone: np.ndarray) -> float:
    """More than what so many pairs add alone they cannot add together."""
    each = alone.ravel()
    return float((np.partition(each, -MOST_PAIRS)[-MOST_PAIRS:] if len(each) > MOST_PAIRS else each).sum())


def _weight(pairs: Sequence[Row]) -> float:
    return sum(gain for _mine, _yours, gain in pairs)


def _starts(sizes: Iterable[int]) -> np.ndarray:
    """Where each of so many consecutive stretches begins."""
    ends = np.cumsum(np.fromiter(sizes, dtype=np.int64))
    return np.concatenate(([0], ends[:-1])).astype(np.int64)


def languages_of(passages: Passages) -> set[str]:
    return {part.lang for part in passages.parts}


def nearest_pairs(need: Passages, achievement: Passages) -> tuple[Pair, ...]:
    """The passages that are nearest in meaning, whatever their words; each is in one pair. `gain` is the cosine."""
    if need.vectors is None or achievement.vectors is None:
        return ()
    near = need.vectors.astype(np.float32) @ achievement.vectors.astype(np.float32).T
    pairs: list[Pair] = []
    while len(pairs) < MOST_PAIRS and near.size and near.max() > 0:
        mine, yours = divmod(int(near.argmax()), near.shape[1])
        pairs.append(Pair(mine, yours, float(near[mine, yours])))
        near[mine, :] = near[:, yours] = 0
    return tuple(pairs)


def citation(need: Passages, achievement: Passages, pair: Pair) -> Citation:
    """The two passages as they are shown, with the words that both of them use marked."""
    mine, yours = need.text(pair.need), achievement.text(pair.achievement)
    common = _words(mine) & _words(yours)
    words = {token for token in common if not is_cjk_character(token)} or common
    matched = dict.fromkeys(words)
    return Citation(
        need.quote(pair.need, surfaces(mine, matched)), achievement.quote(pair.achievement, surfaces(yours, matched))
    )


@lru_cache(maxsize=256)  # a need cites the same few passages in each of its matches
def _words(text: str) -> frozenset[str]:
    return frozenset(tokens_of(passage_runs(text)))


def marked(sentence: str, terms: Iterable[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A sentence with the places of the terms in it; places that touch are one."""
    words = {_folded(term) for term in terms if len(term) > 1 or is_cjk_character(term)}
    merged: list[tuple[int, int]] = []
    last = 0
    for start, longest in sorted(_standing(words, _folded(sentence)).items()):
        end = start + longest
        if start < last:
            continue
        if merged and start == last:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
        last = end
    return sentence, tuple(merged)


def _standing(words: Iterable[str], sentence: str) -> dict[int, int]:
    """Where some of the words stand: start → length of the longest one there."""
    found: dict[int, int] = {}
    for word in words:
        at = sentence.find(word)
        while at >= 0:
            found[at] = max(found.get(at, 0), len(word))
            at = sentence.find(word, at + 1)
    return found


# Signs of one letter, character for character, so that places stay what they are: terms are unified, texts are not.
_ONE_LETTER = str.maketrans("İıſμςϐϵϑϰϖϱϕ", "iisµσβεθκπρφ")


def _folded(text: str) -> str:
    return text.replace("İ", "i").lower().translate(_ONE_LETTER)
