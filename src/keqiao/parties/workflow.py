"""States of verifications, join requests and invitations."""

from django.utils.translation import gettext_lazy as _

from keqiao.kernel.workflow import Transition, Workflow
from keqiao.parties.policies import (
    can_answer_verification,
    can_decide_join,
    can_invite,
    can_take_back_join,
    can_verify,
)
from keqiao.parties.types import InvitationState as I
from keqiao.parties.types import JoinState as J
from keqiao.parties.types import VerificationState as V

UNDECIDED = frozenset({V.OPEN, V.ASKED})

verification_workflow = Workflow(
    "verification",
    V,
    (V.OPEN.value, V.APPROVED.value),
    Transition("ask", UNDECIDED, V.ASKED, can_verify, "parties.verification_asked", _("请补充")),
    Transition(
        "answer", frozenset({V.ASKED}), V.OPEN, can_answer_verification, "parties.verification_answered", _("答复")
    ),
    Transition("approve", UNDECIDED, V.APPROVED, can_verify, "parties.verification_approved", _("通过核实")),
    Transition("decline", UNDECIDED, V.DECLINED, can_verify, "parties.verification_declined", _("不通过")),
)

join_workflow = Workflow(
    "join request",
    J,
    (J.OPEN.value, J.APPROVED.value),
    Transition("approve", frozenset({J.OPEN}), J.APPROVED, can_decide_join, "parties.join_approved", _("同意加入")),
    Transition("decline", frozenset({J.OPEN}), J.DECLINED, can_decide_join, "parties.join_declined", _("不同意")),
    Transition(
        "take_back", frozenset({J.OPEN}), J.TAKEN_BACK, can_take_back_join, "parties.join_taken_back", _("撤回申请")
    ),
)

# Who may use it is decided by the address it was sent to, which the command checks before it asks this table.
invitation_workflow = Workflow(
    "invitation",
    I,
    (I.OPEN.value, I.USED.value),
    Transition(
        "accept",
        frozenset({I.OPEN}),
        I.USED,
        lambda actor, invitation: actor.person_id is not None,  # noqa: ARG005 -- a policy's signature
        "parties.invitation_accepted",
        _("接受邀请"),
    ),
    Transition("withdraw", frozenset({I.OPEN}), I.WITHDRAWN, can_invite, "parties.invitation_withdrawn", _("收回邀请")),
)
