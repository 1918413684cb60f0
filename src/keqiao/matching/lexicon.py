"""From words of one language to those of the other: 膜 → membrane, and back.

A lexicon of terms, not a translator: it gives a search the words that a document in the other language would use. How
it was made and under which licence it stands is in `data/README.md`; what it gains, in docs/why/matching.md.

A query word's translations are one group of alternatives (probabilistic structured queries: Darwish and Oard, 2003). The
group weighs as one word, shared among its members by probability, and its rarity is that of the group: a rare and
doubtful translation does not outweigh the others.
"""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

import numpy as np

from keqiao.matching.text import PAIR, STOP_WORDS, normalise, runs, word_token

LONGEST_KEY = 8  # Chinese characters of one term
MOST_WORDS = 4  # English words of one term
# Words that a fair share of texts in a language has, whatever they are about: they tell whether an index holds it.
PROBES = {
    "zh": ("的", "在", "中", "有", "用", "成", "分", "术"),
    "en": ("system", "develop", "provid", "result", "high", "process", "method", "data"),
}
LEAST_DOCUMENTS = 0.01  # share that has the most frequent probe: below, the language is there by quotation only
Idf = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Choice:
    """One way to say a term in the other language."""

    name: str  # the Chinese term, or English stems with PAIR between them
    tokens: tuple[str, ...]  # as a text that has it is indexed
    share: float  # of the term's weight

    @property
    def words(self) -> tuple[str, ...]:
        """The tokens without pairs of words."""
        return tuple(token for token in self.tokens if PAIR not in token)


@dataclass(frozen=True)
class Group:
    """A term of a text and its alternatives in the other language."""

    source: str  # as it stands in the text
    count: int
    choices: tuple[Choice, ...]

    def rarity(self, idf: Mapping[str, float]) -> float:
        """Idf of the group as one word; exp(-idf) is the share of documents that have a token."""
        return -math.log(max(sum(c.share * math.exp(-max(idf[t] for t in c.tokens)) for c in self.choices), 1e-9))


def language_of(text: str) -> str:
    """The one that most of a text is in; an English word takes the room of two Chinese characters."""
    han = latin = 0
    for kind, run in runs(text):
        han += len(run) if kind == "cjk" else 0
        latin += 2 if kind == "latin" else 0
    return "zh" if han >= latin else "en"


def is_in(language: str, idf: Idf) -> bool:
    """Whether an index has documents in a language."""
    return bool(np.exp(-idf(PROBES[language]).min()) >= LEAST_DOCUMENTS)


def translations(text: str, idf: Idf) -> list[Group]:
    """The terms of a text in the other language; none when the index behind `idf` has no document in it."""
    other = "en" if language_of(text) == "zh" else "zh"
    return list(_groups(text, other)) if is_in(other, idf) else []


@lru_cache(maxsize=16)  # a search translates the same text for the index, for the stones and for what it shows
def _groups(text: str, other: str) -> tuple[Group, ...]:
    found = Counter(_chinese_terms(text) if other == "en" else _english_terms(text))
    return tuple(Group(source, n, _choices(key, other)) for (key, source), n in found.items())


def expand(groups: Sequence[Group], idf: Idf, saturation: float) -> dict[str, float]:
    """Token of the other language → weight in the query, where a word that stands once has 1."""
    rarity = rarities(groups, idf)
    weights: dict[str, float] = {}
    for group in groups:
        together = group.rarity(rarity)
        weight = group.count * (saturation + 1) / (group.count + saturation)
        for choice in group.choices:
            for token in choice.tokens:
                damped = min(1.0, together / max(rarity[token], 1e-9))
                weights[token] = weights.get(token, 0.0) + weight * choice.share * damped
    return weights


def rarities(groups: Sequence[Group], idf: Idf) -> dict[str, float]:
    names = list(dict.fromkeys(token for group in groups for choice in group.choices for token in choice.tokens))
    return dict(zip(names, idf(names).tolist(), strict=True))


def seen(groups: Sequence[Group], text: str) -> dict[str, str]:
    """Term of the one text → its translation as it stands in the other: 膜 → membranes. In the order of the groups."""
    stands = {word_token(run): run for kind, run in reversed(list(runs(text))) if kind == "latin"}
    whole = normalise(text)
    found: dict[str, str] = {}
    for group in groups:
        for choice in group.choices:
            words = choice.name.split(PAIR)
            name = " ".join(stands.get(word, "") for word in words) if choice.name.isascii() else choice.name
            if all(word in stands for word in words) if choice.name.isascii() else choice.name in whole:
                found.setdefault(group.source, name)
    return found


@cache
def table() -> dict[str, str]:
    """Key → its candidates as they are in the file. Read once a process, at the first search that needs it."""
    packed = files("keqiao.matching").joinpath("data", "zh-en.tsv.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return dict(line.split("\t", 1) for line in lines)


def _chinese_terms(text: str) -> Iterator[tuple[str, str]]:
    """The longest terms from left to right, as (key, as it stands). Characters that start none are passed over."""
    known = table()
    for kind, run in runs(text):
        at = 0
        while kind == "cjk" and at < len(run):
            size = next((n for n in range(min(LONGEST_KEY, len(run) - at), 0, -1) if run[at : at + n] in known), 0)
            if size:
                yield run[at : at + size], run[at : at + size]
            at += size or 1


def _english_terms(text: str) -> Iterator[tuple[str, str]]:
    """Every word that is known, and from each the longest term of several words."""
    known = table()
    words = [run for kind, run in runs(text) if kind == "latin" and run not in STOP_WORDS]
    stems = [word_token(word) for word in words]
    for at in range(len(words)):
        longest = min(MOST_WORDS, len(words) - at)
        size = next((n for n in range(longest, 1, -1) if PAIR.join(stems[at : at + n]) in known), 1)
        if size > 1:
            yield PAIR.join(stems[at : at + size]), " ".join(words[at : at + size])
        if stems[at] in known:
            yield stems[at], words[at]


@cache
def _choices(key: str, language: str) -> tuple[Choice, ...]:
    parts = table()[key].split(" ")
    cut = _chinese_tokens if language == "zh" else _english_tokens
    return tuple(Choice(name, cut(name), float(share)) for name, share in zip(parts[::2], parts[1::2], strict=True))


def _chinese_tokens(term: str) -> tuple[str, ...]:
    """Its pairs; of one character, itself."""
    return tuple(term[i : i + 2] for i in range(len(term) - 1)) or (term,)


def _english_tokens(key: str) -> tuple[str, ...]:
    """Its words and their pairs."""
    words = key.split(PAIR)
    return (*words, *(a + PAIR + b for a, b in pairwise(words)))
