from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InterchangeConfig(AppConfig):
    name = "keqiao.interchange"

    def ready(self) -> None:
        from keqiao.interchange import holdings, subscribers  # noqa: F401 -- registers what interchange listens to
        from keqiao.kernel import notices, personal

        notices.kind("import_finished", _("导入完成"))
        personal.holds_personal_data("interchange", export=holdings.export, erase=holdings.erase)
