"""Words of the inference context."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import DomainError, WrongState


class Service(models.TextChoices):
    """What an outside model is asked for."""

    EMBEDDINGS = "embeddings", _("语义向量")
    CHAT = "chat", _("起草与翻译")


class Task(models.TextChoices):
    """What a call is for. Only the first two send what is public or was typed into the search box."""

    INDEXING = "indexing", _("公开内容的索引")
    SEARCH = "search", _("检索")
    DRAFTING = "drafting", _("从文件起草")
    TRANSLATION = "translation", _("翻译草稿")


class CallState(models.TextChoices):
    RESERVED = "reserved", _("已预留")
    DONE = "done", _("已完成")
    FAILED = "failed", _("未成功")


@dataclass(frozen=True)
class Provider:
    """Where a service is asked, by setting. `host` is empty for a folder on this machine: nothing leaves it."""

    service: Service
    model: str
    host: str
    url: str = ""
    key: str = ""
    folder: str = ""
    price_in: Decimal = Decimal(0)  # yuan per million tokens
    price_out: Decimal = Decimal(0)

    @property
    def is_here(self) -> bool:
        return not self.host

    def micros(self, tokens_in: int, tokens_out: int) -> int:
        """What so many tokens cost, in millionths of a yuan, rounded up."""
        cost = tokens_in * self.price_in + tokens_out * self.price_out
        return int(cost.to_integral_value(rounding="ROUND_CEILING"))

    def __repr__(self) -> str:
        return f"<{self.service} {self.model} at {self.host or 'this machine'}>"  # never the key


# --- what can go wrong ------------------------------------------------------------------------------------------------


class ModelUnavailable(DomainError):
    """There is no answer from a model now: none is set up, it failed, it rests, or the month's money is used up."""

    status = 503
    message = _("外部模型现在不可用。")


class NoProvider(ModelUnavailable):
    """The site has no such model."""

    message = _("本站没有接入外部模型。")


class ModelRests(ModelUnavailable):
    """It failed several times in a row and is left alone for a while."""

    message = _("外部模型连续出错，暂停使用，稍后会自动再试。")


class CapReached(ModelUnavailable):
    """The call would go beyond the month's cap."""

    message = _("本月使用外部模型的费用已到上限。")


class BadAnswer(ModelUnavailable):
    """What came back is not what was asked for."""

    message = _("外部模型的答复不合要求，没有采用。")


class NoConsent(ModelUnavailable):
    """The organisation has not agreed that its unpublished text is sent to this model."""

    status = 403
    message = _("本单位没有同意把未公开的内容发给外部模型。")


class ModelChanged(WrongState):
    """The site changed its model between the reading and the agreeing."""

    message = _("本站的外部模型刚刚换了。请重新打开本页，看清楚发给谁，再决定。")


class ConsentGiven(WrongState):
    """There is one already, for the same model at the same place."""

    message = _("本单位已经同意过。")
