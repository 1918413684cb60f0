"""Words of the integrations context."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import DomainError
from keqiao.parties.types import Role

TOKEN_PREFIX = "kq_"  # noqa: S105 -- how a token begins, so that a leaked one is recognised
SECRET_PREFIX = "kqw_"  # noqa: S105 -- how the secret of a webhook begins


class BadToken(DomainError):
    """The token is unknown, expired or withdrawn: all look the same."""

    status = 401
    message = _("访问令牌无效、已过期或已停用。")


class NotYourOrganisation(DomainError):
    """The organisation that the request names is none of the person's, or not the one that the token is bound to."""

    status = 403
    message = _("这个令牌不能代表请求头 Keqiao-Organisation 里的单位。请写您任职单位的编号，例如 DW-00001。")


class IdempotencyConflict(DomainError):
    """The key was used for another request."""

    status = 422
    message = _("这个 Idempotency-Key 已用于另一个请求：请为每个新请求换一个新的，例如一个 UUID。")


class IdempotencyRunning(DomainError):
    """The first request with the key is still being carried out."""

    status = 409
    message = _("带同一个 Idempotency-Key 的请求正在办理，请稍后再试。")


class TooMany(DomainError):
    """The rate limit is used up."""

    status = 429
    message = _("请求太频繁，请在 Retry-After 给出的秒数之后再试。")


class Stale(DomainError):
    """The thing was changed since the version that If-Match names."""

    status = 412
    message = _("内容在您读取之后又有改动：请重新读取，再提交一次。")


class AddressRefused(DomainError):
    """The address must not be called from this site."""

    status = 422
    message = _("不能向这个地址发送。")


@dataclass(frozen=True)
class Scope:
    name: str
    label: str | Promise
    is_wide: bool = False  # asked for once more with the password


SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        Scope("needs:read", _("读取需求，含本人和本单位未公开的")),
        Scope("needs:write", _("起草、修改、提交、续期、撤下需求"), is_wide=True),
        Scope("achievements:read", _("读取成果，含本人和本单位未公开的")),
        Scope("achievements:write", _("起草、修改、提交、续期、撤下成果"), is_wide=True),
        Scope("organisations:read", _("读取单位资料，含本单位未公开的")),
        Scope("organisations:write", _("修改单位资料、邀请与任职"), is_wide=True),
        Scope("contacts:read", _("读取对接与留言")),
        Scope("contacts:write", _("发起对接、答复、留言"), is_wide=True),
        Scope("assignments:read", _("读取专家与派单")),
        Scope("assignments:write", _("派单、改派、确认与答复"), is_wide=True),
        Scope("feedback:write", _("标记匹配不合适")),
        Scope("learning:read", _("读取匹配学习的数据与模型（平台管理员）")),
        Scope("learning:write", _("训练、启用、退回匹配的权重（平台管理员）"), is_wide=True),
        Scope("matching:read", _("读取全量匹配的进度（平台管理员）")),
        Scope("matching:write", _("开始、停止全量匹配（平台管理员）"), is_wide=True),
        Scope("review:write", _("审核申报与投诉"), is_wide=True),
        Scope("import:write", _("批量导入"), is_wide=True),
        Scope("export:read", _("批量导出"), is_wide=True),
        Scope("books:read", _("读取本单位的账簿")),
        Scope("books:write", _("在本单位的账簿上记账、冲销、结账"), is_wide=True),
        Scope("deals:read", _("读取合同、分配方案与本人的收益")),
        Scope("deals:write", _("登记合同与到账，编制、确认、审批、支付分配"), is_wide=True),
        Scope("notices:read", _("读取公示")),
        Scope("notices:write", _("对公示提出与答复异议"), is_wide=True),
        Scope("me:read", _("读取本人资料、消息与设置")),
        Scope("me:write", _("修改本人资料、消息与设置"), is_wide=True),
        Scope("webhooks:read", _("读取本单位的回调与投递记录")),
        Scope("webhooks:write", _("设置本单位的回调"), is_wide=True),
    )
}


# Who may connect another system to their organisation, and see what was sent to it.
CONNECTING_ROLES = frozenset(
    {Role.CONVERSION_OFFICER, Role.RD_MANAGER, Role.AGENCY_STAFF, Role.EXCHANGE_OPERATOR, Role.ADMINISTRATOR}
)


