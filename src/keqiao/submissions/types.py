"""Words of the submissions context."""

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import BadInput, DomainError, WrongState


class SubmissionKind(models.TextChoices):
    NEED = "need", _("需求")
    ACHIEVEMENT = "achievement", _("成果")


class SubmissionState(models.TextChoices):
    """A submission is what somebody writes; an item of the catalogue is what was accepted of it."""

    DRAFT = "draft", _("草稿")
    ORGANISATION_REVIEW = "organisation_review", _("单位审核")
    PLATFORM_REVIEW = "platform_review", _("平台审核")
    RETURNED = "returned", _("退回补充")
    ACCEPTED = "accepted", _("已通过")
    DECLINED = "declined", _("未通过")
    DISCARDED = "discarded", _("已删除")


class ReviewStep(models.TextChoices):
    ORGANISATION = "organisation", _("单位审核")
    PLATFORM = "platform", _("平台审核")


class NoteKind(models.TextChoices):
    """What a line in the record of a review says."""

    SUBMISSION = "submission", _("提交")
    TAKEN_BACK = "taken_back", _("撤回")
    HANDED = "handed", _("转交")
    CLAIM = "claim", _("领取")
    PROMISE = "promise", _("答复期限")
    QUESTION = "question", _("提问")
    ANSWER = "answer", _("答复")
    APPROVAL = "approval", _("同意")
    RETURN = "return", _("退回")
    DECLINE = "decline", _("不通过")
    SKIPPED = "skipped", _("跳过单位审核")
    COVERED = "covered", _("沿用单位同意")
    ACCEPTANCE = "acceptance", _("通过并公开")
    DIRECT = "direct", _("管理员直接公开")
    CONFIRMED = "confirmed", _("确认分类")


class SkipReason(models.TextChoices):
    """Why a submission went to the platform without its organisation's review."""

    ONE_PERSON = "one_person", _("单位只有一位可办理的人员")
    WAIVED = "waived", _("单位已声明免去内部审核")


class Origin(models.TextChoices):
    FORM = "form", _("网页填写")
    IMPORT = "import", _("批量导入")
    API = "api", _("接口")


class SourcePurpose(models.TextChoices):
    DRAFTING = "drafting", _("起草")
    TRANSLATION = "translation", _("翻译")


class SourceState(models.TextChoices):
    WAITING = "waiting", _("排队中")
    READING = "reading", _("正在读文件")
    DRAFTING = "drafting", _("正在起草")
    DONE = "done", _("已完成")
    FAILED = "failed", _("没有办成")


class Writer(models.TextChoices):
    """What wrote a value that no person has answered for yet."""

    RULES = "rules", _("规则摘录")
    MODEL = "model", _("模型起草")


class SuggestionAnswer(models.TextChoices):
    CONFIRMED = "confirmed", _("已确认")
    CHANGED = "changed", _("已改写")
    DROPPED = "dropped", _("不要")


class ComplaintState(models.TextChoices):
    OPEN = "open", _("待受理")
    IN_REVIEW = "in_review", _("核查中")
    UPHELD = "upheld", _("投诉成立")
    DISMISSED = "dismissed", _("投诉不成立")
    TAKEN_BACK = "taken_back", _("已撤回投诉")


class ComplaintReason(models.TextChoices):
    UNTRUE = "untrue", _("内容不实")
    INFRINGES = "infringes", _("侵犯权利")
    CONFIDENTIAL = "confidential", _("泄露秘密")
    ILLEGAL = "illegal", _("违法违规")
    DUPLICATE = "duplicate", _("重复发布")
    OTHER = "other", _("其他")


class DeclineReason(models.TextChoices):
    """Why the platform does not publish something; the text beside it says the rest."""

    OUT_OF_SCOPE = "out_of_scope", _("不属于技术成果或技术需求")
    INCOMPLETE = "incomplete", _("关键信息无法核实")
    DUPLICATE = "duplicate", _("与已公开的内容重复")
    UNTRUE = "untrue", _("内容不实")
    CONFIDENTIAL = "confidential", _("含有不宜公开的内容")
    UNLAWFUL = "unlawful", _("违反法律或平台规则")
    OTHER = "other", _("其他原因")


@dataclass(frozen=True)
class Written:
    """One value for a draft: what wrote it, and from which words."""

    field: str
    value: Any
    passage: str
    by: str


# --- what can go wrong ------------------------------------------------------------------------------------------------


class OutdatedRevision(DomainError):
    """Somebody saved in the meantime: the page shows an older text than the one that would be decided on."""

    message = _("这份申报在别处改过了。请刷新页面，看过新的内容再办理。")


class AlreadyDecided(WrongState):
    """The other of two reviewers was faster; the message says who and what."""

    message = _("这份申报已有人办理。")


class ClaimedByOther(WrongState):
    """A colleague has taken it; taking it over is a step of its own."""

    message = _("这份申报已由同事领取。")


class OpenQuestions(BadInput):
    """Sent in again while a reviewer's question has neither an answer nor a change at its place."""

    message = _("审核人员的提问还没有答复。")


class ItemIsClosed(WrongState):
    """A closed item takes no new version."""

    message = _("这一条已经结束，不能再公开新的版本。")


class Unconfirmed(BadInput):
    """Handed in while it holds what no person has answered for."""

    message = _("草稿里还有机器起草、没有核对的内容。请逐项确认或删去后再提交。")


class TooManySources(DomainError):
    """The limit of one person and day."""

    status = 429
    message = _("今天起草和翻译的次数已达上限，请明天再试。")


class TooManyComplaints(DomainError):
    """The limit of one person and day."""

    status = 429
    message = _("今天的投诉已达上限，请明天再提交。")


class ComplaintIsOpen(DomainError):
    """One open complaint per person and item."""

    message = _("您对这一条的投诉还在办理中，请等待答复，或先撤回再重新提交。")


class OrganisationNotVerified(WrongState):
    """What an organisation writes becomes public once the platform has verified the organisation."""

    message = _("这个单位还没有通过核实，核实之后才能公开。")
