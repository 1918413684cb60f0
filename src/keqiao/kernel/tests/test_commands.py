import threading

import pytest
from django.db import connection, transaction

from keqiao.kernel import events
from keqiao.kernel.commands import command
from keqiao.kernel.errors import Busy, DomainError
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.models import Organisation
from keqiao.parties.tests.factories import make_organisation


@command
def rename(*, actor, organisation_id, name, fail=False):
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation_id)
    organisation.name_zh = name
    organisation.save(update_fields=["name_zh"])
    events.record("test.renamed", organisation, actor=actor)
    if fail:
        raise DomainError


def test_signature_is_checked():
    with pytest.raises(TypeError, match="must be"):
        command(lambda actor: None)


def test_somebody_must_act(db):
    with pytest.raises(TypeError, match="needs an actor"):
        rename(actor=None, organisation_id=1, name="x")


def test_refused_command_leaves_no_trace(db):
    organisation = make_organisation(name_zh="旧名")
    with pytest.raises(DomainError):
        rename(actor=parties.system(), organisation_id=organisation.pk, name="新名", fail=True)
    organisation.refresh_from_db()
    assert (organisation.name_zh, Event.objects.count()) == ("旧名", 0)


@pytest.mark.django_db(transaction=True)
def test_lock_that_is_not_had_in_time_is_busy(monkeypatch):
    monkeypatch.setattr("keqiao.kernel.commands.LOCK_WAIT", "100ms")
    organisation = make_organisation()
    locked, release = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
            locked.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(10)
    with pytest.raises(Busy):
        rename(actor=parties.system(), organisation_id=organisation.pk, name="新名")
    release.set()
    thread.join()


@pytest.mark.django_db(transaction=True)
def test_record_belongs_inside_a_command():
    organisation = make_organisation()
    with pytest.raises(RuntimeError, match="inside a command"):
        events.record("test.loose", organisation, actor=parties.system())


def test_job_is_a_row_of_the_same_transaction(db, monkeypatch):
    """The subscriber's job appears with the event, and is gone with it when the command fails."""
    heard = []
    monkeypatch.setitem(events._subscribers, "test.renamed", [heard.append])
    organisation = make_organisation()
    rename(actor=parties.system(), organisation_id=organisation.pk, name="新名")
    with pytest.raises(DomainError):
        rename(actor=parties.system(), organisation_id=organisation.pk, name="新名", fail=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs WHERE task_name LIKE '%%dispatch_event'")
        jobs = cursor.fetchall()
    event = Event.objects.get()
    assert [args for (args,) in jobs] == [{"event_id": event.pk}] or jobs == [(f'{{"event_id": {event.pk}}}',)]
    events.dispatch(event)
    assert heard == [event]


def test_public_event_tells_watchers(db):
    with transaction.atomic():
        event = events.record("test.shown", make_organisation(), actor=parties.system(), public=True)
    assert event.is_public
