from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "keqiao.accounts"

    def ready(self) -> None:
        from allauth.mfa.models import Authenticator
        from allauth.usersessions.models import UserSession
        from django.db.models.signals import pre_save

        from keqiao.accounts import consent_guard, holdings
        from keqiao.kernel import codes, commands, notices, personal

        personal.holds_personal_data("accounts", export=holdings.export, erase=holdings.erase)
        commands.guards_commands(consent_guard.asks_for_consent)
        notices.kind("accounts.security", _("账号安全"))
        for model in (Authenticator, UserSession):  # whose keys stand in addresses
            pre_save.connect(codes.draw_key, sender=model)
