"""Are the models' migrations all there, and is their SQL safe to run on a live site (squawk)?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# An app's first migration works on tables that nobody uses yet.
FINE_IN_NEW_TABLES = ("adding-required-field", "disallowed-unique-constraint", "adding-foreign-key-constraint")
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    scratch = Path(tempfile.mkdtemp(prefix="keqiao-migrations-"))
    os.environ |= {"KEQIAO_DATA": str(scratch / "data"), "KEQIAO_LOG_LEVEL": "ERROR"}
    from keqiao.cli import ground
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    env = read_environment()
    try:
        with ground.django(env):
            return check(scratch)
    finally:
        if not env.database_url:
            postgres.remove(env)
        shutil.rmtree(scratch, ignore_errors=True)


def check(scratch: Path) -> int:
    from django.core.management import CommandError, call_command

    try:
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=1)
    except SystemExit:
        print(
            "models and migrations differ: keqiao makemigrations (django-admin), and name it for what it does",
            file=sys.stderr,
        )
        return 1
    except CommandError as trouble:
        print(trouble, file=sys.stderr)
        return 1
    found = ours()
    first = [write_sql(app, name, scratch) for app, name, is_initial in found if is_initial]
    later = [write_sql(app, name, scratch) for app, name, is_initial in found if not is_initial]
    excluded = tomllib.loads((ROOT / ".squawk.toml").read_text())["excluded_rules"]
    return squawk(first, [*excluded, *FINE_IN_NEW_TABLES]) or squawk(later, excluded)


def squawk(files: list[Path], excluded: list[str]) -> int:
    if not files:
        return 0
    program = str(Path(sys.executable).parent / "squawk")
    return subprocess.call([program, "--pg-version", "15.0", "--exclude", ",".join(excluded), *map(str, files)])


def ours() -> list[tuple[str, str, bool]]:
    """The migrations of this repository, and whether each is the first of its app."""
    from django.apps import apps
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    labels = {config.label for config in apps.get_app_configs() if config.name.startswith("keqiao.")}
    loader = MigrationLoader(connection)
    found = loader.disk_migrations
    return sorted((app, name, bool(found[app, name].initial)) for app, name in found if app in labels)


def write_sql(app: str, name: str, scratch: Path) -> Path:
    from django.core.management import call_command

    file = scratch / f"{app}.{name}.sql"
    with file.open("w") as out:
        call_command("sqlmigrate", app, name, stdout=out, no_color=True)
    return file


if __name__ == "__main__":
    sys.exit(main())
