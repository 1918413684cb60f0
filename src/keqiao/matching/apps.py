from django.apps import AppConfig


class MatchingConfig(AppConfig):
    name = "keqiao.matching"

    def ready(self) -> None:
        from keqiao.matching import subscribers  # noqa: F401 -- registers what matching listens to
