"""States of an import."""

from django.utils.translation import gettext_lazy as _

from keqiao.interchange.policies import can_run, can_work
from keqiao.interchange.types import ImportState as S
from keqiao.kernel.workflow import Transition, Workflow

import_workflow = Workflow(
    "import",
    S,
    (S.UPLOADED.value, S.VALIDATED.value, S.APPLYING.value, S.DONE.value),
    Transition("validate", frozenset({S.UPLOADED}), S.VALIDATED, can_work, "interchange.import_validated", _("检查完")),
    Transition("refuse", frozenset({S.UPLOADED}), S.REFUSED, can_work, "interchange.import_refused", _("不能读取")),
    Transition(
        "read_again",
        frozenset({S.UPLOADED, S.VALIDATED}),
        S.UPLOADED,
        can_run,
        "interchange.columns_mapped",
        _("重新检查"),
    ),
    Transition("apply", frozenset({S.VALIDATED}), S.APPLYING, can_run, "interchange.import_applied", _("导入")),
    Transition("finish", frozenset({S.APPLYING}), S.DONE, can_work, "interchange.import_finished", _("完成")),
    Transition(
        "cancel",
        frozenset({S.UPLOADED, S.VALIDATED, S.APPLYING}),
        S.CANCELLED,
        can_run,
        "interchange.import_cancelled",
        _("取消"),
    ),
)
