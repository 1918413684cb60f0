"""Brokers, saved searches and their job, erasure, and the messages of a thread."""

from datetime import timedelta

import pytest
from django.db import transaction

from keqiao.catalogue.tests.factories import make_need
from keqiao.engagement import erasing, selectors, services
from keqiao.engagement.models import BrokerRequest, Contact, Message, Participant, SavedSearch
from keqiao.engagement.tests.factories import PDF, a_key, make_broker, make_contact, make_world
from keqiao.engagement.types import Upload
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.files import FileTooLarge, path_of
from keqiao.kernel.models import Event, Notice, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def test_a_broker_reads_nothing_before_both_sides_agreed():
    world = make_world()
    contact = make_contact(world)
    broker = make_broker()
    actor = parties.actor_for(broker.user)
    services.ask_for_broker(actor=world.asker, code=contact.code, person_id=broker.pk)
    with pytest.raises(NotFound):
        selectors.get_contact(contact.code, actor=actor)
    with pytest.raises(NotAllowed):
        services.answer_broker_request(actor=world.asker, code=contact.code, agrees=True)
    with pytest.raises(WrongState):
        services.ask_for_broker(actor=world.owner, code=contact.code)
    assert Notice.objects.filter(person_id=broker.pk).count() == 0
    services.answer_broker_request(actor=world.owner, code=contact.code, agrees=True)
    assert selectors.get_contact(contact.code, actor=actor).pk == contact.pk
    services.write_message(actor=actor, code=contact.code, text="我来协调。", key=a_key())
    with pytest.raises(NotAllowed):
        services.accept_contact(actor=actor, code=contact.code)
    services.leave_as_broker(actor=actor, code=contact.code)
    with pytest.raises(NotFound):
        selectors.get_contact(contact.code, actor=actor)


def test_a_refused_broker_never_joins_and_another_may_be_asked():
    world = make_world()
    contact = make_contact(world)
    broker = make_broker()
    services.ask_for_broker(actor=world.owner, code=contact.code, person_id=broker.pk)
    services.answer_broker_request(actor=world.asker, code=contact.code, agrees=False)
    assert Participant.objects.filter(person=broker).count() == 0
    services.ask_for_broker(actor=world.owner, code=contact.code)
    assert BrokerRequest.objects.count() == 2


def test_the_platform_assigns_one_where_both_asked_for_it():
    world = make_world()
    contact = make_contact(world)
    broker, operator = make_broker(), make_operator()
    services.ask_for_broker(actor=world.asker, code=contact.code)
    with pytest.raises(NotFound):
        services.assign_broker(actor=operator, code=contact.code, person_id=broker.pk)
    services.answer_broker_request(actor=world.owner, code=contact.code, agrees=True)
    with pytest.raises(NotAllowed):
        services.assign_broker(actor=world.asker, code=contact.code, person_id=broker.pk)
    with pytest.raises(BadInput):
        services.assign_broker(actor=operator, code=contact.code, person_id=world.manager.pk)
    assert [row.contact_id for row in selectors.broker_requests_to_assign(operator)] == [contact.pk]
    services.assign_broker(actor=operator, code=contact.code, person_id=broker.pk)
    assert Participant.objects.get(person=broker).place == "broker"
    assert list(selectors.broker_requests_to_assign(operator)) == []


def test_messages_are_numbered_sent_once_and_read_per_person():
    world = make_world()
    contact = make_contact(world)
    key = a_key()
    for _again in range(2):
        services.write_message(actor=world.asker, code=contact.code, text="补充", key=key)
    assert list(contact.messages.values_list("number", flat=True)) == [1, 2]
    assert selectors.counts_of(world.owner).unread == 2
    services.mark_thread_read(actor=world.owner, code=contact.code, number=1)
    assert selectors.counts_of(world.owner).unread == 1
    services.mark_thread_read(actor=world.owner, code=contact.code, number=99)
    assert contact.participants.get(person=world.officer).last_read == 2
    with pytest.raises(WrongState):
        services.write_message(actor=world.owner, code=contact.code, text="先答复", key=a_key())
    with pytest.raises(NotFound):
        services.write_message(actor=make_actor(), code=contact.code, text="x", key=a_key())


def test_a_file_too_large_or_too_many_leave_nothing(monkeypatch):
    world = make_world()
    contact = make_contact(world)
    monkeypatch.setattr("keqiao.engagement.services.conversing.LARGEST", 10)
    for files, error in (
        ([Upload("a.pdf", PDF)], FileTooLarge),
        ([Upload("a.pdf", PDF)] * 6, BadInput),
        ([Upload("a", b"")], BadInput),
    ):
        with pytest.raises(error):
            services.write_message(actor=world.asker, code=contact.code, text="看", key=a_key(), files=files)
    assert (Message.objects.count(), StoredFile.objects.count()) == (1, 0)


