"""Words of the joining context."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import DomainError


class JoinState(models.TextChoices):
    ASKED = "asked", _("等对方答复")
    ACCEPTED = "accepted", _("已加入")
    DECLINED = "declined", _("未接受")
    LEFT = "left", _("已退出")


OPEN = (JoinState.ASKED, JoinState.ACCEPTED)


class AlreadyJoined(DomainError):
    """One open request per organisation and item."""

    message = _("本单位已经加入或正在等答复。")


class TooManyJoins(DomainError):
    """An organisation asks only so often a day."""

    status = 429
    message = _("今天发出的加入申请已经很多，请明天再发。")


@dataclass(frozen=True)
class Shared:
    """How many share an item, for everybody: those that were accepted, and the names of those that show theirs."""

    count: int
    named: tuple[tuple[str, str, str], ...]  # code, name_zh, name_en
