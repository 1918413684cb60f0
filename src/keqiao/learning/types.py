"""Words of the learning context."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import BadInput, WrongState


class RowKind(models.TextChoices):
    """What a row tells: it was shown, and what became of it."""

    SHOWN = "shown", _("展示")
    SUITABLE = "suitable", _("合适")
    UNSUITABLE = "unsuitable", _("不合适")
    CONTACTED = "contacted", _("已联系")
    ANSWERED = "answered", _("已答复")
    DECLINED = "declined", _("被谢绝")
    SIGNED = "signed", _("已签约")


class ModelState(models.TextChoices):
    TRAINING = "training", _("正在训练")
    READY = "ready", _("可以启用")
    IN_FORCE = "in_force", _("正在使用")
    RETIRED = "retired", _("已停用")
    FAILED = "failed", _("没有训练成")


class Step(models.TextChoices):
    """What the training job is at."""

    WAITING = "waiting", _("排队")
    GATHERING = "gathering", _("收集数据")
    LEARNING = "learning", _("学习")
    JUDGING = "judging", _("评估")
    COMPARING = "comparing", _("比较真实需求")


class Trouble(models.TextChoices):
    """Why a training came to nothing."""

    FEW_ORGANISATIONS = "few_organisations", _("给出答复的单位太少，学到的会透露个别单位的想法。")
    FEW_ANSWERS = "few_answers", _("答复太少，学不出可靠的权重。")
    SAME = "same", _("学到的权重和现在的一样，没有要启用的。")
    STOPPED = "stopped", _("管理员停止了训练。")


class TrainingUnderWay(WrongState):
    """One at a time: what a second one would learn is the same."""

    message = _("已经有一个训练在进行，请等它结束，或者先停止它。")


class PointsChanged(WrongState):
    """The card compares with points that hold no more."""

    message = _("训练之后，现行的权重已经变了，模型卡上的比较不再成立。请重新训练。")


class NothingToRollBack(WrongState):
    """The points that ship hold already."""

    message = _("现在用的就是默认权重，没有可以退回的。")


class NotConfirmed(BadInput):
    """A step that changes everybody's order is said twice."""

    message = _("请勾选“我看过模型卡”，再启用。")


@dataclass(frozen=True)
class Month:
    """How many rows of each kind a month brought."""

    first_on: date
    counts: dict[str, int]


@dataclass(frozen=True)
class Move:
    """Where a match of a real need stands now and where it would stand, with its score."""

    achievement: object
    before: int
    after: int
    score_before: int
    score_after: int

    @property
    def rises(self) -> bool:
        return self.after < self.before

    @property
    def places(self) -> int:
        return abs(self.after - self.before)


@dataclass(frozen=True)
class NeedMoves:
    """A need whose list would change."""

    need: object
    moves: tuple[Move, ...]
