"""The public notice of a distribution: how its facts are called, and who answers objections."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from keqiao.deals.policies import can_answer_notice
from keqiao.deals.selectors import law_for
from keqiao.deals.types import SHARES
from keqiao.kernel import clock, public_notices
from keqiao.kernel.parameters import NoSuchParameter, parameter

REWARD = "deals.reward"
PRICE = "deals.price"
LABELS = {
    "achievement": _("转化的成果"),
    "mode": _("转化方式"),
    "income": _("转化收入"),
    "received_on": _("收入取得时间"),
    "total": _("奖励总额"),
    "registration": _("技术合同登记"),
}


PRICE_LABELS = {
    "name": _("拟转化的成果"),
    "abstract": _("成果简介"),
    "way": _("转化方式"),
    "intended_price": _("拟交易价格"),
    "related_party": _("受让方是完成人或其关联方"),
}


def name_kinds() -> None:
    public_notices.kind(PRICE, _("协议定价公示"), labels=PRICE_LABELS, may_answer=can_answer_notice)
    public_notices.kind(REWARD, _("成果转化奖励公示"), labels=LABELS, may_answer=can_answer_notice)


def is_required(distribution: Any) -> bool:
    """Cash to people from a deal of a kind that the rule in force names."""
    if distribution.unit == SHARES or not distribution.confirmations.filter(amount__gt=0).exists():
        return False
    deal = distribution.deal
    law = law_for(deal, distribution.organisation_id)
    try:
        modes = parameter("reward_notice.required_for", on=clock.today(), jurisdiction=law)
    except NoSuchParameter:
        return False
    return deal.mode in modes
