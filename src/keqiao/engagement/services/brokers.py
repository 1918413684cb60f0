"""Asking a technology manager in: both sides agree before the broker reads anything."""

from __future__ import annotations

from django.utils.translation import gettext as _

from keqiao.engagement import policies, telling
from keqiao.engagement.models import BrokerRequest, Contact, Participant
from keqiao.engagement.selectors import brokers_for, contact_by_id, get_contact, me, place_of, waiting_request
from keqiao.engagement.types import BROKER, OPEN, BrokerState, Side
from keqiao.kernel import clock
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

__all__ = ["answer_broker_request", "ask_for_broker", "assign_broker", "leave_as_broker"]

BOTH = {Side.NEED, Side.ACHIEVEMENT}


@publishes
@command
def ask_for_broker(*, actor: Actor, code: str, person_id: int | None = None) -> Contact:
    """One side would like a broker: one it names, or one that the platform assigns. The other side decides."""
    contact = get_contact(code, actor=actor, lock=True)
    if not policies.can_take_part(actor, contact):
        raise NotAllowed
    if contact.state not in OPEN or waiting_request(contact) is not None:
        raise WrongState
    if person_id is not None and person_id not in {person.pk for person in brokers_for(contact)}:
        raise BadInput(_("请从平台的技术经理人中选一位，或留空由平台指派。"), field="broker")
    BrokerRequest.objects.create(
        contact=contact,
        broker_id=person_id,
        broker_organisation_id=_organisation_of(person_id),
        asked_side=place_of(actor, contact),
        asked_at=clock.now(),
    )
    record("engagement.broker_asked", contact, actor=actor)
    telling.tell_people(
        contact, "broker_asked", key=_key(contact), places=BOTH - {place_of(actor, contact)}, but=actor.person_id
    )
    return get_contact(code, actor=actor)


@publishes
@command
def answer_broker_request(*, actor: Actor, code: str, agrees: bool) -> Contact:
    """The other side agrees, and the broker joins (or the platform assigns one), or it does not."""
    contact = get_contact(code, actor=actor, lock=True)
    request = waiting_request(contact)
    place = place_of(actor, contact)
    if place not in BOTH:
        raise NotAllowed
    if request is None or request.state != BrokerState.ASKED:
        raise WrongState
    if agrees and place == request.asked_side:
        raise NotAllowed  # it asked: now the other side decides; it may still take the question back
    if not agrees:
        _set_state(request, BrokerState.REFUSED)
        record("engagement.broker_refused", contact, actor=actor)
        telling.tell_people(contact, "broker_refused", key=str(request.pk), places=BOTH, but=actor.person_id)
    elif request.broker_id is None:
        _set_state(request, BrokerState.AGREED)
        record("engagement.broker_agreed", contact, actor=actor)
        for operator in parties.people_in_posts([Role.ADMINISTRATOR]):
            telling.tell(operator.pk, "broker_wanted", key=str(request.pk), link="/contacts/brokers")
    else:
        _let_in(contact, request, actor)
    return get_contact(code, actor=actor)


@command
def assign_broker(*, actor: Actor, code: str, person_id: int) -> None:
    """The platform names a broker where both sides asked for one. Who assigns sees nothing of the thread."""
    if not policies.can_assign_brokers(actor):
        raise NotAllowed
    contact = Contact.objects.select_for_update(of=("self",), no_key=True).filter(code=code).first()
    if contact is None:
        raise NotFound
    request = waiting_request(contact)
    if request is None or request.state != BrokerState.AGREED or contact.state not in OPEN:
        raise NotFound  # a thread that waits for no broker is not there for operators
    if person_id not in {person.pk for person in brokers_for(contact)}:
        raise BadInput(_("请从平台的技术经理人中选一位。"), field="broker")
    request.broker_id = person_id
    request.broker_organisation_id = _organisation_of(person_id)
    request.save(update_fields=["broker", "broker_organisation"])
    _let_in(contact, request, actor)


@command
def leave_as_broker(*, actor: Actor, code: str) -> None:
    """The broker leaves; from then on the thread is not there for them."""
    contact = get_contact(code, actor=actor, lock=True)
    if place_of(actor, contact) != BROKER:
        raise NotAllowed
    Participant.objects.filter(contact=contact, person_id=me(actor)).update(left_at=clock.now())
    request = waiting_request(contact)
    if request is not None:
        _set_state(request, BrokerState.REFUSED)
    record("engagement.broker_left", contact, actor=actor)


def _organisation_of(person_id: int | None) -> int | None:
    """Where the broker works as one."""
    if person_id is None:
        return None
    person = parties.people_in_posts([Role.TECHNOLOGY_MANAGER]).filter(pk=person_id).first()
    posts = person.posts.filter(role=Role.TECHNOLOGY_MANAGER, ended_on=None).order_by("pk") if person else []
    return next((post.organisation_id for post in posts), None)


def _set_state(request: BrokerRequest, state: str) -> None:
    request.state, request.decided_at = state, clock.now()
    request.save(update_fields=["state", "decided_at"])


def _let_in(contact: Contact, request: BrokerRequest, actor: Actor) -> None:
    if request.broker_id is None or request.broker_organisation_id is None:
        raise WrongState  # nobody is named, or they stopped working as a broker
    _set_state(request, BrokerState.JOINED)
    Participant.objects.update_or_create(
        contact=contact,
        person_id=request.broker_id,
        defaults={"organisation_id": request.broker_organisation_id, "place": BROKER, "left_at": None},
    )
    record("engagement.broker_joined", contact, actor=actor)
    now_in = contact_by_id(contact.pk)  # with the broker among its people
    telling.tell_people(now_in, "broker_joined", key=str(request.pk), places={*BOTH, BROKER}, but=actor.person_id)


def _key(contact: Contact) -> str:
    return str(contact.broker_requests.order_by("-pk").values_list("pk", flat=True).first())
