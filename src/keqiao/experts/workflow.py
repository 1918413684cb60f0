"""States of a plan and of one assignment."""

from django.utils.translation import gettext_lazy as _

from keqiao.experts.policies import can_answer, can_run, can_run_assignment, is_job
from keqiao.experts.types import HELD, PlanState
from keqiao.experts.types import AssignmentState as S
from keqiao.kernel.workflow import Transition, Workflow

P = PlanState
plan_workflow = Workflow(
    "assignment_plan",
    P,
    (P.COMPUTING.value, P.READY.value, P.CONFIRMED.value),
    Transition("compute", frozenset({P.COMPUTING}), P.READY, is_job, "experts.plan_computed", _("算完")),
    Transition("again", frozenset({P.READY}), P.COMPUTING, can_run, "experts.plan_started_again", _("重新计算")),
    Transition("confirm", frozenset({P.READY}), P.CONFIRMED, can_run, "experts.plan_confirmed", _("确认并通知")),
    Transition(
        "cancel", frozenset({P.COMPUTING, P.READY}), P.CANCELLED, can_run, "experts.plan_cancelled", _("取消计划")
    ),
)

assignment_workflow = Workflow(
    "assignment",
    S,
    (S.PROPOSED.value, S.ASKED.value, S.ACCEPTED.value, S.DONE.value),
    Transition("ask", frozenset({S.PROPOSED}), S.ASKED, can_run_assignment, "experts.assignment_asked", _("通知")),
    Transition("accept", frozenset({S.ASKED}), S.ACCEPTED, can_answer, "experts.assignment_accepted", _("接受")),
    Transition(
        "decline", frozenset({S.ASKED, S.ACCEPTED}), S.DECLINED, can_answer, "experts.assignment_declined", _("谢绝")
    ),
    Transition("expire", frozenset({S.ASKED}), S.EXPIRED, is_job, "experts.assignment_expired", _("逾期")),
    Transition("finish", frozenset({S.ACCEPTED}), S.DONE, can_run_assignment, "experts.assignment_done", _("办结")),
    Transition("drop", frozenset(HELD), S.DROPPED, can_run_assignment, "experts.assignment_dropped", _("撤下")),
)
