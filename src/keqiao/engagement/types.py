"""Words of the engagement context."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import BadInput, DomainError
from keqiao.parties.types import Role

# Who is told of a contact that comes in; a person of the achievement's team is told as well.
RECEIVING_ROLES = (Role.CONVERSION_OFFICER, Role.RD_MANAGER, Role.AGENCY_STAFF, Role.EXCHANGE_OPERATOR)
# Who may take a contact over from a colleague.
WORKING_ROLES = (*RECEIVING_ROLES, Role.RESEARCHER, Role.TECHNOLOGY_MANAGER, Role.BANK_OFFICER, Role.INVESTOR)


class Side(models.TextChoices):
    """The two banks of a match. A broker stands on neither."""

    NEED = "need", _("需求方")
    ACHIEVEMENT = "achievement", _("成果方")


BROKER = "broker"  # the third place in a thread, beside the two sides


def other_side(side: str) -> str:
    return Side.ACHIEVEMENT if side == Side.NEED else Side.NEED


class ContactState(models.TextChoices):
    SENT = "sent", _("已发出")
    ACCEPTED = "accepted", _("已接受")
    HANDED_OVER = "handed_over", _("已转给同事")
    ANSWERED = "answered", _("已答复")
    DECLINED = "declined", _("已谢绝")
    CLOSED = "closed", _("已结束")
    EXPIRED = "expired", _("到期未答复")


UNANSWERED = (ContactState.SENT, ContactState.ACCEPTED, ContactState.HANDED_OVER)
OPEN = (*UNANSWERED, ContactState.ANSWERED)


class DeclineReason(models.TextChoices):
    NOT_FITTING = "not_fitting", _("技术上不对应")
    NOT_AVAILABLE = "not_available", _("目前不对外合作")
    TERMS = "terms", _("价格或合作方式谈不拢")
    CAPACITY = "capacity", _("近期没有人手")
    TAKEN = "taken", _("已有合作方")
    OTHER = "other", _("其他")


class UnsuitableReason(models.TextChoices):
    FIELD = "field", _("技术领域不对")
    INDICATORS = "indicators", _("指标达不到")
    MATURITY = "maturity", _("成熟度不够")
    PRICE = "price", _("价格不合适")
    MODE = "mode", _("合作方式不合适")
    KNOWN = "known", _("已经了解过")
    OTHER = "other", _("其他")


class MessageKind(models.TextChoices):
    """What a line of a thread is; only the first two are written freely."""

    OPENING = "opening", _("来信")
    TEXT = "text", _("消息")
    ANSWER = "answer", _("答复")
    DECLINE = "decline", _("谢绝")


class BrokerState(models.TextChoices):
    ASKED = "asked", _("等对方同意")
    AGREED = "agreed", _("双方同意，等平台指派")
    JOINED = "joined", _("已加入")
    REFUSED = "refused", _("未同意")


class AlreadyInContact(DomainError):
    """One open contact per pair and side."""

    message = _("这一对已经在对接中，请到原来的对话里继续。")

    def __init__(self, code: str = "") -> None:
        super().__init__()
        self.contact_code = code


class NobodyToContact(DomainError):
    """Nobody of the other organisation has an account that could take the contact."""

    message = _("对方还没有人在平台上办理对接，暂时联系不上。")


class NotOnOffer(DomainError):
    """Only public items are contacted about."""

    message = _("只能就公开中的成果和需求联系对方。")


class UnsafeFile(BadInput):
    """A file that is not what threads may carry."""

    message = _("不能发送这个文件。请换成 PDF、图片或不带宏的 Office 文件，例如 report.pdf。")


class TooManyContacts(DomainError):
    """An organisation sends only so many contacts a day."""

    status = 429
    message = _("今天发出的联系已经很多，请明天再发。")


@dataclass(frozen=True)
class Face:
    """Who stands on a side, as the reader may know it. A masked side has a description instead of a name."""

    name_zh: str
    name_en: str
    organisation_code: str = ""
    is_masked: bool = False


@dataclass(frozen=True)
class AnswerRecord:
    """How an organisation answers, over the last year. None: too few cases to say anything."""

    cases: int
    answered_in_time: int | None = None
    median_days: int | None = None

    @property
    def is_known(self) -> bool:
        return self.answered_in_time is not None


@dataclass(frozen=True)
class Outcome:
    """What one side of a pair made of the match so far. Ids only: nothing that was written."""

    side: str
    organisation_id: int
    person_id: int | None
    position: int | None  # in the side's list when first acted upon, from 1
    is_suitable: bool | None
    reason: str
    marked_at: datetime | None
    contacted_at: datetime | None
    answered_at: datetime | None
    declined_at: datetime | None
    decline_reason: str


@dataclass(frozen=True)
class Upload:
    """A file as it was given: its name and all its bytes."""

    name: str
    content: bytes
