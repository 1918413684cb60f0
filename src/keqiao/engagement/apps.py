from django.apps import AppConfig


class EngagementConfig(AppConfig):
    name = "keqiao.engagement"

    def ready(self) -> None:
        from keqiao.engagement import erasing, subscribers, telling  # noqa: F401 -- registers what engagement listens to
        from keqiao.kernel.personal import holds_personal_data

        holds_personal_data("engagement", export=erasing.export, erase=erasing.erase)
        telling.name_kinds()
