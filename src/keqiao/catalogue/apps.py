from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "keqiao.catalogue"

    def ready(self) -> None:
        from keqiao.catalogue import holdings, subscribers  # noqa: F401 -- registers what the catalogue listens to
        from keqiao.kernel import personal

        personal.holds_personal_data("catalogue", export=holdings.export, erase=holdings.erase)
