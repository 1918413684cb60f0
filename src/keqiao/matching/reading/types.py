"""What was read from a text, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from keqiao.matching.types import Offered, Wanted


class Role(StrEnum):
    """What a figure is to its sentence. Only a `figure` says how large the named thing is."""

    FIGURE = "figure"
    CHANGE = "change"  # 提高 20%: the accuracy is not 20 %
    CONDITION = "condition"  # at 80 ℃: the circumstance of another figure


class Status(StrEnum):
    """How the sentence says that it is known."""

    MEASURED = "measured"
    CLAIMED = "claimed"  # promised, required, possible, calculated
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Reading:
    """One figure. `start` and `end`: number and unit in the text; `first` and `last`: with name and comparing words."""

    start: int
    end: int
    first: int
    last: int
    value: Decimal
    high: Decimal | None
    spread: Decimal | None  # after ±
    unit: str
    comparator: str  # ">=", "<=", "=", "range"
    is_stated: bool  # the comparison was written
    name: str = ""
    role: Role = Role.FIGURE
    status: Status = Status.UNKNOWN
    condition: str = ""
    is_count: bool = False  # a mere number of things
    is_money: bool = False

    @property
    def is_chinese(self) -> bool:
        return any("\u4e00" <= character <= "\u9fff" for character in self.name)

    def as_wanted(self) -> Wanted:
        zh, en = (self.name, "") if self.is_chinese else ("", self.name)
        return Wanted(zh, en, self.comparator, self.value, self.unit, self.high, condition=self.condition)

    def as_offered(self, passage: str = "") -> Offered:
        zh, en = (self.name, "") if self.is_chinese else ("", self.name)
        return Offered(
            zh, en, self.comparator, self.value, self.unit, self.high, condition=self.condition, evidence=passage
        )


@dataclass(frozen=True)
class Figure:
    """One number or range with its unit, before its words are looked at."""

    start: int
    end: int  # of the number
    value: Decimal
    high: Decimal | None = None
    spread: Decimal | None = None
    unit: str = ""
    unit_end: int = 0
    currency: str = ""
    prefix_start: int = -1  # where "TRL" or "$" begins
