"""What a figure is to its sentence (its role) and how the sentence says that it is known (its status)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from keqiao.catalogue.quantities import Unit
from keqiao.matching.reading import wording
from keqiao.matching.reading.types import Reading, Role, Status

LONGEST_SENTENCE = 600
MOST_CONDITIONS = 4
CLAUSE_END = re.compile(r"[,，。；;!?！？\n]|\.(?= )")
SENTENCE_END = re.compile(r"[。；;!?！？\n]|\.(?= +[A-Z])")
CONDITION_KINDS = re.compile(
    r"temperature|\[time\]\^1$|\[length\]\^-1.*\[mass\]|ph$|mach|^\[time\]\^-1$|\[length\]\^1$|angle"
)


def role_of(text: str, number: tuple[int, int], stated: tuple[int, int], unit: Unit) -> Role:
    """What the figure is to its sentence. `number`: where its number and unit stand; `stated`: with its words."""
    first, last = stated
    before, after = text[max(0, first - 40) : first], text[max(last, number[1]) : max(last, number[1]) + 24]
    direct = text[max(0, number[0] - 40) : number[0]]
    if not wording.LEVEL_BEFORE.search(direct) and (
        wording.CHANGE_BEFORE.search(before)
        or wording.CHANGE_BEFORE.search(direct)
        or wording.CHANGE_AFTER.match(after)
    ):
        return Role.CHANGE
    if wording.BETWEEN_ENDS.match(after):
        return Role.FIGURE
    if wording.CONDITION_AFTER.match(after):
        return Role.CONDITION
    if CONDITION_KINDS.search(unit.kind) and wording.CONDITION_BEFORE.search(before):
        return Role.CONDITION
    return Role.FIGURE


class Sentences:
    """The sentences and clauses of a text, each looked at once however many figures it has."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sentence_ends = [found.end() for found in SENTENCE_END.finditer(text)]
        self.clause_ends = [found.end() for found in CLAUSE_END.finditer(text)]
        self.looked: dict[tuple[int, int], Status] = {}

    def _span(self, ends: Sequence[int], at: int) -> tuple[int, int]:
        place = bisect_right(ends, at)
        return (ends[place - 1] if place else 0), (ends[place] if place < len(ends) else len(self.text))

    def status(self, reading: Reading) -> Status:
        """What the sentence says of how the figure is known; the figure's own clause counts more."""
        clause = self._span(self.clause_ends, reading.start)
        if clause not in self.looked:
            self.looked[clause] = _status(
                self.text[slice(*self._span(self.sentence_ends, reading.start))][:LONGEST_SENTENCE],
                self.text[slice(*clause)][:LONGEST_SENTENCE],
            )
        return self.looked[clause]

    def conditions(self, text: str, found: Sequence[Reading]) -> Iterator[str]:
        """The circumstances that the same sentence states: "平均压力为7 MPa；加热温度为923K"."""
        by_sentence: dict[tuple[int, int], list[str]] = {}
        for other in found:
            if other.role is Role.CONDITION:
                span = self._span(self.sentence_ends, other.start)
                by_sentence.setdefault(span, []).append(text[other.first : other.last].strip(" ,，、(（"))
        for reading in found:
            parts = by_sentence.get(self._span(self.sentence_ends, reading.start), ())
            yield "；".join(parts[:MOST_CONDITIONS]) if reading.role is Role.FIGURE else ""


def _status(sentence: str, clause: str) -> Status:
    if wording.PROMISED.search(clause) or wording.CALCULATED.search(sentence):
        return Status.CLAIMED
    if wording.MEASURED.search(sentence):
        return Status.MEASURED
    if wording.PROMISED.search(sentence) or wording.POSSIBLE.search(clause):
        return Status.CLAIMED
    return Status.UNKNOWN
