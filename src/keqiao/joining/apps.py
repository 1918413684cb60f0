from django.apps import AppConfig


class JoiningConfig(AppConfig):
    name = "keqiao.joining"

    def ready(self) -> None:
        from keqiao.joining import holdings, subscribers, telling  # noqa: F401 -- registers what joining listens to
        from keqiao.kernel.personal import holds_personal_data

        holds_personal_data("joining", export=holdings.export, erase=holdings.erase)
        telling.name_kinds()
