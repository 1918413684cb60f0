"""Words of the submissions context."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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

    CLAIM = "claim", _("领取")
    PROMISE = "promise", _("答复期限")
    QUESTION = "question", _("提问")
    ANSWER = "answer", _("答复")
    APPROVAL = "approval", _("同意")
    RETURN = "return", _("退回")
    DECLINE = "decline", _("不通过")
    SKIPPED = "skipped", _("跳过单位审核")


class SkipReason(models.TextChoices):
    """Why a submission went to the platform without its organisation's review."""

    ONE_PERSON = "one_person", _("单位只有一位可办理的人员")
    WAIVED = "waived", _("单位已声明免去内部审核")


class Origin(models.TextChoices):
    FORM = "form", _("网页填写")
    IMPORT = "import", _("批量导入")
    API = "api", _("接口")


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
