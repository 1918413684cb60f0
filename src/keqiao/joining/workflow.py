"""States of a joining."""

from django.utils.translation import gettext_lazy as _

from keqiao.joining.policies import can_decide, can_leave
from keqiao.joining.types import JoinState as S
from keqiao.kernel.workflow import Transition, Workflow

joining_workflow = Workflow(
    "joining",
    S,
    (S.ASKED.value, S.ACCEPTED.value),
    Transition("accept", frozenset({S.ASKED}), S.ACCEPTED, can_decide, "joining.join_accepted", _("接受")),
    Transition("decline", frozenset({S.ASKED}), S.DECLINED, can_decide, "joining.join_declined", _("不接受")),
    Transition("leave", frozenset({S.ASKED, S.ACCEPTED}), S.LEFT, can_leave, "joining.join_left", _("退出")),
)
