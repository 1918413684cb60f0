"""How much an expert knows of a need's subject: a language model of each candidate. Pure functions on plain data.

The candidate model of Balog, Azzopardi and de Rijke (2006): how likely is it that the expert's own texts would give the
need's words? The model of an expert is the mean of the models of their texts, smoothed (Jelinek and Mercer) with that
of all texts. Its one parameter was chosen by leaving out one expert at a time (bench/experts.py, docs/why/matching.md).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keqiao.matching import lexicon
from keqiao.matching.text import is_cjk_character, runs, tokens

SMOOTHING = 0.97  # share of the model of all texts
ODDS = (1 - SMOOTHING) / SMOOTHING
SHORTEST = 60  # words: a shorter text counts as this long, so that a line of keywords does not outweigh a paper
FEWEST = 5  # texts: who has fewer is taken to have this many, the rest about something else
MOST_WORDS = 300  # of a need
TITLE_COUNTS = 2  # how often the title of a need is read: it says what the rest is about
SENTENCE = re.compile(r"(?<=[。；;!?！？\n])|(?<=\.)\s+(?=[A-Z(“\"])")
LONGEST_PASSAGE = 220


def words(text: str) -> Counter[str]:
    """The index tokens of a text without lone Chinese characters: pairs say more (docs/why/matching.md)."""
    return Counter(token for token in tokens(text) if not is_cjk_character(token))


@dataclass(frozen=True)
class Model:
    """Of one expert: token → its mean share of their texts, and how often it stands there."""

    shares: Mapping[str, float]
    counts: Mapping[str, int]

    @property
    def size(self) -> int:
        return sum(self.counts.values())


def model_of(texts: Sequence[Counter[str]]) -> Model:
    shares: dict[str, float] = {}
    counts: Counter[str] = Counter()
    filled = [text for text in texts if text]
    among = max(len(filled), FEWEST)
    for text in filled:
        counts.update(text)
        for token, share in shares_of(text).items():
            shares[token] = shares.get(token, 0.0) + share / among
    return Model(shares, dict(counts))


def shares_of(text: Counter[str]) -> dict[str, float]:
    length = max(text.total(), SHORTEST)
    return {token: count / length for token, count in text.items()}


def asked_words(texts: Mapping[str, str]) -> Counter[str]:
    """The words of a need in all its languages; one that lacks a language gets the words of the lexicon for it."""
    found: Counter[str] = Counter()
    for text in texts.values():
        found.update(words(text))
    if len(texts) == 1:
        found.update(_translated(next(iter(texts.values()))))
    return Counter(dict(found.most_common(MOST_WORDS)))


def _translated(text: str) -> Counter[str]:
    """The likeliest translation of each term: half the experts write in the other language."""
    found: Counter[str] = Counter()
    for group in lexicon.translations(text, lambda names: np.zeros(len(names))):
        best = max(group.choices, key=lambda choice: choice.share, default=None)
        if best is not None:
            found.update({token: group.count for token in best.words if not is_cjk_character(token)})
    return found


@dataclass(frozen=True)
class Query:
    """A need's words against all texts. `odds`: how much a word's share in an expert's texts counts."""

    weights: Mapping[str, float]
    odds: Mapping[str, float]

    @classmethod
    def of(cls, asked: Counter[str], counts: Mapping[str, int], size: int) -> Query:
        """`counts` and `size`: how often the words stand in all experts' texts, and how many words those have."""
        length = asked.total()
        weights = {token: count / length for token, count in asked.items()}
        odds = {token: ODDS * (size + length) / (counts.get(token, 0) + count) for token, count in asked.items()}
        return cls(weights, odds)

    def gain(self, token: str, share: float) -> float:
        return self.weights[token] * math.log1p(self.odds[token] * share)

    def score(self, shares: Mapping[str, float]) -> float:
        return sum(self.gain(token, share) for token, share in shares.items() if token in self.weights)

    @property
    def best(self) -> float:
        """What somebody would have whose texts were this very need."""
        return self.score(self.weights)

    def points(self, score: float) -> int:
        """0 to 100, on the scale of the square root: near matches lie as far apart as far ones can be told apart."""
        return min(100, round(100 * math.sqrt(max(score, 0.0) / self.best))) if self.weights else 0

    def words_of(self, text: Counter[str]) -> list[tuple[str, float]]:
        """Those of the need that a text has, the weightiest first."""
        shares = shares_of(text)
        found = [(token, self.gain(token, shares[token])) for token in text if token in self.weights]
        return sorted(found, key=lambda row: (-row[1], row[0]))


def passage(query: Query, text: str) -> str:
    """The sentence of a text that has most of the need."""
    best, most = "", 0.0
    for sentence in SENTENCE.split(text):
        part = sentence.strip()
        gain = sum(gain for _token, gain in query.words_of(words(part)))
        if gain > most:
            best, most = part, gain
    return best if len(best) <= LONGEST_PASSAGE else best[: LONGEST_PASSAGE - 1] + "…"


def as_written(token: str, texts: Iterable[str]) -> str:
    """A token as it stands in one of the texts: membran → membranes."""
    from keqiao.matching.text import word_token

    for text in texts:
        for kind, run in runs(text):
            if kind != "cjk" and word_token(run) == token:
                return run
    return token
