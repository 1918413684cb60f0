from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "keqiao.alerts"

    def ready(self) -> None:
        from keqiao.alerts import holdings, subscribers, telling  # noqa: F401 -- registers what alerts listens to
        from keqiao.kernel.personal import holds_personal_data

        holds_personal_data("alerts", export=holdings.export, erase=holdings.erase)
        telling.name_kinds()
