from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "keqiao.inference"

    def ready(self) -> None:
        from keqiao.inference import holdings
        from keqiao.kernel import personal

        personal.holds_personal_data("inference", export=holdings.export, erase=holdings.erase)
