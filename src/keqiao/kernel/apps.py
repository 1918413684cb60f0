from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KernelConfig(AppConfig):
    name = "keqiao.kernel"

    def ready(self) -> None:
        from django.conf import settings
        from django.db.models.signals import post_migrate

        from keqiao.kernel import holdings, measures, partitions, personal, triggers

        post_migrate.connect(triggers.hold_always, sender=self)
        personal.holds_personal_data("kernel", export=holdings.export, erase=holdings.erase)
        partitions.grows(partitions.Growing("kernel_event", "id", 10_000_000, "kernel_event", _("事件")))
        measures.prepare(settings.DATA_DIR, metrics=bool(settings.METRICS), traces_url=settings.TRACES_URL)
