"""A small Lanjiang with its index and matches behind a real server, made once for the tests in the browser.

Tests that use it carry no database mark: pytest-django runs them last, so that nothing flushes the city away.
"""

import pytest
from pytest_django.live_server_helper import LiveServer


@pytest.fixture(scope="session")
def lanjiang(django_db_setup, django_db_blocker):
    """The address of the small city's site."""
    from django.core.cache import cache
    from django.db import connection, connections
    from django.test.utils import override_settings, setup_databases

    from keqiao.demo import loader
    from keqiao.matching import indexing, services, stale
    from keqiao.matching.tests.factories import forget_everything
    from keqiao.parties import selectors as parties

    with django_db_blocker.unblock():
        if not connection.settings_dict["NAME"].startswith("test_"):  # no test with a database mark was chosen
            setup_databases(verbosity=0, interactive=False)
        forget_everything()
        with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
            loader.load(progress=lambda text: None, most=8)
        indexing.rebuild(progress=lambda text: None)
        for need_id in stale.needs_to_compute():
            services.compute_matches(actor=parties.system(), kind="need", item_id=need_id)
        for need_id in stale.needs_to_study():
            services.study_need(actor=parties.system(), need_id=need_id)
        cache.clear()
        server = LiveServer("127.0.0.1")
        yield server.url
        server.stop()
        connections.close_all()
        connection.close_pool()  # the server's threads leave open connections in it


@pytest.fixture
def browser_context_args(browser_context_args):
    return {**browser_context_args, "locale": "zh-CN", "reduced_motion": "reduce"}


@pytest.fixture(autouse=True)
def _no_console_errors(request):
    """A page that logs an error fails its test: a refused script or style is a broken promise."""
    if "page" not in request.fixturenames:
        yield
        return
    page = request.getfixturevalue("page")
    heard = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield
    assert heard == []
