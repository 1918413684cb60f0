"""The shapes of public items, their matches, rules and code tables, as the API gives them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ninja import Schema
from pydantic import Field

from keqiao.kernel.api import DeepPageOut, PageOut
from keqiao.parties.api import OrganisationOut


class Text(Schema):
    """An item in one language. `origin`: author, translated (by a person) or machine."""

    lang: str
    origin: str
    parts: dict[str, str]


class IndicatorOut(Schema):
    name_zh: str
    name_en: str
    comparator: str
    value: Decimal = Field(description="Target of a need, value of an achievement; lower end of a range.")
    high: Decimal | None
    unit: str
    condition_zh: str
    condition_en: str
    is_must: bool | None = Field(None, description="Needs only: a hard requirement.")
    current: Decimal | None = Field(None, description="Needs only: what is reached today.")
    evidence: str | None = Field(None, description="Achievements only: third_party, user_report, self_measured …")


class FigureOut(Schema):
    """One figure that the text states, read by rules: what the table of indicators does not say."""

    lang: str
    part: str
    start: int = Field(description="Place of number and unit in that part of the text, in characters.")
    end: int
    name: str
    comparator: str
    value: Decimal
    high: Decimal | None
    unit: str
    condition: str
    status: str = Field(description="How the sentence says that it is known: measured, claimed or unknown.")


class PriceOut(Schema):
    """Budget of a need or asking price of an achievement: intended, not signed. Minor units of the currency."""

    kind: str
    low_minor: int | None
    high_minor: int | None
    currency: str


class ItemOut(Schema):
    """What needs and achievements have in common."""

    code: str
    url: str
    state: str
    field: str
    ipc: list[str]
    industry: list[str]
    keywords_zh: list[str]
    keywords_en: list[str]
    modes: list[str]
    region: str
    price: PriceOut
    texts: list[Text]
    indicators: list[IndicatorOut]
    figures: list[FigureOut] | None = Field(None, description="Of one item; null in lists.")
    published_at: datetime | None
    updated_at: datetime
    is_fictional: bool
    source: dict[str, str]


class NeedOut(ItemOut):
    publisher: OrganisationOut | None = Field(description="null: the publisher is not shown to you")
    budget_shown: str = Field(description="shown; matched or hidden: the price is told to you and not to everybody")
    kind: str
    trl_min: int | None
    deadline: date | None


class AchievementOut(ItemOut):
    owner: OrganisationOut
    trl: int | None
    ownership: str


class MatchOut(Schema):
    """A stored match. `score` is exactly the sum of the points of the stones in `arch`."""

    need: str
    achievement: str
    score: int
    has_unmet: bool = Field(description="A hard requirement is not met: such matches stand after all others.")
    arch: dict[str, Any]
    computed_at: datetime


class CompareCellOut(Schema):
    achievement: str
    verdict: str | None = Field(description="met, partly, unknown, unmet; null: not computed")
    fit: float | None
    points: int | None = Field(description="Of a stone; null for a single line.")
    offered: str


class CompareRowOut(Schema):
    """A stone, or one line of it. Values are in the need's units, the original spelling in parentheses."""

    stone: str
    is_stone: bool
    label_zh: str
    label_en: str
    is_must: bool
    asked: str
    cells: list[CompareCellOut]


class ComparisonOut(Schema):
    need: str
    achievements: list[str]
    rows: list[CompareRowOut]


class CombinationOut(Schema):
    """Achievements that together reach every hard requirement that none reaches alone.

    `part` of a finding in `arch` says which of `achievements` it comes from, counted from 0.
    """

    achievements: list[str]
    score: int
    arch: dict[str, Any]
    conflicts: list[dict[str, Any]] = Field(description="kind: price, modes, condition; row: of the need's indicators")
    computed_at: datetime


class Combinations(Schema):
    items: list[CombinationOut]


class RelaxationOut(Schema):
    """A hard requirement at a laxer value. `target` null: the must becomes a wish. `row` null: the maturity."""

    row: int | None
    target: Decimal | None
    high: Decimal | None
    brings: int = Field(description="Matches that come above the line, all else equal.")


class Relaxations(Schema):
    items: list[RelaxationOut]


class RuleOut(Schema):
    key: str
    jurisdiction: str
    value: Any
    unit: str
    first_on: date
    last_on: date | None
    instrument: str
    article: str
    source: str
    is_confirmed: bool
    note_zh: str
    note_en: str


class CodeOut(Schema):
    code: str
    parent: str
    level: str
    title_zh: str
    title_en: str


class Needs(DeepPageOut):
    items: list[NeedOut]


class Achievements(DeepPageOut):
    items: list[AchievementOut]


class Matches(PageOut):
    items: list[MatchOut]


class Rules(PageOut):
    items: list[RuleOut]


class Codes(PageOut):
    items: list[CodeOut]
