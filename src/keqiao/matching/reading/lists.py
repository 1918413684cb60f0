"""Figures that stand in a list: they share a name or have one each, and share a comparison; the same quantity may stand twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from keqiao.catalogue.quantities import read_unit
from keqiao.matching.reading import comparing, names
from keqiao.matching.reading.types import Reading

OPEN_NUMBER = re.compile(r"\d ?[+余多]")
LIST_GAP = re.compile(r"[ 、,，/;·]{0,3}(?:和|及|与|或|and |or )? ?| ?[x×] ?", re.IGNORECASE)


def listed(text: str, found: Sequence[Reading]) -> list[Reading]:
    """A list of figures, each with its unit, has one name, or one name each after 分别."""
    named: list[Reading] = []
    at = 0
    while at < len(found):
        end = at + 1
        while end < len(found) and LIST_GAP.fullmatch(text, found[end - 1].last, found[end].start):
            end += 1
        listed = list(found[at:end])
        own = names.before(text, comparing.before(text, listed[0].start)[1], 0, len(listed)) if len(listed) > 1 else []
        is_spread = len({name for name, _start in own}) > 1
        listed = _equally_compared(text, listed)
        for place, reading in enumerate(listed):
            name = own[place][0] if is_spread else listed[0].name
            named.append(replace(reading, name=name, role=listed[0].role) if place or is_spread else reading)
        at = end
    return named


JOINT = re.compile(r"[、和及与或]|and |or ")
BOUNDS = {">=", "<="}


def _equally_compared(text: str, listed: list[Reading]) -> list[Reading]:
    """A comparison before the first or behind the last of a list of one kind holds for all: 至少 5 mm、6 mm."""
    head, tail = listed[0], listed[-1]
    are_alike = len({read_unit(one.unit).kind for one in listed}) == 1
    if len(listed) == 1 or not (are_alike or _are_joined(text, listed)):
        return listed
    stands_behind = text[tail.end : tail.last].strip() != ""
    if tail.comparator in BOUNDS and stands_behind and all(one.comparator == "=" for one in listed[:-1]):
        return [replace(one, comparator=tail.comparator, is_stated=True) for one in listed]
    is_open = OPEN_NUMBER.search(text[head.start : head.end])  # 2000 多: of this figure alone
    if head.comparator in BOUNDS and not is_open and all(one.comparator == "=" for one in listed[1:]):
        return [replace(one, comparator=head.comparator, is_stated=True) for one in listed]
    return listed


def _are_joined(text: str, listed: Sequence[Reading]) -> bool:
    """By "and" or 、; after a mere comma a figure of another kind stands for itself."""
    return all(JOINT.search(text, one.last, other.start) for one, other in pairwise(listed))


EQUIVALENT = re.compile(r" ?\( ?(?:or |i\.e\.,? |about |approximately |approx\.? |即|约|相当于)?")
NEARLY = Fraction(8, 100)


def equivalents(text: str, found: Sequence[Reading]) -> list[Reading]:
    """In "at least 150 mm (5.9 in)" the same length stands twice, and the comparison holds for both."""
    told: list[Reading] = []
    for reading in found:
        first = told[-1] if told else None
        is_twice = first and EQUIVALENT.fullmatch(text, first.last, reading.start) and _are_the_same(first, reading)
        if first and is_twice:
            told.append(replace(reading, comparator=first.comparator, is_stated=first.is_stated, name=first.name))
        else:
            told.append(reading)
    return told


def _are_the_same(one: Reading, other: Reading) -> bool:
    mine, yours = read_unit(one.unit), read_unit(other.unit)
    if (
        mine.kind != yours.kind
        or (one.unit == other.unit and one.value != other.value)
        or one.high is not None
        or other.high is not None
    ):
        return False
    base = Fraction(one.value) * mine.factor + mine.offset
    return abs(base - (Fraction(other.value) * yours.factor + yours.offset)) <= abs(base) * NEARLY
