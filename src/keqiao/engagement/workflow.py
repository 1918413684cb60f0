"""States of a contact."""

from django.utils.translation import gettext_lazy as _

from keqiao.engagement.policies import can_expire, can_respond, can_take_part, can_withdraw
from keqiao.engagement.types import UNANSWERED
from keqiao.engagement.types import ContactState as S
from keqiao.kernel.workflow import Transition, Workflow

contact_workflow = Workflow(
    "contact",
    S,
    (S.SENT.value, S.ACCEPTED.value, S.ANSWERED.value, S.CLOSED.value),
    Transition(
        "accept",
        frozenset({S.SENT, S.HANDED_OVER}),
        S.ACCEPTED,
        can_respond,
        "engagement.contact_accepted",
        _("接受，稍后答复"),
    ),
    Transition("answer", frozenset(UNANSWERED), S.ANSWERED, can_respond, "engagement.contact_answered", _("答复")),
    Transition("decline", frozenset(UNANSWERED), S.DECLINED, can_respond, "engagement.contact_declined", _("谢绝")),
    Transition(
        "hand_over",
        frozenset(UNANSWERED),
        S.HANDED_OVER,
        can_respond,
        "engagement.contact_handed_over",
        _("转给同事"),
    ),
    Transition(
        "withdraw", frozenset(UNANSWERED), S.CLOSED, can_withdraw, "engagement.contact_withdrawn", _("撤回联系")
    ),
    Transition("close", frozenset({S.ANSWERED}), S.CLOSED, can_take_part, "engagement.contact_closed", _("结束对接")),
    Transition("expire", frozenset(UNANSWERED), S.EXPIRED, can_expire, "engagement.contact_expired", _("到期")),
)
