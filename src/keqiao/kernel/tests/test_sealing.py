"""The hash chain: what is sealed stays provable, what is late is sealed late, what is changed is named."""

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from keqiao.kernel import sealing, tasks
from keqiao.kernel.events import record
from keqiao.kernel.models import Event, Seal
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_organisation

pytestmark = pytest.mark.django_db(transaction=True)


def happen(name: str) -> Event:
    with transaction.atomic():
        return record(name, make_organisation(), actor=parties.system(), count=1)


def test_chain_holds_and_each_event_is_sealed_once():
    for n in range(3):
        happen(f"test.thing_{n}")
    assert sealing.seal() == 3
    assert sealing.seal() == 0
    assert list(Seal.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert sealing.verify() is None


def test_verify_names_the_first_changed_row():
    events = [happen(f"test.thing_{n}") for n in range(4)]
    sealing.seal()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # what somebody with the server's password can do
        cursor.execute("UPDATE kernel_event SET data = '{\"count\": 2}' WHERE id = %s", [events[2].pk])
        cursor.execute("SET session_replication_role = DEFAULT")
    assert sealing.verify() == sealing.Break(3, events[2].pk, "the event or its seal was changed")


def test_verify_names_a_missing_seal():
    for n in range(3):
        happen(f"test.thing_{n}")
    sealing.seal()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM kernel_seal WHERE number = 2")
        cursor.execute("SET session_replication_role = DEFAULT")
    assert sealing.verify() == sealing.Break(2, None, "a seal is missing")


def test_event_that_commits_late_is_sealed_late():
    """A transaction held open takes an id first and commits last: it is sealed after the others, not skipped."""
    opened, release, done = threading.Event(), threading.Event(), threading.Event()
    late: list[int] = []

    def hold():
        with transaction.atomic():
            late.append(record("test.held_back", make_organisation(), actor=parties.system()).pk)
            opened.set()
            release.wait(10)
        connection.close()
        done.set()

    thread = threading.Thread(target=hold)
    thread.start()
    assert opened.wait(10)
    early = happen("test.went_ahead")
    assert early.pk > late[0]
    assert sealing.seal() == 1
    release.set()
    assert done.wait(10)
    thread.join()
    assert sealing.seal() == 1
    assert list(Seal.objects.order_by("number").values_list("event_id", flat=True)) == [early.pk, late[0]]
    assert sealing.verify() is None


def test_one_that_is_very_late_is_sealed_by_the_hourly_look(monkeypatch):
    monkeypatch.setattr(sealing, "LATE", 2)
    events = [happen(f"test.thing_{n}") for n in range(6)]
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # as if the third had committed only now
        cursor.execute("CREATE TEMP TABLE held AS SELECT * FROM kernel_event WHERE id = %s", [events[2].pk])
        cursor.execute("DELETE FROM kernel_event WHERE id = %s", [events[2].pk])
        assert sealing.seal(whole=False) == 5
        cursor.execute("INSERT INTO kernel_event SELECT * FROM held")
        cursor.execute("SET session_replication_role = DEFAULT")
    tasks.seal_events(timestamp=1_790_000_040)  # 14:14
    assert Seal.objects.count() == 5
    tasks.seal_events(timestamp=1_790_002_800)  # 15:00
    assert list(Seal.objects.order_by("number").values_list("event_id", flat=True))[-1] == events[2].pk
    assert sealing.verify() is None


def test_the_look_of_each_minute_reads_the_end_of_the_table_only(monkeypatch):
    monkeypatch.setattr(sealing, "LATE", 1)
    for n in range(3):
        happen(f"test.thing_{n}")
    sealing.seal()
    with CaptureQueriesContext(connection) as asked:
        assert sealing.seal(whole=False) == 0
    (looked,) = [query["sql"] for query in asked if "kernel_seal" in query["sql"] and "kernel_event" in query["sql"]]
    assert f'"kernel_event"."id" > {Seal.objects.latest("number").event_id - sealing.LATE}' in looked


@pytest.mark.parametrize("statement", ["UPDATE kernel_event SET name = 'x'", "DELETE FROM kernel_event"])
def test_events_are_final(statement):
    happen("test.thing")
    with pytest.raises(Exception, match="never changed or deleted"), connection.cursor() as cursor:
        cursor.execute(statement)
