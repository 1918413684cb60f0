from django.apps import AppConfig


class PartiesConfig(AppConfig):
    name = "keqiao.parties"

    def ready(self) -> None:
        from keqiao.kernel import notices
        from keqiao.parties import selectors

        notices.addresses_come_from(selectors.email_of)
