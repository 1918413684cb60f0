from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartiesConfig(AppConfig):
    name = "keqiao.parties"

    def ready(self) -> None:
        from keqiao.kernel import notices, personal
        from keqiao.parties import holdings, selectors

        notices.addresses_come_from(selectors.email_of)
        notices.kind("parties.to_decide", _("加入申请与单位核实，等您办理"))
        notices.kind("parties.membership", _("您在单位的任职和申请"))
        personal.holds_personal_data("parties", export=holdings.export, erase=holdings.erase)
