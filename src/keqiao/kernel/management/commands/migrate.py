"""`migrate`, six times as fast on an empty database; the SQL is the same (docs/decisions/0025)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.commands import migrate as django_migrate
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import NOT_PROVIDED
from pgtrigger.migrations import AddTrigger


class LeanState(ProjectState):
    """Django renders again whatever is related to a model that changes: all tables, hundreds of times. A new model,
    a plain column, a constraint, an index or a trigger changes nothing in its neighbours, so it is put into place alone.
    All other changes go Django's way.
    """

    def add_model(self, model_state: ModelState) -> None:
        key = model_state.app_label, model_state.name_lower
        self.models[key] = model_state
        if self._relations is not None:  # type: ignore[attr-defined]  # the stubs leave it out
            self.resolve_model_relations(key)
        if self._is_rendered():
            self.apps.unregister_model(*key)
            self.apps.render_multiple([model_state])

    def add_field(self, app_label: str, model_name: str, name: str, field: Any, preserve_default: bool) -> None:
        if field.is_relation or not self._is_rendered():
            super().add_field(app_label, model_name, name, field, preserve_default)
            return
        if not preserve_default:
            field = field.clone()
            field.default = NOT_PROVIDED
        self.models[app_label, model_name].fields[name] = field
        self.apps.get_model(app_label, model_name).add_to_class(name, field.clone())

    def _append_option(self, app_label: str, model_name: str, option_name: str, obj: Any) -> None:
        self._set_option(app_label, model_name, option_name, lambda before: [*before, obj])

    def _remove_option(self, app_label: str, model_name: str, option_name: str, obj_name: str) -> None:
        self._set_option(
            app_label, model_name, option_name, lambda before: [one for one in before if one.name != obj_name]
        )

    def _set_option(self, app_label: str, model_name: str, name: str, change: Callable[[list[Any]], list[Any]]) -> None:
        options = self.models[app_label, model_name].options
        options[name] = change(options.get(name, []))
        if self._is_rendered():
            model = self.apps.get_model(app_label, model_name)
            setattr(model._meta, name, options[name])  # noqa: SLF001 -- Django's documented name

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


def _add_trigger(operation: AddTrigger, app_label: str, state: ProjectState) -> None:
    """A trigger is an option of its model, as a constraint is."""
    if isinstance(state, LeanState):
        state._append_option(app_label, operation.model_name, "triggers", operation.trigger)  # noqa: SLF001 -- our own
    else:
        plain_add_trigger(operation, app_label, state)


plain_add_trigger = AddTrigger.state_forwards


class Command(django_migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        django_migrate.MigrationExecutor = LeanExecutor  # type: ignore[attr-defined]  # imported there
        AddTrigger.state_forwards = _add_trigger  # type: ignore[method-assign,assignment]
        super().handle(*args, **options)
