from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "keqiao.ledger"

    def ready(self) -> None:
        from keqiao.kernel.personal import holds_personal_data
        from keqiao.ledger import holdings, subscribers  # noqa: F401 -- registers what the ledger listens to

        holds_personal_data("ledger", export=holdings.export, erase=holdings.erase)
