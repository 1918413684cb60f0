from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "keqiao.kernel"

    def ready(self) -> None:
        from django.conf import settings
        from django.db.models.signals import post_migrate

        from keqiao.kernel import holdings, measures, personal, triggers

        post_migrate.connect(triggers.hold_always, sender=self)
        personal.holds_personal_data("kernel", export=holdings.export, erase=holdings.erase)
        measures.prepare(settings.DATA_DIR, metrics=bool(settings.METRICS), traces_url=settings.TRACES_URL)
