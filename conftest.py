"""Fixtures that every test may use."""

import os
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Counts that a list keeps for half a minute do not reach the next test."""
    from django.core.cache import cache

    from keqiao.kernel import site
    from keqiao.kernel.models import SiteSettings

    cache.clear()
    site.keep(SiteSettings(), seconds=3600)  # as on a site that nobody has changed; `forget` asks the database


@pytest.fixture
def rules(db: None) -> None:  # noqa: ARG001 -- the packs are rows
    """The rule packs, for tests of what asks a parameter."""
    from keqiao.kernel import parameters
    from keqiao.parties import selectors as parties

    parameters.load_packs(actor=parties.system())


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