class Audience(models.TextChoices):
    PUBLIC = "public", _("公开事实")
    OWN = "own", _("本单位的事")


@dataclass(frozen=True)
class WebhookKind:
    """A kind of fact that an organisation may be told: the events behind it, and whose it is."""

    name: str
    events: tuple[str, ...]
    audience: Audience
    label: str | Promise


_PUBLIC = (
    ("need.published", "catalogue.need_published", _("需求公开")),
    ("need.rewritten", "catalogue.need_rewritten", _("需求更新")),
    ("need.closed", "catalogue.need_closed", _("需求关闭")),
    ("need.withdrawn", "catalogue.need_withdrawn", _("需求撤下")),
    ("need.expired", "catalogue.need_expired", _("需求到期")),
    ("need.renewed", "catalogue.need_renewed", _("需求续期")),
    ("achievement.published", "catalogue.achievement_published", _("成果公开")),
    ("achievement.rewritten", "catalogue.achievement_rewritten", _("成果更新")),
    ("achievement.closed", "catalogue.achievement_closed", _("成果关闭")),
    ("achievement.withdrawn", "catalogue.achievement_withdrawn", _("成果撤下")),
    ("achievement.expired", "catalogue.achievement_expired", _("成果到期")),
    ("achievement.renewed", "catalogue.achievement_renewed", _("成果续期")),
)
_OWN = (
    (
        "submission.submitted",
        "submissions.submission_submitted submissions.submission_sent_to_platform",  # the second: no step of its own
        _("本单位的申报已提交"),
    ),
    ("submission.approved", "submissions.submission_approved", _("本单位的申报通过单位审核")),
    (
        "submission.returned",
        "submissions.submission_returned submissions.submission_sent_back",  # by the organisation, by the platform
        _("本单位的申报被退回补充"),
    ),
    ("submission.date_promised", "submissions.date_promised", _("本单位的申报有了答复期限")),
    (
        "submission.accepted",
        "submissions.submission_accepted submissions.submission_accepted_directly",
        _("本单位的申报通过平台审核"),
    ),
    ("submission.declined", "submissions.submission_declined", _("本单位的申报未通过")),
    ("submission.taken_back", "submissions.submission_taken_back", _("本单位的申报已撤回修改")),
    ("complaint.taken_up", "submissions.complaint_taken_up", _("对本单位条目的投诉已受理")),
    ("complaint.upheld", "submissions.complaint_upheld", _("对本单位条目的投诉成立")),
    ("complaint.dismissed", "submissions.complaint_dismissed", _("对本单位条目的投诉不成立")),
    ("contact.sent", "engagement.contact_sent", _("发起对接")),
    ("contact.accepted", "engagement.contact_accepted", _("对接已接受")),
    ("contact.answered", "engagement.contact_answered", _("对接已答复")),
    ("contact.declined", "engagement.contact_declined", _("对接被谢绝")),
    ("contact.handed_over", "engagement.contact_handed_over", _("对接已转给同事")),
    ("contact.withdrawn", "engagement.contact_withdrawn", _("对接已撤回")),
    ("contact.publisher_revealed", "engagement.publisher_revealed", _("对接里公开了需求单位")),
    ("contact.broker_joined", "engagement.broker_joined", _("技术经理人加入对接")),
    ("contact.broker_left", "engagement.broker_left", _("技术经理人退出对接")),
    ("contact.closed", "engagement.contact_closed", _("对接已结束")),
    ("contact.expired", "engagement.contact_expired", _("对接已到期")),
    ("message.written", "engagement.message_written", _("对接里有新留言")),
)
PING = "ping"
WEBHOOK_KINDS: dict[str, WebhookKind] = {
    name: WebhookKind(name, tuple(events.split()), audience, label)
    for audience, rows in ((Audience.PUBLIC, _PUBLIC), (Audience.OWN, _OWN))
    for name, events, label in rows
}
KIND_OF_EVENT: dict[str, WebhookKind] = {event: kind for kind in WEBHOOK_KINDS.values() for event in kind.events}


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("待投递")
    DELIVERED = "delivered", _("已送达")
    FAILED = "failed", _("未送达")


# Seconds until the next attempt, after the first, second, … failure. After the last one the delivery has failed.
BACKOFF = (30, 120, 600, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600, 24 * 3_600)
