"""Fixtures that every test may use."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

# A busy machine is not a fault of what is tested.
settings.register_profile("keqiao", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("keqiao")

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collecting the fuzzer builds its cases: half of all the time before the first test, for tests that are long checks."""
    return True if collection_path.name == "test_api_fuzz.py" and config.option.markexpr == "not slow" else None


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """What stands after collecting stays: the collector of garbage needs neither watch it grow nor walk it again. A third
    of the time of collecting, and a part of each test's, went there.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses the shared city (tests/conftest.py) comes after all that a city would disturb, and so does what uses a
    browser, whose event loop stays in the process; the longest of it first. What knows neither a database nor a loop keeps
    every process busy to the end. The fuzzer, which changes the city, comes last. Every process gets its tests in this order.
    """
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    if "test_api_fuzz" in item.nodeid:
        return 4
    if uses_city(item) or uses_browser(item):
        return 1 if "test_journeys_whole" in item.nodeid else 2
    return 3 if is_plain(item) else 0


PLAIN = ("src/keqiao/catalogue/", "src/keqiao/interchange/", "src/keqiao/matching/")  # where most of the plain ones are


def is_plain(item: pytest.Item) -> bool:
    """Reads, computes, compares: whatever stands in the database or was begun in the process, it is the same."""
    asks = {"db", "transactional_db", "django_db_setup"} & {*getattr(item, "fixturenames", ())}
    return item.nodeid.startswith(PLAIN) and not asks and item.get_closest_marker("django_db") is None


def uses_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ())


def uses_city(item: pytest.Item) -> bool:
    return "lanjiang" in getattr(item, "fixturenames", ())


@pytest.fixture(autouse=True)
def _chinese() -> Iterator[None]:
    """A language that a test chose does not reach the next one."""
    from django.utils import translation

    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Counts that a list keeps for half a minute do not reach the next test."""
    from django.core.cache import cache

    from keqiao.kernel import site
    from keqiao.kernel.models import SiteSettings

    cache.clear()
    site.keep(SiteSettings(), seconds=3600)  # as on a site that nobody has changed; `forget` asks the database


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Real hashing takes its time on purpose; the tests sign in hundreds of times. Kept hashes are still understood."""
    from django.conf import settings
    from django.test import override_settings

    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    with override_settings(PASSWORD_HASHERS=[quick, *(name for name in settings.PASSWORD_HASHERS if name != quick)]):
        yield


def empty_the_tables(test: Any) -> None:
    """After a test that commits, in the place of Django's flush: that truncates 170 tables, most of them empty, and makes
    content types and permissions anew. Here rows are deleted where there are any, with the triggers asleep.
    """
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        cursor.execute("SHOW is_superuser")
        if cursor.fetchone() != ("on",):  # on a server given by DATABASE_URL the triggers may have to stay awake
            flush(test)
            return
        tables = {*connection.introspection.django_table_names()} - {"django_content_type", "auth_permission"}
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in tables))  # noqa: S608 -- our own tables
        filled = [name for (name,) in cursor.fetchall()]
        with transaction.atomic():
            cursor.execute("SET LOCAL session_replication_role = replica")
            for name in filled:
                cursor.execute(f"DELETE FROM {name}")  # noqa: S608 -- our own tables


EMPTYING = "_fixture_teardown"  # Django has no public name for it
flush = getattr(TransactionTestCase, EMPTYING)
setattr(TransactionTestCase, EMPTYING, empty_the_tables)


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """A throw-away server goes with its databases: to drop one first would have it write all of it down."""
    return django_db_keepdb or not any(name in os.environ for name in ("DATABASE_URL", "KEQIAO_TEST_DATA"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:  # noqa: ARG001 -- the plugin's own comes first
    """The rule packs are read once and kept in a table beside the real one."""
    from django.db import connection

    from keqiao.kernel import parameters
    from keqiao.parties import selectors as parties

    with django_db_blocker.unblock():
        if connection.settings_dict["NAME"].startswith("test_"):  # else no test with a database was chosen
            parameters.load_packs(actor=parties.system())
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS rules_for_tests")
                cursor.execute("CREATE TABLE rules_for_tests AS SELECT * FROM kernel_parameter")
                cursor.execute("DELETE FROM kernel_parameter")
        connection.close()
    yield
    with django_db_blocker.unblock():
        connection.close()


@pytest.fixture
def rules(db: None) -> None:  # noqa: ARG001 -- the packs are rows
    """The rule packs, for tests of what asks a parameter."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO kernel_parameter SELECT * FROM rules_for_tests ON CONFLICT DO NOTHING")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium, kept from calling home."""
    found = os.environ.get("CHROMIUM") or next((path for path in CHROMIUM if Path(path).exists()), None)
    assert found, "the browser tests need Chromium: apt-get install chromium"
    return {
        **browser_type_launch_args,
        "executable_path": found,
        "args": [
            "--no-sandbox",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--disable-default-apps",
            "--disable-dev-shm-usage",
        ],
    }
