"""Pytest plugin: a throw-away embedded PostgreSQL and a data folder of its own, before Django reads its settings.

Loaded by `-p keqiao.runtime.testing`. With DATABASE_URL set the suite runs on that server instead. Run with `-n 2`, each
process has a server and a folder of its own; the one that only hands out the tests needs neither.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.mail.utils import DNS_NAME

if TYPE_CHECKING:
    from keqiao.runtime.environment import Environment

SCRATCH = Path(os.environ.get("KEQIAO_TEST_DATA") or tempfile.mkdtemp(prefix="keqiao-test-"))
# Durability and housekeeping are off: these rows live for minutes.
SERVER = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
SERVER |= {"wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "4GB", "checkpoint_timeout": "1h"}

os.environ["KEQIAO_DATA"] = str(SCRATCH)
os.environ["KEQIAO_SECRET_KEY"] = "test-key-that-signs-nothing-real"  # noqa: S105 -- for tests only
os.environ["KEQIAO_JURISDICTION"] = "CN-SH"
os.environ["KEQIAO_LOG_LEVEL"] = "WARNING"
for name in ("PORT", "KEQIAO_SITE_URL", "EMAIL_URL", "KEQIAO_DEBUG"):
    os.environ.pop(name, None)
# Only test sessions may TRUNCATE append-only tables (TransactionTestCase and live_server flush).
os.environ["PGOPTIONS"] = "-c keqiao.allow_truncate=on"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's sync API runs an event loop in the main thread

_stack = contextlib.ExitStack()
# Mails carry it in their ids. Asked of a resolver that is not there, each process would wait ten seconds.
DNS_NAME._fqdn = "test.example"  # noqa: SLF001


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Before pytest-django looks for settings. Who only hands out the tests has none: the others start seconds earlier."""
    if not hands_out_only(getattr(early_config.known_args_namespace, "numprocesses", None)):
        os.environ["DJANGO_SETTINGS_MODULE"] = "keqiao.web.settings"
    return (yield)


def hands_out_only(processes: Any) -> bool:
    return bool(processes) and "PYTEST_XDIST_WORKER" not in os.environ


def pytest_configure(config: pytest.Config) -> None:
    if hands_out_only(config.getoption("numprocesses", None)):
        return
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    env = read_environment()
    if goes_afterwards(env.database_url):
        _stack.enter_context(cleared_afterwards(env))
    _stack.enter_context(postgres.using(env, extra=SERVER))


def pytest_unconfigure(config: pytest.Config) -> None:  # noqa: ARG001 -- pytest's signature
    _stack.close()


def goes_afterwards(database_url: str) -> bool:
    """Is there a server of this run alone, that nobody asked to keep?"""
    return not database_url and "KEQIAO_TEST_DATA" not in os.environ


@contextlib.contextmanager
def cleared_afterwards(env: Environment) -> Iterator[None]:
    """A run that is killed would leave its server behind, to run for ever: a process beside it looks to that."""
    command = [sys.executable, "-m", "keqiao.runtime.afterwards", str(env.data)]
    beside = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    yield
    from keqiao.runtime import postgres

    postgres.remove(env)
    shutil.rmtree(env.data, ignore_errors=True)
    beside.communicate()
