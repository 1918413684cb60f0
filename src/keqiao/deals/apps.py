from django.apps import AppConfig


class DealsConfig(AppConfig):
    name = "keqiao.deals"

    def ready(self) -> None:
        from keqiao.deals import announcing, holdings, subscribers, telling  # noqa: F401 -- registers what deals hear
        from keqiao.kernel.personal import holds_personal_data

        holds_personal_data("deals", export=holdings.export, erase=holdings.erase)
        telling.name_kinds()
        announcing.name_kinds()
