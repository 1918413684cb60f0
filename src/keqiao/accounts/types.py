"""Words of the accounts context."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from keqiao.kernel.errors import DomainError, NotAllowed


class Channel(models.TextChoices):
    """How a code reaches somebody."""

    EMAIL = "email", _("电子邮箱")
    SMS = "sms", _("手机短信")


class Purpose(models.TextChoices):
    """What a one-time code proves. A code for one purpose opens nothing else."""

    SIGN_UP = "sign_up", _("注册")
    SIGN_IN = "sign_in", _("登录")
    RESET = "reset", _("重设密码")
    CONFIRM = "confirm", _("确认本人")
    NEW_ADDRESS = "new_address", _("更换联系方式")


CODE_DIGITS = 6
CODE_MINUTES = 10
CODE_ATTEMPTS = 5  # wrong entries after which a code is void
RECOVERY_CODES = 10
CONFIRMED_FOR_SECONDS = 15 * 60  # after a sign-in or a confirmation, protection may be changed without asking again
REMEMBERED_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True)
class Identity:
    """Somebody as an identity provider knows them: its id here, their id there, what may be kept."""

    provider: str
    uid: str
    about: dict[str, str]


@dataclass(frozen=True)
class Limit:
    """At most `times` within `seconds`; what is counted is the action with the parts named in `per`."""

    per: tuple[str, ...]
    times: int
    seconds: int


# One row of numbers an action. "address" is what was typed (or the account), "ip" where it came from.
LIMITS: dict[str, tuple[Limit, ...]] = {
    "sign_in": (Limit(("address", "ip"), 5, 300), Limit(("address",), 30, 3600), Limit(("ip",), 50, 300)),
    "passkey": (Limit(("ip",), 50, 300),),
    "second_step": (Limit(("address",), 5, 300), Limit(("ip",), 50, 300)),
    "sign_up": (Limit(("address", "ip"), 5, 900), Limit(("ip",), 30, 3600)),
    "reset": (Limit(("address", "ip"), 5, 900), Limit(("ip",), 30, 3600)),
    "send_code": (
        Limit(("address",), 5, 900),
        Limit(("address", "day"), 12, 86400),
        Limit(("ip",), 30, 3600),
    ),
    "prove_code": (Limit(("address", "ip"), 20, 900), Limit(("ip",), 100, 900)),
}


class Throttled(DomainError):
    """Too many attempts; says how long to wait."""

    status = 429

    def __init__(self, seconds: int) -> None:
        self.seconds = max(seconds, 1)
        minutes = -(-self.seconds // 60)
        super().__init__(
            ngettext(
                "尝试次数过多，请 %(n)d 分钟后再试。",
                "尝试次数过多，请 %(n)d 分钟后再试。",
                minutes,
            )
            % {"n": minutes}
        )


class WrongCode(DomainError):
    """One message for a wrong, an old and a used-up code."""

    status = 422
    message = _("验证码不对或已失效。请核对最近收到的 6 位数字，例如 402716；仍不行请重新发送。")


class ChannelClosed(DomainError):
    """The site sends no mail or no text messages."""

    message = _("本站还没有开通这种方式，请换一种方式，或联系平台管理员。")


class NoStableId(DomainError):
    """An identity provider gave no lasting pseudonymous id; a staff or student number is never taken instead."""

    status = 403
    message = _(
        "您的单位没有提供可用的长期匿名标识（pairwise-id、持久 NameID 或 OIDC 的 sub），不能用它登录。"
        "学号和工号不会用作账号。请联系单位的身份认证管理员。"
    )


class SharedAccount(NotAllowed):
    """A demo account: one visitor must not lock the others out."""

    message = _("演示账号由大家共用，密码和登录方式不能更改。请注册一个账号来试。")


class LastWayIn(DomainError):
    """Removing this would leave no way to sign in."""

    message = _("这是最后一种登录方式，不能移除。请先设置密码或再添加一个通行密钥。")


class LinkedElsewhere(DomainError):
    """The identity signs in to another account."""

    message = _("这个单位账号已经关联到另一个账号。请用它登录那个账号，解除关联后再试。")


class AgreementKind(models.TextChoices):
    """Texts that people agree to. The first two are needed to post; each of the others has one purpose and is optional."""

    AGREEMENT = "agreement", _("用户协议")
    PRIVACY = "privacy", _("隐私政策")
    DIGEST = "digest", _("电子邮件摘要")
    LEARNING = "learning", _("用反馈改进匹配")
    TRANSLATION = "translation", _("把文字交给外部翻译服务")


REQUIRED = (AgreementKind.AGREEMENT, AgreementKind.PRIVACY)
OPTIONAL = tuple(kind for kind in AgreementKind if kind not in REQUIRED)


class ConsentWay(models.TextChoices):
    """Where consent was given or withdrawn."""

    PAGE = "page", _("网页")
    SIGN_UP = "sign_up", _("注册时")
    API = "api", _("接口")
    DEMO = "demo", _("示范数据")


class ExportState(models.TextChoices):
    WAITING = "waiting", _("排队中")
    RUNNING = "running", _("正在整理")
    READY = "ready", _("可以下载")
    EXPIRED = "expired", _("已过期")
    FAILED = "failed", _("没有成功")


class ConsentMissing(NotAllowed):
    """The agreement or the privacy policy in force was not agreed to: reading goes on, posting waits."""

    message = _(
        "用户协议或隐私政策有您还没有同意的版本。请先在“我的 › 隐私”（/me/privacy）阅读并同意，再办理这一步；浏览不受影响。"
    )


class NotConfirmed(NotAllowed):
    """The step asks again who it is."""

    message = _("请先确认是您本人（密码、通行密钥或验证码），再办理这一步。")
