"""What commands stand on: a data folder that can be written, a database that runs, Django that is loaded."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from keqiao.cli.errors import CommandTrouble
from keqiao.runtime import postgres
from keqiao.runtime.environment import Environment


def open_data_folder(env: Environment) -> None:
    try:
        (env.data / "run").mkdir(parents=True, exist_ok=True)
        probe = env.data / "run" / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as trouble:
        raise CommandTrouble(
            f"the data folder {env.data} cannot be written ({trouble.strerror}): "
            "give this user the right to, or set KEQIAO_DATA to another folder"
        ) from trouble


@contextlib.contextmanager
def django(env: Environment) -> Iterator[None]:
    """The database runs and Django is loaded, with its connections closed afterwards."""
    open_data_folder(env)
    with postgres.using(env):
        load_django()
        try:
            yield
        finally:
            close_connections()


def load_django(*, is_for_people: bool = True) -> None:
    import django as framework

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    framework.setup()
    if is_for_people:  # who reads the terminal, not the log
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.WARNING)


def close_connections() -> None:
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def require_migrations() -> None:
    if waiting := unapplied():
        raise CommandTrouble(
            f"{len(waiting)} migrations are not applied, the first is {waiting[0]}: run `keqiao migrate`"
        )


def unapplied() -> list[str]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
