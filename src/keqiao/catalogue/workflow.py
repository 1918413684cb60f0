"""States of achievements and needs. What is reviewed is a submission; its acceptance publishes here."""

from django.utils.translation import gettext_lazy as _

from keqiao.catalogue.policies import can_expire, can_publish, can_run_achievement, can_run_need
from keqiao.catalogue.types import ItemState as S
from keqiao.kernel.workflow import Transition, Workflow

# Also what is closed is public, and what expired may be renewed: both can be taken down for good.
WITHDRAWABLE = frozenset({S.PUBLISHED, S.CLOSED, S.EXPIRED})
PATH = (S.DRAFT.value, S.PUBLISHED.value, S.CLOSED.value)

achievement_workflow = Workflow(
    "achievement",
    S,
    PATH,
    Transition(
        "publish",
        frozenset({S.DRAFT, S.WITHDRAWN, S.EXPIRED}),
        S.PUBLISHED,
        can_publish,
        "catalogue.achievement_published",
        _("公开"),
        public=True,
    ),
    Transition("expire", frozenset({S.PUBLISHED}), S.EXPIRED, can_expire, "catalogue.achievement_expired", _("到期")),
    Transition(
        "renew",
        frozenset({S.EXPIRED}),
        S.PUBLISHED,
        can_run_achievement,
        "catalogue.achievement_renewed",
        _("续期"),
        public=True,
    ),
    Transition(
        "close",
        frozenset({S.PUBLISHED}),
        S.CLOSED,
        can_run_achievement,
        "catalogue.achievement_closed",
        _("结束"),
        public=True,
    ),
    Transition(
        "withdraw",
        WITHDRAWABLE,
        S.WITHDRAWN,
        can_run_achievement,
        "catalogue.achievement_withdrawn",
        _("撤回"),
    ),
)

need_workflow = Workflow(
    "need",
    S,
    PATH,
    Transition(
        "publish",
        frozenset({S.DRAFT, S.WITHDRAWN, S.EXPIRED}),
        S.PUBLISHED,
        can_publish,
        "catalogue.need_published",
        _("公开"),
        public=True,
    ),
    Transition("expire", frozenset({S.PUBLISHED}), S.EXPIRED, can_expire, "catalogue.need_expired", _("到期")),
    Transition(
        "renew",
        frozenset({S.EXPIRED}),
        S.PUBLISHED,
        can_run_need,
        "catalogue.need_renewed",
        _("续期"),
        public=True,
    ),
    Transition(
        "close", frozenset({S.PUBLISHED}), S.CLOSED, can_run_need, "catalogue.need_closed", _("结束"), public=True
    ),
    Transition("withdraw", WITHDRAWABLE, S.WITHDRAWN, can_run_need, "catalogue.need_withdrawn", _("撤回")),
)
