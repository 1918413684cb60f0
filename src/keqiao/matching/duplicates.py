"""Is this the same need, or the same work, written down again? Pure functions on texts.

Likeness is the share of neighbouring token pairs that two texts have in common (Jaccard). Nearness of meaning is not asked:
two needs of one field are near, yet not the same. Candidates come from the index, so that no all-pairs comparison is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from keqiao.matching.text import tokens

LEAST_PAIRS = 8  # of a text below which nothing can be said
CANDIDATES = 20  # nearest items that are compared


def shingles(text: str) -> frozenset[tuple[str, str]]:
    """Neighbouring tokens of the text, without their order in it."""
    words = tokens(text)
    return frozenset(pairwise(words))


def likeness(one: str, other: str) -> float:
    """0: nothing in common, 1: the same words in the same order; 0 as well where one text is too short to say."""
    mine, theirs = shingles(one), shingles(other)
    if min(len(mine), len(theirs)) < LEAST_PAIRS:
        return 0.0
    return len(mine & theirs) / len(mine | theirs)


def likeness_of_versions(one: Mapping[str, str], other: Mapping[str, str]) -> float:
    """The best over the languages that both are written in."""
    return max((likeness(one[lang], other[lang]) for lang in one.keys() & other.keys()), default=0.0)


def most_alike(
    mine: Mapping[str, str], others: Iterable[tuple[str, Mapping[str, str]]], least: float
) -> list[tuple[str, float]]:
    """(code, likeness) of those that are the same, the most alike first."""
    found = [(code, likeness_of_versions(mine, versions)) for code, versions in others]
    return sorted(((code, value) for code, value in found if value >= least), key=lambda row: (-row[1], row[0]))
