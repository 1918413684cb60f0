from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SubmissionsConfig(AppConfig):
    name = "keqiao.submissions"

    def ready(self) -> None:
        from keqiao.kernel import notices, personal
        from keqiao.submissions import holdings, subscribers  # noqa: F401 -- registers what submissions listen to

        notices.kind("submissions", _("申报、审核与投诉"))
        notices.kind("catalogue", _("公开期限与续期"))
        personal.holds_personal_data("submissions", export=holdings.export, erase=holdings.erase)
