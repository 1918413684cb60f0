"""States of a learned model."""

from django.utils.translation import gettext_lazy as _

from keqiao.kernel.workflow import Transition, Workflow
from keqiao.learning.policies import can_operate
from keqiao.learning.types import ModelState as S

model_workflow = Workflow(
    "learned model",
    S,
    (S.TRAINING.value, S.READY.value, S.IN_FORCE.value, S.RETIRED.value),
    Transition("finish", frozenset({S.TRAINING}), S.READY, can_operate, "learning.training_finished", _("训练完成")),
    Transition("fail", frozenset({S.TRAINING}), S.FAILED, can_operate, "learning.training_failed", _("停止训练")),
    Transition(
        "promote", frozenset({S.READY, S.RETIRED}), S.IN_FORCE, can_operate, "learning.model_promoted", _("启用")
    ),
    Transition("retire", frozenset({S.IN_FORCE}), S.RETIRED, can_operate, "learning.model_retired", _("停用")),
)
