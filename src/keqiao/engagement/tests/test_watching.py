"""Who is woken when something happens in a thread, and what travels."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from keqiao.engagement import services, watching
from keqiao.engagement.models import Participant
from keqiao.engagement.tests.factories import make_contact, make_world
from keqiao.kernel import clock, events
from keqiao.kernel.models import Event
from keqiao.parties.models import Post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def told(monkeypatch):
    """Everything that was said to listeners."""
    said = []
    monkeypatch.setattr(events, "tell_topics", lambda names, sequence: said.append((set(names), sequence)))
    return said


def topics_of(contact, people):
    return {n for p in people for n in (*events.topics("thread", contact.pk, p.pk), *events.topics("workbench", p.pk))}


def last_event(contact):
    return Event.objects.filter(subject=f"engagement.contact:{contact.pk}").order_by("-pk")[0]


def test_those_in_the_thread_are_woken_with_a_number(told):
    world = make_world()
    contact = make_contact(world)
    events.dispatch(last_event(contact))
    assert told == [(topics_of(contact, [world.manager, world.officer]), 1)]
    services.accept_contact(actor=world.owner, code=contact.code)
    events.dispatch(last_event(contact))
    assert told[1][1] == 2


def test_who_left_or_works_elsewhere_now_hears_nothing(told):
    world = make_world()
    contact = make_contact(world)
    Post.objects.filter(person=world.officer).update(ended_on=clock.today())
    watching.wake_readers(contact.pk)
    assert told[-1][0] == topics_of(contact, [world.manager])
    Participant.objects.filter(person=world.manager).update(left_at=clock.now())
    watching.wake_readers(contact.pk)
    assert told[-1][0] == set()


def test_a_topic_cannot_be_guessed_and_ends(monkeypatch):
    assert events.topic("thread", 1, 2) != events.topic("thread", 1, 3)
    today, yesterday = events.topics("thread", 1, 2)
    tomorrow = clock.today() + timedelta(days=1)
    monkeypatch.setattr(clock, "today", lambda: tomorrow)
    assert events.topics("thread", 1, 2)[1] == today
    assert yesterday not in events.topics("thread", 1, 2)


def test_every_happening_of_a_thread_wakes(told):
    assert {
        name for name, those in events.subscriptions().items() if any("something_happened" in f for f in those)
    } == set(watching.HAPPENINGS)


def test_the_page_listens_under_the_sites_own_address_only(settings):
    settings.SITE_URL, settings.LIVE_URL = "http://localhost:8000", "http://localhost:8001"
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    world = make_world()
    contact = make_contact(world)
    client = Client()
    client.force_login(world.officer.user)
    topic = watching.thread_topic(contact.pk, world.officer.pk)
    own = client.get(f"/contacts/{contact.code}", headers={"host": "localhost:8000"})
    assert f'data-follow="http://localhost:8001/live/topics?t={topic}" data-sequence="1"' in own.content.decode()
    assert "connect-src 'self' http://localhost:8001;" in own["Content-Security-Policy"]
    assert 'data-follow="" ' in client.get(f"/contacts/{contact.code}").content.decode()
    assert (
        watching.workbench_topic(world.officer.pk)
        in client.get("/me", headers={"host": "localhost:8000"}).content.decode()
    )


def test_a_page_that_asks_again_is_no_new_visit(told):
    world = make_world()
    client = Client()
    client.force_login(world.officer.user)
    client.get("/me")
    seen = "SELECT to_jsonb(engagement_visit) FROM engagement_visit"
    with connection.cursor() as cursor:
        before = cursor.execute(seen).fetchall()
        client.get("/me", headers={"X-Requested-With": "follow"})
        assert cursor.execute(seen).fetchall() == before
