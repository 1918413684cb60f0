"""A contact from end to end: sent once, promised, answered, declined, handed over, ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.catalogue.types import ItemState
from keqiao.engagement import selectors, services
from keqiao.engagement.models import Contact, MatchFeedback, Message, Participant
from keqiao.engagement.tests.factories import a_key, make_contact, make_world
from keqiao.engagement.types import (
    AlreadyInContact,
    ContactState,
    NobodyToContact,
    NotOnOffer,
    TooManyContacts,
)
from keqiao.kernel import clock
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Notice, Parameter
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def kinds(person):
    return list(Notice.objects.filter(person_id=person.pk).order_by("created_at").values_list("kind", flat=True))


def test_a_contact_names_its_people_promises_a_date_and_tells_the_other_side():
    world = make_world()
    contact = make_contact(world)
    assert (contact.state, contact.from_side, contact.to_side) == ("sent", "need", "achievement")
    assert contact.from_organisation_id == world.need.publisher_id
    assert contact.to_organisation_id == world.achievement.owner_id
    assert contact.due_on == add_working_days(clock.today(), 5).day
    assert {(row.person_id, row.place) for row in contact.participants.all()} == {
        (world.manager.pk, "need"),
        (world.officer.pk, "achievement"),
    }
    assert [(m.number, m.kind, m.text) for m in contact.messages.all()] == [
        (1, "opening", "贵方的水通量是在什么条件下测得的？")
    ]
    assert kinds(world.officer) == ["engagement.contact_received"]
    assert kinds(world.manager) == []
    feedback = MatchFeedback.objects.get()
    assert (feedback.side, feedback.shown_position, feedback.contacted_at is not None) == ("need", 1, True)
    event = Event.objects.get(name="engagement.contact_sent")
    assert event.data == {"code": contact.code}


def test_the_owner_may_begin_as_well():
    world = make_world()
    contact = make_contact(world, by="achievement")
    assert (contact.from_side, contact.to_organisation_id) == ("achievement", world.need.publisher_id)
    assert kinds(world.manager) == ["engagement.contact_received"]


def test_an_item_without_a_match_or_without_a_counterpart_can_be_contacted_about():
    world = make_world()
    world.match.delete()
    assert make_contact(world).need_id == world.need.pk
    alone = services.send_contact(
        actor=world.asker, text="想了解这项成果。", key=a_key(), achievement_code=world.achievement.code
    )
    assert (alone.need_id, alone.from_side, alone.masked) == (None, "need", False)


def test_the_same_key_sends_once():
    world = make_world()
    key = a_key()
    first = make_contact(world, key=key)
    assert make_contact(world, key=key).pk == first.pk
    assert (Contact.objects.count(), Message.objects.count()) == (1, 1)


@pytest.mark.parametrize("by", ["need", "achievement"])
def test_one_open_contact_per_pair_and_side(by):
    world = make_world()
    contact = make_contact(world, by=by)
    with pytest.raises(AlreadyInContact) as refused:
        make_contact(world, by=by)
    assert refused.value.contact_code == contact.code
    assert Contact.objects.count() == 1
    services.withdraw_contact(actor=world.asker if by == "need" else world.owner, code=contact.code)
    assert make_contact(world, by=by).pk != contact.pk


@pytest.mark.django_db(transaction=True)
def test_two_who_send_at_once_make_one_contact():
    """The limit in the database stands behind the check."""
    from keqiao.matching.tests.factories import load_rules

    load_rules()
    world = make_world()

    def send(_n):
        try:
            return make_contact(world).code
        except Exception as error:  # noqa: BLE001 -- which one is asked below
            return type(error).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(send, range(2)))
    assert Contact.objects.count() == 1
    assert sorted(r.split("-")[0] for r in results) == ["AlreadyInContact", "DJ"]


def test_refusals_leave_no_trace():
    world = make_world()
    stranger = make_actor(organisation=make_organisation(kind="enterprise"))
    draft = make_need(publisher=world.need.publisher, state=ItemState.DRAFT, published_at=None)
    pair = {"need_code": world.need.code, "achievement_code": world.achievement.code}
    refusals = [
        (stranger, pair, "你好你好", NotAllowed),
        (parties.visitor(), pair, "你好你好", NotAllowed),
        (world.asker, pair | {"need_code": draft.code}, "你好你好", NotOnOffer),
        (stranger, {"need_code": draft.code, "achievement_code": world.achievement.code}, "你好", NotFound),
        (world.asker, {}, "你好", NotFound),
        (world.asker, pair, "   ", BadInput),
        (world.asker, pair, "很" * 5_001, BadInput),
        (world.owner, {"achievement_code": world.achievement.code}, "自己的", BadInput),
        (stranger, {"achievement_code": make_achievement().code}, "没有人", NobodyToContact),
    ]
    for actor, what, text, error in refusals:
        with pytest.raises(error):
            services.send_contact(actor=actor, text=text, key=a_key(), **what)
    with pytest.raises(BadInput, match="发送标识"):
        services.send_contact(actor=world.asker, text="你好", key="短", **pair)
    assert (Contact.objects.count(), Message.objects.count(), Participant.objects.count()) == (0, 0, 0)
    assert (Notice.objects.count(), MatchFeedback.objects.count()) == (0, 0)


def test_an_organisation_sends_only_so_many_a_day():
    world = make_world()
    Parameter.objects.filter(key="engagement.contacts_per_day").update(value=1)
    make_contact(world)
    with pytest.raises(TooManyContacts):
        services.send_contact(actor=world.asker, text="另一项", key=a_key(), achievement_code=world.achievement.code)
    assert Contact.objects.count() == 1


def test_accepting_then_answering_records_how_long_it_took():
    world = make_world()
    contact = make_contact(world)
    assert services.accept_contact(actor=world.owner, code=contact.code).state == ContactState.ACCEPTED
    key = a_key()
    for _again in range(2):
        services.answer_contact(actor=world.owner, code=contact.code, text="在 25 ℃ 下测得。", key=key)
    contact = Contact.objects.get()
    assert (contact.state, contact.to_person_id) == ("answered", world.officer.pk)
    assert contact.answered_at is not None
    assert [m.kind for m in contact.messages.all()] == ["opening", "answer"]
    assert kinds(world.manager) == ["engagement.contact_accepted", "engagement.contact_answered"]
    assert MatchFeedback.objects.get().answered_at is not None


def test_declining_needs_a_reason_and_says_it():
    world = make_world()
    contact = make_contact(world)
    for reason, text in (("", ""), ("nonsense", ""), ("other", " ")):
        with pytest.raises(BadInput):
            services.decline_contact(actor=world.owner, code=contact.code, reason=reason, text=text)
    assert Contact.objects.get().state == "sent"
    services.decline_contact(actor=world.owner, code=contact.code, reason="capacity", text="下半年再谈。")
    contact = Contact.objects.get()
    assert (contact.state, contact.decline_reason) == ("declined", "capacity")
    assert contact.ended_at is not None
    assert kinds(world.manager) == ["engagement.contact_declined"]


def test_handing_over_names_a_colleague_who_can_then_answer():
    world = make_world()
    contact = make_contact(world)
    outsider = make_person(organisation=make_organisation(), role=Role.RESEARCHER)
    with pytest.raises(BadInput):
        services.hand_over_contact(actor=world.owner, code=contact.code, person_id=outsider.pk)
    researcher = parties.actor_for(world.colleague.user)
    with pytest.raises(NotFound):
        selectors.get_contact(contact.code, actor=researcher)
    services.hand_over_contact(actor=world.owner, code=contact.code, person_id=world.colleague.pk)
    assert Contact.objects.get().state == "handed_over"
    assert kinds(world.colleague) == ["engagement.contact_handed_over"]
    services.answer_contact(actor=researcher, code=contact.code, text="我来答复。", key=a_key())
    assert Contact.objects.get().state == "answered"
    services.hand_over_contact(actor=researcher, code=contact.code, person_id=world.officer.pk)
    assert Contact.objects.get().state == "answered"


def test_only_the_side_that_was_asked_responds_and_only_once():
    world = make_world()
    contact = make_contact(world)
    with pytest.raises(NotAllowed):
        services.answer_contact(actor=world.asker, code=contact.code, text="自答", key=a_key())
    with pytest.raises(NotAllowed):
        services.withdraw_contact(actor=world.owner, code=contact.code)
    services.decline_contact(actor=world.owner, code=contact.code, reason="terms")
    with pytest.raises(WrongState):
        services.answer_contact(actor=world.owner, code=contact.code, text="又答", key=a_key())
    with pytest.raises(WrongState):
        services.write_message(actor=world.asker, code=contact.code, text="再问", key=a_key())
    assert Message.objects.count() == 2


def test_who_left_the_organisation_no_longer_sees_the_thread():
    world = make_world()
    contact = make_contact(world)
    world.officer.posts.update(ended_on=clock.today())
    with pytest.raises(NotFound):
        selectors.get_contact(contact.code, actor=world.owner)
    assert selectors.contacts_of(world.owner).count() == 0


def test_past_its_date_it_reminds_once_and_long_after_it_expires():
    world = make_world()
    contact = make_contact(world)
    system = parties.system()
    services.remind_of_answer(actor=system, contact_id=contact.pk)
    assert kinds(world.officer) == ["engagement.contact_received"]
    Contact.objects.update(due_on=clock.today() - timedelta(days=1))
    for _again in range(2):
        services.remind_of_answer(actor=system, contact_id=contact.pk)
        services.expire_contact(actor=system, contact_id=contact.pk)
    assert kinds(world.officer) == ["engagement.contact_received", "engagement.answer_due"]
    assert Contact.objects.get().state == "sent"
    Contact.objects.update(due_on=clock.today() - timedelta(days=61))
    with pytest.raises(NotAllowed):
        services.expire_contact(actor=world.owner, contact_id=contact.pk)
    services.expire_contact(actor=system, contact_id=contact.pk)
    assert Contact.objects.get().state == "expired"


def test_whose_turn_it_is():
    world = make_world()
    contact = make_contact(world)

    def turns():
        return [
            [row.code for row in selectors.contacts_of(actor, box="mine")] == [contact.code]
            for actor in (world.asker, world.owner)
        ]

    assert turns() == [False, True]
    services.write_message(actor=world.asker, code=contact.code, text="补充一点。", key=a_key())
    assert turns() == [False, True]
    services.answer_contact(actor=world.owner, code=contact.code, text="好。", key=a_key())
    assert turns() == [True, False]
    services.write_message(actor=world.owner, code=contact.code, text="还有。", key=a_key())
    assert turns() == [True, False]
    services.close_contact(actor=world.asker, code=contact.code)
    assert turns() == [False, False]


def test_the_record_says_nothing_below_five_cases():
    world = make_world()
    owner_id = world.achievement.owner_id
    for n in range(5):
        assert not selectors.answer_record(owner_id).is_known
        need = make_need(publisher=world.need.publisher, code=f"XQ-2026-9{n:04d}")
        contact = services.send_contact(
            actor=world.asker, text="请问", key=a_key(), need_code=need.code, achievement_code=world.achievement.code
        )
        services.answer_contact(actor=world.owner, code=contact.code, text="好", key=a_key())
    record = selectors.answer_record(owner_id)
    assert (record.cases, record.answered_in_time, record.median_days) == (5, 5, 0)


def test_contacts_about_anonymous_needs_are_not_in_the_publishers_record():
    world = make_world(publisher_shown="hidden")
    contact = make_contact(world, by="achievement")
    assert contact.masked
    services.answer_contact(actor=world.asker, code=contact.code, text="好", key=a_key())
    assert selectors.answer_record(world.need.publisher_id).cases == 0


def test_states_are_kept_by_the_database():
    contact = make_contact()
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(state="nonsense")
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(state="declined")
    assert connection.is_usable()
