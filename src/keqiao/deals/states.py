"""States of deals, their distributions, confirmations and payments, and what can go wrong on the way."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import BadInput, NotAllowed, WrongState
from keqiao.parties.types import Role

# In an organisation that owns results of the deal.
OFFICER_ROLES = frozenset({Role.CONVERSION_OFFICER})
KEEPING_ROLES = frozenset({Role.CONVERSION_OFFICER, Role.FINANCE_OFFICER})
READING_ROLES = frozenset({Role.CONVERSION_OFFICER, Role.FINANCE_OFFICER, Role.AUDITOR})
LONGEST_REASON = 1_000
LONGEST_KEY = 120


class DealState(models.TextChoices):
    RUNNING = "running", _("履约与分配")
    SETTLED = "settled", _("已结清")


class Pricing(models.TextChoices):
    """How the price was found (促进科技成果转化法 art. 18)."""

    AGREEMENT = "agreement", _("协议定价")
    LISTING = "listing", _("挂牌交易")
    AUCTION = "auction", _("拍卖")
    OTHER = "other", _("其他方式")


class DistributionState(models.TextChoices):
    CONFIRMING = "confirming", _("完成人确认")
    CONTESTED = "contested", _("有人提出异议")
    CONFIRMED = "confirmed", _("待审批")
    IN_NOTICE = "in_notice", _("公示")
    PAYABLE = "payable", _("待支付")
    PAID = "paid", _("已支付")
    STOPPED = "stopped", _("公示异议成立")
    WITHDRAWN = "withdrawn", _("已撤回")
    REVERSED = "reversed", _("已冲正")


# Counts for its receipt: what is withdrawn or reversed leaves room for another.
GONE = (DistributionState.WITHDRAWN, DistributionState.REVERSED)


class Answer(models.TextChoices):
    """What a contributor says to their line."""

    WAITING = "waiting", _("待确认")
    CONFIRMED = "confirmed", _("已确认")
    CONTESTED = "contested", _("有异议")


class PaymentState(models.TextChoices):
    WAITING = "waiting", _("待支付")
    PAID = "paid", _("已支付")
    HELD = "held", _("待收款人加入")
    WITHHELD = "withheld", _("停止支付")
    CANCELLED = "cancelled", _("已作废")


class SharesMissing(WrongState):
    """Nothing is divided before every contributor has signed."""

    message = _("成果的贡献比例还没有经全体贡献人签署，不能分配。请先在“贡献比例”里提交并请各人签署。")


class SharesChanged(WrongState):
    """The shares of a result changed after the sheet was made."""

    message = _("成果的贡献比例已有新的版本，这份分配方案作废：请撤回后按新比例重新编制。")


class PriceNotShown(BadInput):
    """An agreed price is shown before the deal is signed."""

    def __init__(self, where: str) -> None:
        super().__init__(
            _(
                "协议定价须先公示成果名称和拟交易价格（%(where)s）。请先发起定价公示，期满后签约；已在平台以外公示的，请写起止日期和地点。"
            )
            % {"where": where},
            field="price_notice",
        )


class AlreadyDistributed(WrongState):
    """One live distribution for each receipt and owner."""

    message = _("这笔款项已有分配方案。要改，请先撤回或冲正。")


class BeneficiaryApproves(NotAllowed):
    """Whoever gets money from a distribution does not approve it."""

    message = _("您是这份分配的受益人，不能由您审批，请另一位成果转化专员办理。")


class PayeeNotJoined(WrongState):
    """Somebody without an account: their money waits until they have joined, or a document says to whom to pay."""

    message = _("收款人还没有加入平台，款项待领。请等本人加入，或由成果转化专员上传收款凭据后放行。")


class VouchedForSomebody(NotAllowed):
    """Whoever confirmed for somebody else does not approve the same sheet."""

    message = _("您替没有账号的完成人确认过这份方案，不能由您审批，请另一位成果转化专员办理。")


class PersonErased(WrongState):
    """A person who has been erased cannot be paid through the platform."""

    message = _("此人已注销，平台上没有其身份信息，不能支付。请按单位线下档案处理，并在账簿中另行记账。")


class KeyOfAnother(BadInput):
    """The key named another receipt before."""

    message = _("这个幂等键已用于另一笔款项：同一个键只能登记同一笔款项。")
