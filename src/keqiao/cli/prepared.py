"""Was this site prepared by this very release, and is it still so? Asked without Django, for a quick warm start."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import psycopg

import keqiao
from keqiao.runtime import postgres
from keqiao.runtime.environment import Environment

SHIPPED = (
    "*/migrations/*.py",
    "matching/*.py",
    "kernel/rules/*",
    "catalogue/data/**/*",
    "accounts/data/**/*",
    "demo/data/**/*",
)
WITH_MIGRATIONS = ("Django", "procrastinate")


def is_current(env: Environment, *, demo: bool) -> bool:
    try:
        card = json.loads(_card(env).read_text())
        migrations = _applied(env)
    except (OSError, ValueError, psycopg.Error):
        return False
    return (
        card["release"] == _release()
        and card["migrations"] == migrations
        and (card["demo"] or not demo)
        and (env.data / "index" / "serving.json").exists()
    )


def note(env: Environment, *, demo: bool) -> None:
    """Everything was prepared just now."""
    card = {"release": _release(), "migrations": _applied(env), "demo": demo}
    _card(env).write_text(json.dumps(card))


def forget(env: Environment) -> None:
    _card(env).unlink(missing_ok=True)


def _card(env: Environment) -> Path:
    return env.data / "run" / "prepared.json"


def _applied(env: Environment) -> str:
    """A digest of what the database says was applied, and when: another database gives another one."""
    with psycopg.connect(**{**postgres.conninfo(env), "connect_timeout": 5}) as connection:
        rows = connection.execute("SELECT app, name, applied::text FROM django_migrations ORDER BY id").fetchall()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _release() -> str:
    """Of the shipped files as they lie on disk. A needless change costs one full look, never a missed one."""
    root = Path(keqiao.__file__).parent
    files = sorted(file for pattern in SHIPPED for file in root.glob(pattern) if file.is_file())
    facts = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    packages = [(name, version(name)) for name in WITH_MIGRATIONS]
    return hashlib.sha256(json.dumps([facts, packages]).encode()).hexdigest()
