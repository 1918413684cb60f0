"""Words of the experts context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import WrongState


class EvidenceKind(models.TextChoices):
    """What an expert's score rests on."""

    ACHIEVEMENT = "achievement", _("参与的成果")
    PAPER = "paper", _("论文与著作")
    SOLVED = "solved", _("办结的需求")
    STATEMENT = "statement", _("自述")


class Tie(models.TextChoices):
    """Why somebody is kept out of a need: 回避."""

    EMPLOYED = "employed", _("在需求单位任职或曾任职")
    TEAM = "team", _("与需求单位同在一项成果的团队")
    CONTRACT = "contract", _("与需求单位有来源载明的合同")
    DECLARED = "declared", _("本人声明回避")
    REFUSED = "refused", _("本人谢绝过这项需求")
    UNMET = "unmet", _("有硬性要求未满足")


class DeclaredTie(models.TextChoices):
    """What an expert declares against an organisation."""

    EMPLOYMENT = "employment", _("任职或兼职")
    CONTRACT = "contract", _("合同或资助关系")
    SHARES = "shares", _("股权或其他经济利益")
    KIN = "kin", _("近亲属")
    OTHER = "other", _("其他")


class PlanKind(models.TextChoices):
    """To whom needs are given."""

    EXPERTS = "experts", _("专家")
    BROKERS = "brokers", _("技术经理人")
    ACHIEVEMENTS = "achievements", _("成果")


class PlanState(models.TextChoices):
    COMPUTING = "computing", _("计算中")
    READY = "ready", _("待确认")
    CONFIRMED = "confirmed", _("已确认")
    CANCELLED = "cancelled", _("已取消")


class AssignmentState(models.TextChoices):
    PROPOSED = "proposed", _("拟派，未通知")
    ASKED = "asked", _("待答复")
    ACCEPTED = "accepted", _("已接受")
    DECLINED = "declined", _("已谢绝")
    EXPIRED = "expired", _("逾期未答复")
    DONE = "done", _("已办结")
    DROPPED = "dropped", _("已撤下")


class DeclineReason(models.TextChoices):
    BUSY = "busy", _("手上的事太多")
    FIELD = "field", _("不是我的方向")
    CONFLICT = "conflict", _("需要回避")
    OTHER = "other", _("其他")


class Solver(models.TextChoices):
    """What found the plan; shown with it."""

    FLOW = "flow", _("最小费用流（OR-Tools），总分最优")
    ROUNDS = "rounds", _("匈牙利算法（SciPy），每项需求派一人时最优")
    ROUNDS_APPROXIMATE = "rounds_approximate", _("匈牙利算法逐轮指派（SciPy），不保证最优")


class WhyNot(models.TextChoices):
    """Why an alternative was not chosen for a need."""

    TIE = "tie", _("需要回避")
    AWAY = "away", _("没有空余名额")
    FULL = "full", _("名额已派给别的需求，换过来总分更低")
    LOAD = "load", _("手上的事更多")
    WORST = "worst", _("会拉低最差一项需求的得分")
    LOWER = "lower", _("得分更低")


ON_DESK = (AssignmentState.ASKED, AssignmentState.ACCEPTED)  # what counts as load
HELD = (AssignmentState.PROPOSED, *ON_DESK)


class NoRoom(WrongState):
    """Between computing and confirming, others took the place."""

    message = _("有人的名额已被别的计划占用，请改派后再确认。")


@dataclass(frozen=True)
class Evidence:
    """One text that speaks for an expert. `code`: of the achievement or the need; papers have none."""

    kind: str
    key: int
    title_zh: str = ""
    title_en: str = ""
    texts: tuple[str, ...] = ()
    code: str = ""
    doi: str = ""
    year: int | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    def __str__(self) -> str:
        return self.title_zh or self.title_en


@dataclass(frozen=True)
class Reason:
    """Why an expert fits: one evidence, how much of the score is its, the words in common and the best sentence."""

    evidence: Evidence
    share: int  # per cent of the expert's score
    words: tuple[str, ...]
    passage: str


@dataclass(frozen=True)
class Found:
    """One expert for a need."""

    profile: object
    score: int  # 100: as if their works were written about this very need
    reasons: tuple[Reason, ...] = ()
    ties: tuple[str, ...] = ()
    load: int | None = None  # None: not the reader's to know
    capacity: int | None = None


@dataclass(frozen=True)
class Problem:
    """Who could do what, in numbers. Rows are needs, columns are candidates; a score of 0 or a tie is no pair."""

    scores: tuple[tuple[int, ...], ...]
    ties: frozenset[tuple[int, int]]
    room: tuple[int, ...]  # how many more each candidate can take
    load: tuple[int, ...]  # how many each has already
    per_need: int = 1
    spread: int = 0  # points of score that each task already on a desk costs
    raises_worst: bool = False

    def is_pair(self, need: int, candidate: int) -> bool:
        return self.scores[need][candidate] > 0 and (need, candidate) not in self.ties


@dataclass(frozen=True)
class Answer:
    """Need → its candidates, best score first."""

    chosen: Mapping[int, tuple[int, ...]]
    solver: str
    points: int  # the sum of the scores
    least: int  # the lowest score that was allowed in
    loads: Mapping[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(len(found) for found in self.chosen.values())
