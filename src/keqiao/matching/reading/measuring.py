"""How well the reader reads: precision and recall on the labelled sentences in `labelled/` (its README says how)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any

from keqiao.catalogue.quantities import read_unit
from keqiao.matching.reading import Reading, readings

SETS = (
    "development",
    "first-test",
    "second-test",
    "third-test",
    "learning",
    "fourth-test",
    "fifth-test",
    "sixth-test",
    "seventh-test",
    "eighth-test",
    "ninth-test",
    "tenth-test",
    "eleventh-test",
    "twelfth-test",
    "thirteenth-test",
    "fourteenth-test",
    "fifteenth-test",
    "sixteenth-test",
    "seventeenth-test",
    "eighteenth-test",
    "nineteenth-test",
    "twentieth-test",
    "twenty-first-test",
    "twenty-second-test",
    "twenty-third-test",
    "twenty-fourth-test",
    "typed-a",
    "typed-b",
    "typed-c",
)
DAMAGED = "damaged"  # the stratum of typed-a and typed-b that went through optical reading
NEAR = Fraction(1, 10**9)  # converted values are compared to nine digits


@dataclass(frozen=True)
class Score:
    """Counts of one set in one language, or in both."""

    sentences: int
    right: int
    wrong: int
    missed: int
    roles: int  # of the right ones, how many have the labelled role
    statuses: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Slip:
    """One figure that was labelled and not read, or read and not labelled."""

    sentence: str
    text: str
    is_missed: bool


def sentences(name: str) -> list[dict[str, Any]]:
    """Those that are measured: what a person cannot read either was put aside when it was labelled.

    Without the collections (`bench/quantities.py --data`) the ones that are published by reference are left out.
    """
    return [row for row in published(name) if "text" in row]


def published(name: str) -> list[dict[str, Any]]:
    """As they stand in the file; without an open licence a sentence has its hash instead of its words."""
    text = files("keqiao.matching.reading").joinpath("labelled", f"{name}.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [row for row in rows if "aside" not in row]


def score(rows: Sequence[Mapping[str, Any]]) -> tuple[Score, list[Slip]]:
    total = Score(0, 0, 0, 0, 0, 0)
    slips: list[Slip] = []
    for row in rows:
        pairs, found = _paired(row)
        right = [(label, reading) for label, reading in pairs if reading is not None]
        total += Score(
            1,
            len(right),
            len(found) - len(right),
            len(pairs) - len(right),
            sum(label["role"] == reading.role for label, reading in right),
            sum(label["status"] == reading.status for label, reading in right),
        )
        slips += _slips(row, pairs, found)
    return total, slips


def _paired(row: Mapping[str, Any]) -> tuple[list[tuple[Mapping[str, Any], Reading | None]], list[Reading]]:
    """Each label with the reading that equals it and overlaps it; a reading answers one label."""
    found = [reading for reading in readings(row["text"]) if not reading.is_count]
    left, pairs = list(found), []
    for label in row["figures"]:
        hit = next((reading for reading in left if _is_same(label, reading)), None)
        if hit is not None:
            left.remove(hit)
        pairs.append((label, hit))
    return pairs, found


def _slips(
    row: Mapping[str, Any], pairs: Sequence[tuple[Mapping[str, Any], Reading | None]], found: Sequence[Reading]
) -> Iterator[Slip]:
    read = [reading for _label, reading in pairs if reading is not None]
    for label, reading in pairs:
        if reading is None:
            yield Slip(row["text"], row["text"][label["start"] : label["end"]], is_missed=True)
    for reading in found:
        if reading not in read:
            yield Slip(row["text"], row["text"][reading.start : reading.end], is_missed=False)


def _is_same(label: Mapping[str, Any], reading: Reading) -> bool:
    """Overlapping place, the same kind of unit, the same values in base units, the same comparison."""
    mine, yours = read_unit(label["unit"]), read_unit(reading.unit)
    return (
        reading.start < label["end"]
        and label["start"] < reading.end
        and mine.kind == yours.kind
        and label["comparator"] == reading.comparator
        and _is_near(label["value"], label["unit"], reading.value, reading.unit)
        and (label["high"] is None) == (reading.high is None)
        and (reading.high is None or _is_near(label["high"], label["unit"], reading.high, reading.unit))
    )


def _is_near(labelled: str, labelled_unit: str, read: Decimal, unit: str) -> bool:
    mine, yours = _base(Decimal(labelled), labelled_unit), _base(read, unit)
    return abs(mine - yours) <= abs(mine) * NEAR


def _base(value: Decimal, spelling: str) -> Fraction:
    unit = read_unit(spelling)
    return Fraction(value) * unit.factor + unit.offset
