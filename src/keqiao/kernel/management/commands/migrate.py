"""`migrate`, five times as fast on an empty database; the SQL is the same (docs/decisions/0025)."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate as django_migrate
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState


class LeanState(ProjectState):
    """Django renders again whatever is related to a model that changes: all tables, hundreds of times. A new model or
    a new constraint changes nothing in its neighbours, so it is put into place alone. All other changes go Django's way.
    """

    def add_model(self, model_state: ModelState) -> None:
        key = model_state.app_label, model_state.name_lower
        self.models[key] = model_state
        if self._relations is not None:  # type: ignore[attr-defined]  # the stubs leave it out
            self.resolve_model_relations(key)
        if self._is_rendered():
            self.apps.unregister_model(*key)
            self.apps.render_multiple([model_state])

    def _append_option(self, app_label: str, model_name: str, option_name: str, obj: Any) -> None:
        options = self.models[app_label, model_name].options
        options[option_name] = [*options[option_name], obj]
        if self._is_rendered():
            model = self.apps.get_model(app_label, model_name)
            setattr(model._meta, option_name, options[option_name])  # noqa: SLF001 -- Django's documented name

    def clone(self) -> ProjectState:
        return lean(super().clone())

    def _is_rendered(self) -> bool:
        return "apps" in self.__dict__  # hasattr would render


def lean(state: ProjectState) -> ProjectState:
    state.__class__ = LeanState
    return state


class LeanExecutor(MigrationExecutor):
    def _create_project_state(self, with_applied_migrations: bool = False) -> ProjectState:
        return lean(super()._create_project_state(with_applied_migrations))  # type: ignore[misc]  # the stubs leave it out


class Command(django_migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        django_migrate.MigrationExecutor = LeanExecutor  # type: ignore[attr-defined]  # imported there
        super().handle(*args, **options)
