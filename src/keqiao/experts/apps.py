from django.apps import AppConfig


class ExpertsConfig(AppConfig):
    name = "keqiao.experts"

    def ready(self) -> None:
        from keqiao.experts import holdings, subscribers, telling  # noqa: F401 -- registers what experts listen to
        from keqiao.kernel.personal import holds_personal_data

        holds_personal_data("experts", export=holdings.export, erase=holdings.erase)
        telling.name_kinds()
