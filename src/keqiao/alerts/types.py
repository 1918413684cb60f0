"""Words of the alerts context."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Subject(models.TextChoices):
    """What is watched."""

    OWN = "own", _("本单位条目的匹配")
    NEED = "need", _("一条需求")
    ACHIEVEMENT = "achievement", _("一项成果")
    ORGANISATION = "organisation", _("一个单位")
    CLASS = "class", _("一个领域或分类")
    SEARCH = "search", _("保存的检索")


class Scheme(models.TextChoices):
    """Code tables of which a class may be watched."""

    FIELD = "field", _("产业领域")
    IPC = "ipc", _("国际专利分类")
    INDUSTRY = "industry", _("国民经济行业")


class Cadence(models.TextChoices):
    AT_ONCE = "at_once", _("随时")
    DAILY = "daily", _("每天汇总")
    WEEKLY = "weekly", _("每周汇总")


class Reason(models.TextChoices):
    """Why something is told."""

    MATCH = "match", _("新的匹配")
    PUBLISHED = "published", _("新公开")
    CHANGED = "changed", _("内容有更新")
    ENDED = "ended", _("已结束")


class AlertState(models.TextChoices):
    WAITING = "waiting", _("待发")
    SENT = "sent", _("已发")
    ALSO = "also", _("已由另一项关注告知")


class StaleReason(models.TextChoices):
    """Why an item may no longer hold."""

    DEADLINE = "deadline", _("需求的截止日期已过")
    QUIET = "quiet", _("很久没有更新，也没有人联系")
    RIGHT = "right", _("列出的知识产权已过有效期")
    EVIDENCE = "evidence", _("证明材料年代已久")
    NOBODY = "nobody", _("单位里没有人能答复联系")


# Plain words for points, from the lowest that they cover.
WORDS_OF_POINTS = (
    (0, _("全部，不看分数")),
    (1, _("稍有关联即可")),
    (40, _("大体对应")),
    (60, _("多数条件对应")),
    (75, _("契合度高")),
    (90, _("几乎完全契合")),
)


def words_of(points: int) -> str:
    return str([words for least, words in WORDS_OF_POINTS if points >= least][-1])
