from django.apps import AppConfig


class LearningConfig(AppConfig):
    name = "keqiao.learning"

    def ready(self) -> None:
        from keqiao.kernel.personal import holds_personal_data
        from keqiao.learning import erasing, subscribers  # noqa: F401 -- registers what learning listens to

        holds_personal_data("learning", export=erasing.export, erase=erasing.erase)
