"""Which reads leave the primary, and which never do. A twin of the test database stands in for a replica; the real thing
is tried in tests/test_replica.py.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from keqiao.kernel import replicas
from keqiao.kernel.commands import command
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.models import Organisation
from keqiao.parties.tests.factories import make_operator, user_of

TWIN = "twin"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(replicas.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def _twin(settings: Any) -> Iterator[None]:
    """Another alias of the same database, which counts as a replica that has replayed everything."""
    own = connections.databases["default"]
    connections.databases[TWIN] = {**own, "OPTIONS": {**own["OPTIONS"], "pool": False}}
    settings.REPLICAS = [TWIN]
    replicas.forget()
    connections[TWIN].connect()  # Django's tests let nobody connect later to what was not there at their start
    yield
    connections[TWIN].close()
    del connections.databases[TWIN]
    delattr(connections._connections, TWIN)
    replicas.forget()


@pytest.fixture
def follows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the replica says when asked; counts the questions."""
    said: dict[str, Any] = {"replayed": 2**62, "asked": 0}

    def ask(_alias: str) -> tuple[int, float]:
        said["asked"] += 1
        if isinstance(said["replayed"], Exception):
            raise said["replayed"]
        return said["replayed"], 0.0

    monkeypatch.setattr(replicas, "_ask", ask)
    return said


def get(**cookies: str) -> HttpRequest:
    request = RequestFactory().get("/needs")
    request.COOKIES.update(cookies)
    return request


def where(request: HttpRequest, view: Any = None) -> str:
    """The database that a marked view reads organisations from."""
    seen = replicas.may_lag(view or (lambda _request: Organisation.objects.all().db))
    return str(seen(request))


# --- what is asked of a replica -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_twin", "follows")
def test_a_marked_view_reads_the_replica_and_everything_else_the_primary() -> None:
    assert where(get()) == TWIN
    assert Organisation.objects.all().db == "default"  # the view is over
    assert where(get(), lambda _request: Event.objects.all().db) == "default"  # the kernel's own tables
    assert where(get(), lambda _request: Organisation.objects.select_for_update().db) == "default"
    assert where(get(keqiao_wrote="1")) == "default"
    assert where(RequestFactory().post("/needs")) == "default"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_twin", "follows")
def test_commands_and_transactions_inside_a_marked_view_are_the_primarys() -> None:
    @command
    def change(*, actor: Any) -> str:
        return Organisation.objects.all().db

    def in_transaction(_request: HttpRequest) -> str:
        with transaction.atomic():
            return Organisation.objects.all().db

    assert where(get(), lambda _request: change(actor=parties.system())) == "default"
    assert where(get(), in_transaction) == "default"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_twin", "follows")
@pytest.mark.parametrize(
    ("scopes", "expected"), [({"needs:read"}, TWIN), ({"needs:read", "needs:write"}, "default"), (set(), TWIN)]
)
def test_a_token_that_may_write_reads_what_it_wrote(scopes: set[str], expected: str) -> None:
    request = get()
    request.token_scopes = frozenset(scopes)  # type: ignore[attr-defined]
    assert where(request) == expected


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_twin", "follows")
def test_a_list_of_a_signed_in_person_takes_rows_from_the_replica_and_rights_from_the_primary(client: Client) -> None:
    client.force_login(user_of(make_operator()), backend="django.contrib.auth.backends.ModelBackend")
    with CaptureQueriesContext(connections[TWIN]) as read, CaptureQueriesContext(connection) as asked:
        assert client.get("/organisations").status_code == 200
    tables = [
        table for query in read for table in ("auth_user", "django_session", "accounts_") if table in query["sql"]
    ]
    assert tables == []
    assert any("parties_organisation" in query["sql"] for query in read)
    assert any("django_session" in query["sql"] for query in asked)


