from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MatchingConfig(AppConfig):
    name = "keqiao.matching"

    def ready(self) -> None:
        from keqiao.kernel import notices
        from keqiao.matching import subscribers  # noqa: F401 -- registers what matching listens to

        notices.kind("matching.pairs_run_failed", _("全量匹配出错停止"))
