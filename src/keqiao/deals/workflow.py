"""States of deals and distributions: who may take what from where to where."""

from django.utils.translation import gettext_lazy as _

from keqiao.deals.policies import (
    can_answer_for,
    can_answer_line,
    can_approve,
    can_finish,
    can_prepare,
    can_run_deal,
)
from keqiao.deals.states import DealState as D
from keqiao.deals.states import DistributionState as S
from keqiao.kernel.workflow import Transition, Workflow

OPEN = frozenset({S.CONFIRMING, S.CONTESTED, S.CONFIRMED, S.IN_NOTICE, S.STOPPED})

deal_workflow = Workflow(
    "deal",
    D,
    (D.RUNNING.value, D.SETTLED.value),
    Transition("settle", frozenset({D.RUNNING}), D.SETTLED, can_run_deal, "deals.deal_settled", _("结清")),
)

distribution_workflow = Workflow(
    "distribution",
    S,
    (S.CONFIRMING.value, S.CONFIRMED.value, S.IN_NOTICE.value, S.PAYABLE.value, S.PAID.value),
    Transition(
        "contest",
        frozenset({S.CONFIRMING, S.CONTESTED}),
        S.CONTESTED,
        can_answer_line,
        "deals.line_contested",
        _("提出异议"),
    ),
    Transition(
        "resume", frozenset({S.CONTESTED}), S.CONFIRMING, can_answer_for, "deals.contest_settled", _("异议已了结")
    ),
    Transition(
        "complete",
        frozenset({S.CONFIRMING}),
        S.CONFIRMED,
        can_answer_for,
        "deals.distribution_confirmed",
        _("全体确认"),
    ),
    Transition(
        "announce", frozenset({S.CONFIRMED}), S.IN_NOTICE, can_approve, "deals.distribution_announced", _("批准并公示")
    ),
    Transition(
        "release",
        frozenset({S.CONFIRMED, S.IN_NOTICE}),
        S.PAYABLE,
        lambda actor, row: can_approve(actor, row) or actor.is_system,
        "deals.distribution_released",
        _("批准支付"),
    ),
    Transition(
        "stop", frozenset({S.IN_NOTICE}), S.STOPPED, can_prepare, "deals.distribution_stopped", _("公示异议成立")
    ),
    Transition("finish", frozenset({S.PAYABLE}), S.PAID, can_finish, "deals.distribution_paid", _("支付完毕")),
    Transition("withdraw", OPEN, S.WITHDRAWN, can_prepare, "deals.distribution_withdrawn", _("撤回方案")),
    Transition(
        "reverse", frozenset({S.PAYABLE, S.PAID}), S.REVERSED, can_approve, "deals.distribution_reversed", _("冲正")
    ),
)