# --- how old it may be ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_replica_is_used_only_while_it_shows_nothing_older_than_allowed(
    clock: list[float], follows: dict[str, Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The primary writes 100 a second; a replica that is 3 seconds late is used with 5 allowed, one 6 seconds late is not."""
    settings.REPLICAS, settings.REPLICA_LAG = [TWIN], 5
    replicas.forget()
    monkeypatch.setattr(replicas, "WRITTEN", "SELECT 0")
    wrote = lambda: int(clock[0] * 100)  # noqa: E731 -- two lines of arithmetic
    for late, expected in ((0.0, True), (2.0, True), (6.0, False)):
        replicas.forget()
        used = []
        for tick in range(200):
            clock[0] += 0.1
            follows["replayed"] = wrote() - int(late * 100)
            monkeypatch.setattr(replicas, "WRITTEN", f"SELECT {wrote()}")
            alias = replicas.choose()
            assert alias is None or follows["replayed"] >= (clock[0] - 5) * 100 - 1
            used.append(alias is not None)
            assert tick < 60 or used[-1] is expected


@pytest.mark.django_db
def test_a_fresh_replica_costs_two_questions_in_all_the_seconds_it_may_lag(
    clock: list[float], follows: dict[str, Any], settings: Any
) -> None:
    settings.REPLICAS, settings.REPLICA_LAG = [TWIN], 5
    replicas.forget()
    with CaptureQueriesContext(connection) as asked:
        for _request in range(100):
            assert replicas.choose() == TWIN
            clock[0] += 0.0499
    assert (len(asked), follows["asked"]) == (2, 1)


@pytest.mark.django_db
@pytest.mark.usefixtures("_twin")
def test_one_that_is_away_is_left_alone_and_tried_again(clock: list[float], follows: dict[str, Any]) -> None:
    follows["replayed"] = OperationalError("connection refused")
    assert [replicas.choose() for _request in range(50)] == [None] * 50
    assert follows["asked"] == 1
    follows["replayed"] = 2**62
    clock[0] += replicas.LEFT_ALONE + 0.1
    assert replicas.choose() == TWIN


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_twin", "follows")
def test_a_page_that_loses_its_replica_on_the_way_is_made_from_the_primary() -> None:
    tries = itertools.count(1)

    def view(_request: HttpRequest) -> str:
        if next(tries) == 1:
            raise OperationalError("terminating connection due to administrator command")
        return Organisation.objects.all().db

    assert where(get(), view) == "default"
    assert where(get()) == "default"  # left alone for a while


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_twin")
def test_a_primary_behind_the_replicas_address_is_not_read_nor_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin is one: it takes writes itself."""
    parted = []
    monkeypatch.setattr(connections[TWIN], "close_pool", lambda: parted.append(TWIN))
    assert where(get()) == "default"
    assert parted == [TWIN]
    connections[TWIN].connect()
    (standing,) = replicas.standings()
    assert (standing.trouble, standing.is_used, standing.bytes_behind) == ("no_replica", False, None)


# --- what one wrote oneself -------------------------------------------------------------------------------------------------


def test_whoever_sent_something_carries_a_cookie_a_second_longer_than_a_replica_may_lag(settings: Any) -> None:
    settings.REPLICAS, settings.REPLICA_LAG = [TWIN], 5
    marked = replicas.Marker(lambda _request: HttpResponse("done"))
    cookie = marked(RequestFactory().post("/needs/new")).cookies[replicas.WROTE]
    assert (cookie["max-age"], cookie["httponly"], cookie["samesite"]) == (6, True, "Lax")
    assert replicas.WROTE not in marked(get()).cookies
    by_token = RequestFactory().post("/api/v1/drafts", headers={"authorization": "Bearer kq_x"})
    assert replicas.WROTE not in marked(by_token).cookies


@pytest.mark.django_db
def test_without_replicas_nothing_is_asked_and_no_cookie_is_given(client: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert where(get()) == "default"
    assert len(asked) == 0
    assert replicas.WROTE not in client.post("/preferences", {"theme": "dark"}).cookies
