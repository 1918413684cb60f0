"""Fixtures that every test may use."""

import os
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The fuzzer changes what its token may change in the city that the journeys share: it comes last."""
    items.sort(key=lambda item: "test_api_fuzz" in item.nodeid)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Counts that a list keeps for half a minute do not reach the next test."""
    from django.core.cache import cache

    from keqiao.kernel import site
    from keqiao.kernel.models import SiteSettings

    cache.clear()
    site.keep(SiteSettings(), seconds=3600)  # as on a site that nobody has changed; `forget` asks the database


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Real hashing takes its time on purpose; the tests sign in hundreds of times. Kept hashes are still understood."""
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = [quick, *(name for name in settings.PASSWORD_HASHERS if name != quick)]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:  # noqa: ARG001 -- the plugin's own comes first
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
