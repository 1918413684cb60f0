"""Words of the catalogue."""

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import WrongState

WHOLE_BP = 10_000  # 100 % in basis points


class Mode(models.TextChoices):
    """Ways of cooperation (促进科技成果转化法 art. 16; Civil Code ch. 20)."""

    TRANSFER = "transfer", _("转让")
    LICENSE_EXCLUSIVE = "license_exclusive", _("独占许可")
    LICENSE_SOLE = "license_sole", _("排他许可")
    LICENSE_NONEXCLUSIVE = "license_nonexclusive", _("普通许可")
    OPEN_LICENSE = "open_license", _("开放许可")
    EQUITY_CONTRIBUTION = "equity_contribution", _("作价投资")
    DEVELOPMENT = "development", _("委托或合作开发")
    CONSULTING = "consulting", _("技术咨询")
    SERVICE = "service", _("技术服务")


class ItemState(models.TextChoices):
    """States of an achievement and of a need."""

    DRAFT = "draft", _("草稿")
    PUBLISHED = "published", _("公开")
    CLOSED = "closed", _("已结束")
    WITHDRAWN = "withdrawn", _("已撤回")
    EXPIRED = "expired", _("已到期")


class Shown(models.TextChoices):
    """To whom a need shows its publisher."""

    SHOWN = "shown", _("公开单位名称")
    HIDDEN = "hidden", _("不公开单位名称")
    MATCHED = "matched", _("仅对匹配到的团队公开")


class BudgetShown(models.TextChoices):
    """To whom a need shows its budget. What is not shown to everybody is kept in a table of its own."""

    SHOWN = "shown", _("公开预算")
    MATCHED = "matched", _("仅对匹配到或正在对接的团队公开")
    HIDDEN = "hidden", _("不公开预算")


class PriceKind(models.TextChoices):
    AMOUNT = "amount", _("金额")
    NEGOTIABLE = "negotiable", _("面议")
    UNKNOWN = "unknown", _("未说明")


class Ownership(models.TextChoices):
    INSTITUTION = "institution", _("单位所有")
    ASSIGNED = "assigned", _("已赋权给完成人")
    JOINT = "joint", _("共有")
    UNKNOWN = "unknown", _("未说明")


class Comparator(models.TextChoices):
    AT_LEAST = ">=", "≥"
    AT_MOST = "<=", "≤"
    EQUAL = "=", "="
    RANGE = "range", "–"


class Evidence(models.TextChoices):
    """Where a figure comes from, strongest first."""

    THIRD_PARTY = "third_party", _("第三方检测")
    USER_REPORT = "user_report", _("用户证明")
    SELF_MEASURED = "self_measured", _("团队自测")
    LITERATURE = "literature", _("论文数据")
    STATED = "stated", _("原文所述")


class AssetKind(models.TextChoices):
    INVENTION = "invention", _("发明专利")
    UTILITY = "utility", _("实用新型")
    DESIGN = "design", _("外观设计")
    SOFTWARE = "software", _("软件著作权")
    VARIETY = "variety", _("植物新品种权")
    IC_LAYOUT = "ic_layout", _("集成电路布图设计")
    KNOW_HOW = "know_how", _("技术秘密")


class AssetStatus(models.TextChoices):
    GRANTED = "granted", _("授权")
    PENDING = "pending", _("审查中")
    REGISTERED = "registered", _("已登记")
    SECRET = "secret", _("保密")


class Origin(models.TextChoices):
    """Who made a language version."""

    AUTHOR = "author", _("原文")
    TRANSLATED = "translated", _("人工翻译")
    MACHINE = "machine", _("机器翻译，未经人工核对")


class AttachmentLevel(models.TextChoices):
    """Who may open a file that belongs to an item."""

    PUBLIC = "public", _("公开")
    SIGNED_IN = "signed_in", _("登录后可见")
    NDA = "nda", _("签署保密协议后可见")


class EndReason(models.TextChoices):
    """Why an item was closed or withdrawn."""

    SOLVED_HERE = "solved_here", _("已通过平台对接成功")
    SOLVED_ELSEWHERE = "solved_elsewhere", _("已通过其他途径解决")
    GIVEN_UP = "given_up", _("不再需要或不再提供")
    OUTDATED = "outdated", _("内容已过时，将重新提交")
    MISTAKE = "mistake", _("误发或含有不宜公开的内容")
    COMPLAINT = "complaint", _("投诉成立，由平台撤下")
    OTHER = "other", _("其他原因")


# What the owner's people choose from.
CLOSING = (EndReason.SOLVED_HERE, EndReason.SOLVED_ELSEWHERE, EndReason.GIVEN_UP, EndReason.OTHER)
WITHDRAWING = (EndReason.OUTDATED, EndReason.MISTAKE, EndReason.GIVEN_UP, EndReason.OTHER)


class Choice(models.TextChoices):
    """What a completer who was assigned a part of the ownership lives by."""

    OWNERSHIP = "ownership", _("按所有权份额取得收益")
    REWARD = "reward", _("放弃份额收益，参加单位奖励")
    BOTH = "both", _("份额收益与单位奖励兼得")


class AlreadyAnswered(WrongState):
    """A version of the shares is signed or refused once by each, and only the newest."""

    message = _("您已经对这一版表过态。要改，请成果转化专员提交新的一版。")


@dataclass(frozen=True)
class Part:
    """One contributor or one owner, in basis points of the whole."""

    id: int
    share_bp: int
    is_main: bool = True
    is_head: bool = False  # the head of the unit, who may get money and, by some laws, no shares


@dataclass(frozen=True)
class Assigned:
    """赋权: what of an owner's fraction belongs to a completer, in basis points of the whole, and how they live by it."""

    person: int
    organisation: int
    share_bp: int
    choice: str = Choice.OWNERSHIP
