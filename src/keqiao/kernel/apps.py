from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "keqiao.kernel"

    def ready(self) -> None:
        from keqiao.kernel import holdings, personal

        personal.holds_personal_data("kernel", export=holdings.export, erase=holdings.erase)
