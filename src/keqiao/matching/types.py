"""Plain data of matching: what is compared, what comes out. No database, no web."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import DomainError


class IndexNotReady(DomainError):
    """There is no index to search in; a job tries again."""

    status = 503
    message = _("检索索引正在建立，请稍后再试。")


class SearchAway(DomainError):
    """The search engine is a server of its own and does not answer."""

    status = 503
    message = _("检索服务暂时没有应答，请稍后再试。")


class RunState(TextChoices):
    """Of all pairs."""

    RUNNING = "running", _("进行中")
    DONE = "done", _("已完成")
    STOPPED = "stopped", _("已停止")
    FAILED = "failed", _("出错停止")


@dataclass(frozen=True)
class Scored:
    """A need's matches as worked out outside the database's transaction, with the revisions that were compared."""

    need_id: int
    revision: int
    pairs: Matches


class Reach(StrEnum):
    """How far a query's text may go when the site has an embedding model elsewhere."""

    PUBLIC = "public"  # of a published item
    TYPED = "typed"  # into the search box: only where the operator says so
    PRIVATE = "private"  # of a draft or of what is not public: never


class Stone(StrEnum):
    """The six factors of a match, in the order of the arch from the need's pier to the result's."""

    TECHNOLOGY = "technology"
    INDICATORS = "indicators"
    MATURITY = "maturity"
    MODES = "modes"
    PRICE = "price"
    REGION = "region"


class Verdict(StrEnum):
    """How a factor or a single requirement came out."""

    MET = "met"
    PARTLY = "partly"
    UNKNOWN = "unknown"  # counts half and becomes a question
    UNMET = "unmet"  # a hard requirement that is not met: counts zero, drawn red


@dataclass(frozen=True)
class Wanted:
    """One indicator of a need."""

    name_zh: str
    name_en: str
    comparator: str  # ">=", "<=", "=", "range"
    target: Decimal
    unit: str
    high: Decimal | None = None  # upper end when the comparator is "range"
    current: Decimal | None = None
    must: bool = True
    condition: str = ""


@dataclass(frozen=True)
class Offered:
    """One indicator of an achievement."""

    name_zh: str
    name_en: str
    comparator: str
    value: Decimal
    unit: str
    high: Decimal | None = None
    condition: str = ""
    evidence_kind: str = ""  # third_party, self_measured, user_report, literature or empty
    evidence: str = ""


@dataclass(frozen=True)
class Price:
    """Budget or asking price in whole fen of one currency. kind: amount, negotiable, unknown."""

    kind: str = "unknown"
    low_fen: int | None = None
    high_fen: int | None = None
    currency: str = "CNY"


@dataclass(frozen=True)
class TextPart:
    """One part of an item's text in one language, as the item's page shows it."""

    lang: str
    name: str  # title, problem, summary …, keywords
    text: str


@dataclass(frozen=True)
class NeedFacts:
    """What matching reads of a need."""

    code: str
    title: str
    text: str
    ipc: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    indicators: tuple[Wanted, ...] = ()
    trl_min: int | None = None
    modes: tuple[str, ...] = ()
    budget: Price = field(default_factory=Price)
    region: str = ""  # code of the region table; its ancestors are in `region_path`
    region_path: tuple[str, ...] = ()  # from the country or province down to the region itself
    region_wish: str = "any"  # local: same city preferred
    deadline: date | None = None
    lang: str = "zh"
    parts: tuple[TextPart, ...] = ()  # what `title`, `text` and `keywords` are made of, with its places


@dataclass(frozen=True)
class AchievementFacts:
    """What matching reads of an achievement."""

    code: str
    title: str
    text: str
    ipc: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    indicators: Sequence[Offered] = ()
    trl: int | None = None
    trl_evidence: str = ""
    modes: tuple[str, ...] = ()
    price: Price = field(default_factory=Price)
    region: str = ""
    region_path: tuple[str, ...] = ()
    lang: str = "zh"
    parts: tuple[TextPart, ...] = ()


@dataclass(frozen=True)
class Weights:
    """Points of each stone; whole numbers that add up to 100 (parameter `matching.weights`, dated)."""

    points: Mapping[Stone, int]
    version: str


@dataclass(frozen=True)
class Quote:
    """Words of an item and where they stand. `marks`: the stretches of `text` that count."""

    part: str
    lang: str
    start: int
    end: int
    text: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Citation:
    """A passage of the need and the passage of the achievement that answers it; a finding rests on these alone."""

    need: Quote
    achievement: Quote


@dataclass(frozen=True)
class Finding:
    """One line of the explanation: a requirement, what was asked, what is offered, how it came out."""

    stone: Stone
    label_zh: str
    label_en: str
    verdict: Verdict
    fit: float  # 0..1; unknown is 0.5, unmet 0
    asked: str  # language-neutral where possible ("≥ 15 LMH/bar"); empty when nothing was asked
    offered: str
    evidence: str = ""  # passage or statement that supports `offered`
    must: bool = False
    question_zh: str = ""  # what to ask when unknown
    question_en: str = ""
    asked_en: str = ""  # where words cannot be avoided ("300 万元", "不限"); empty means as `asked`
    offered_en: str = ""
    need_row: int | None = None  # which indicator of the need is asked for, counted from 0
    achievement_row: int | None = None  # which indicator of the achievement answers it; None for one read from its text
    citations: tuple[Citation, ...] = ()
    part: int | None = None  # of a combination: which of its achievements this comes from, counted from 0


@dataclass(frozen=True)
class StoneResult:
    """One stone of the arch with its share of the score."""

    stone: Stone
    weight: int  # points at full fit
    fit: float  # 0..1
    points: int  # whole; over all stones they add up to the score
    verdict: Verdict
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Arch:
    """A scored match. `score` is exactly the sum of the stones' points."""

    score: int
    stones: tuple[StoneResult, ...]
    has_unmet: bool  # an unmet hard requirement: ranked below the line

    @property
    def questions(self) -> tuple[Finding, ...]:
        return tuple(f for s in self.stones for f in s.findings if f.verdict is Verdict.UNKNOWN and f.question_zh)


# Code of the counterpart → the revision of it that was compared, and the arch; the best first.
Matches = dict[str, tuple[int, Arch]]


@dataclass(frozen=True)
class Hit:
    """One retrieved document: its public code and the fused retrieval score (higher is better, scale-free)."""

    code: str
    score: float


TRL_BANDS = {"1-3": (1, 3), "4-6": (4, 6), "7-9": (7, 9)}  # both ends included
