from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrationsConfig(AppConfig):
    name = "keqiao.integrations"

    def ready(self) -> None:
        from keqiao.integrations import holdings, subscribers  # noqa: F401 -- registers what integrations listens to
        from keqiao.kernel import notices, personal
        from keqiao.parties import selectors as parties

        personal.holds_personal_data("integrations", export=holdings.export, erase=holdings.erase)
        notices.kind("integrations.webhook_disabled", _("回调被停用"))
        notices.languages_come_from(parties.language_of)
