from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MatchingConfig(AppConfig):
    name = "keqiao.matching"

    def ready(self) -> None:
        from keqiao.kernel import notices, partitions
        from keqiao.matching import subscribers  # noqa: F401 -- registers what matching listens to

        notices.kind("matching.pairs_run_failed", _("全量匹配出错停止"))
        # Ten million rows, as events: a need keeps forty matches at most.
        partitions.grows(partitions.Growing("matching_match", "need_id", 250_000, "catalogue_need", _("匹配记录")))