def test_a_saved_search_tells_of_what_is_new_once():
    person = make_person(organisation=make_organisation())
    actor = parties.actor_for(person.user)
    make_need(field="materials", published_at=clock.now() - timedelta(days=3))
    saved = services.save_search(actor=actor, query="kind=need&field=materials")
    SavedSearch.objects.update(created_at=clock.now() - timedelta(hours=1))
    system = parties.system()
    with pytest.raises(NotAllowed):
        services.check_saved_search(actor=actor, search_id=saved.pk)
    assert services.check_saved_search(actor=system, search_id=saved.pk) == 0
    fresh = make_need(field="materials", published_at=clock.now())
    make_need(field="ai", published_at=clock.now())
    make_need(field="materials", state="draft", published_at=None)
    assert services.check_saved_search(actor=system, search_id=saved.pk) == 1
    assert services.check_saved_search(actor=system, search_id=saved.pk) == 0
    saved.refresh_from_db()
    assert (saved.told, saved.new_count) == ([fresh.code], 1)
    assert [event.data for event in Event.objects.filter(name="engagement.search_found")] == [
        {"scores": {fresh.code: None}}
    ]
    assert services.open_saved_search(actor=actor, search_id=saved.pk) == "kind=need&field=materials"
    assert SavedSearch.objects.get().new_count == 0
    services.change_alerts(actor=actor, search_id=saved.pk, wants_alerts=False)
    assert selectors.searches_to_check(10) == []


def test_hostile_queries_are_cleaned_or_refused():
    actor = make_actor(organisation=make_organisation())
    kept = services.save_search(actor=actor, query="?kind=<b>&q=%00膜&field=x&price_low=NaN&evil=1&sort=newest")
    assert kept.query == "kind=achievement&q=%E8%86%9C&field=x&sort=newest"
    for query in ("", "kind=need", "q=" + "膜" * 2_000, "&".join(f"a{n}=1" for n in range(500))):
        with pytest.raises(BadInput):
            services.save_search(actor=actor, query=query)
    with pytest.raises(NotAllowed):
        services.save_search(actor=parties.visitor(), query="q=膜")
    assert SavedSearch.objects.count() == 1


def test_an_erased_persons_words_and_files_go_and_the_thread_stays(client):
    world = make_world()
    contact = make_contact(world, files=[Upload("报告.pdf", PDF)])
    services.answer_contact(actor=world.owner, code=contact.code, text="收到。", key=a_key())
    services.save_search(actor=world.asker, query="q=膜")
    services.add_task(actor=world.asker, text="寄样品")
    part = erasing.export(world.manager.pk)
    assert [row["text"] for row in part["messages"]] == ["贵方的水通量是在什么条件下测得的？"]
    assert (part["threads"], part["messages"][0]["files"]) == ([contact.code], ["报告.pdf"])
    assert part["tasks"] == [{"text": "寄样品", "due_on": None}]
    digest = StoredFile.objects.get().digest
    with transaction.atomic():
        erasing.erase(world.manager.pk)
    assert list(contact.messages.values_list("text", flat=True)) == ["", "收到。"]
    assert StoredFile.objects.count() == 0
    assert path_of(digest).exists()  # until the commit
    assert (SavedSearch.objects.count(), Contact.objects.count()) == (0, 1)
    client.force_login(world.officer.user)
    page = client.get(f"/contacts/{contact.code}").content.decode()
    assert "内容已删除" in page
    assert "收到。" in page


def test_who_hands_over_must_be_in_the_thread_and_roles_of_platform_do_not_open_it():
    world = make_world()
    contact = make_contact(world)
    operator = make_operator()
    auditor = make_actor(organisation=make_organisation(), role=Role.AUDITOR)
    for actor in (operator, auditor, parties.visitor()):
        with pytest.raises(NotFound):
            services.hand_over_contact(actor=actor, code=contact.code, person_id=world.colleague.pk)


def test_threads_follow_a_merged_organisation_and_come_back(monkeypatch):
    world = make_world()
    contact = make_contact(world)
    kept = make_organisation(kind="university")
    monkeypatch.setattr(parties, "final_organisation", lambda _pk, *, lock=False: kept.pk)
    system, gone = parties.system(), world.achievement.owner
    with pytest.raises(NotAllowed):
        services.move_contacts(actor=world.asker, from_id=gone.pk, merge_id=1)
    assert services.move_contacts(actor=system, from_id=gone.pk, merge_id=1) == 2
    assert services.move_contacts(actor=system, from_id=gone.pk, merge_id=1) == 0
    assert Contact.objects.get().to_organisation_id == kept.pk
    assert contact.participants.get(person=world.officer).organisation_id == kept.pk
    assert services.move_contacts_back(actor=system, merge_id=1) == 2
    assert Contact.objects.get().to_organisation_id == gone.pk


def test_a_thread_between_the_two_stays_as_it_was(monkeypatch):
    world = make_world()
    make_contact(world)
    monkeypatch.setattr(parties, "final_organisation", lambda _pk, *, lock=False: world.need.publisher_id)
    services.move_contacts(actor=parties.system(), from_id=world.achievement.owner_id, merge_id=2)
    assert Contact.objects.get().to_organisation_id == world.achievement.owner_id


def test_jobs_look_at_promised_dates_and_at_saved_searches():
    from keqiao.engagement import tasks

    world = make_world()
    contact = make_contact(world)
    Contact.objects.filter(pk=contact.pk).update(due_on=clock.today() - timedelta(days=1))
    for _again in range(2):
        tasks.watch_promised_dates(timestamp=0)
    told = Notice.objects.filter(person_id=world.officer.pk, kind="engagement.answer_due")
    assert (told.count(), Contact.objects.get().state) == (1, "sent")
    Contact.objects.filter(pk=contact.pk).update(due_on=clock.today() - timedelta(days=100))
    tasks.watch_promised_dates(timestamp=0)
    assert Contact.objects.get().state == "expired"
    saved = services.save_search(actor=world.asker, query="kind=need&field=materials")
    make_need(field="materials", published_at=clock.now() + timedelta(seconds=1))
    tasks.find_saved_searches(timestamp=0)
    tasks.check_saved_search(search_id=saved.pk)
    assert SavedSearch.objects.get().new_count == 1
