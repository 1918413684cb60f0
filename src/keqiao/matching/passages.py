"""The figures of a text that can be indicators, each with the sentence it stands in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import overload

from keqiao.matching.reading import Reading, Role, Status, readings
from keqiao.matching.types import Offered, Wanted

SENTENCE_END = re.compile(r"[。；;!?！？\n]|\.(?= +[A-Z(“\"])")
LONGEST_PASSAGE = 240  # characters; a longer sentence is cut around its figure
LEAST_NAME = 2
MOST_OFFERS = 40
READ = "read_"  # before the status, in the kind of evidence of a figure read from the text


@dataclass(frozen=True)
class TextFigure:
    """One figure of a text. `start` and `end` are its place in `passage`, with its name where that stands before it."""

    reading: Reading
    passage: str
    start: int
    end: int

    @property
    def want(self) -> Wanted:
        return self.reading.as_wanted()

    @property
    def offer(self) -> Offered:
        return self.reading.as_offered(self.passage)

    @property
    def status(self) -> Status:
        return self.reading.status

    @property
    def pieces(self) -> tuple[str, str, str]:
        """The passage before, at and after the figure."""
        return self.passage[: self.start], self.passage[self.start : self.end], self.passage[self.end :]


@lru_cache(maxsize=512)  # a page reads the same texts for several of its parts
def text_figures(text: str) -> tuple[TextFigure, ...]:
    """Those that have a name and say how large the named thing is; no changes, conditions, counts or prices."""
    found = readings(text)
    return tuple(_in_passage(text, reading) for reading in found if is_indicator(reading))


def is_indicator(reading: Reading) -> bool:
    return (
        reading.role is Role.FIGURE
        and len(reading.name) >= LEAST_NAME
        and not reading.is_count
        and not (reading.is_money and reading.unit.strip() == reading.name)
        and reading.unit != "TRL"  # maturity has a field of its own
    )


def _in_passage(text: str, reading: Reading) -> TextFigure:
    begin, finish = _sentence(text, reading)
    first = max(begin, min(reading.first, reading.start))
    last = min(finish, max(reading.last, reading.end))
    return TextFigure(reading, text[begin:finish], first - begin, last - begin)


def _sentence(text: str, reading: Reading) -> tuple[int, int]:
    begin = max((found.end() for found in SENTENCE_END.finditer(text, 0, reading.start)), default=0)
    end = SENTENCE_END.search(text, max(reading.last, reading.end))
    finish = end.end() if end else len(text)
    begin += len(text[begin:finish]) - len(text[begin:finish].lstrip())
    if finish - begin > LONGEST_PASSAGE:
        begin = max(begin, reading.start - LONGEST_PASSAGE // 2)
        finish = min(finish, begin + LONGEST_PASSAGE)
    return min(begin, reading.first if reading.first >= begin else reading.start), max(finish, reading.end)


def read_offers(text: str) -> tuple[Offered, ...]:
    """What an item without a table of indicators states in its text; how each is known stands in `evidence_kind`."""
    return tuple(
        replace(figure.offer, evidence_kind=f"{READ}{figure.status.value}")
        for figure in text_figures(text)[:MOST_OFFERS]
    )


@dataclass(frozen=True)
class TextOffers(Sequence[Offered]):
    """`read_offers` of a text, read when first looked at: most searches ask for no figure. `read`: where they are kept."""

    text: str
    read: Callable[[str], tuple[Offered, ...]] = field(default=read_offers, compare=False, repr=False)

    @cached_property
    def _offers(self) -> tuple[Offered, ...]:
        return self.read(self.text)

    def __len__(self) -> int:
        return len(self._offers)

    @overload
    def __getitem__(self, place: int) -> Offered: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Offered]: ...

    def __getitem__(self, place: int | slice) -> Offered | Sequence[Offered]:
        return self._offers[place]


def of_texts(texts: Iterable[str]) -> list[TextFigure]:
    """The figures of several texts, one of each that says the same."""
    found: dict[tuple[object, ...], TextFigure] = {}
    for text in texts:
        for figure in text_figures(text):
            r = figure.reading
            found.setdefault((r.name, r.comparator, r.value, r.high, r.unit), figure)
    return list(found.values())
