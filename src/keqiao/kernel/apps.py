from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "keqiao.kernel"
