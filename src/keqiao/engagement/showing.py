"""Threads as one reader sees them: names and files already masked, so that templates and the API cannot leak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from keqiao.engagement import faces
from keqiao.engagement.models import BrokerRequest, Contact, Message, MessageFile
from keqiao.engagement.selectors import (
    Names,
    feedback_on,
    messages_of,
    open_contact_between,
    people_seen,
    side_of,
    waiting_request,
)
from keqiao.engagement.types import (
    BROKER,
    OPEN,
    UNANSWERED,
    BrokerState,
    ContactState,
    Face,
    Side,
    UnsuitableReason,
    other_side,
)
from keqiao.parties.types import Actor

STEPS = {
    ContactState.SENT: 1,
    ContactState.ACCEPTED: 2,
    ContactState.HANDED_OVER: 2,
    ContactState.ANSWERED: 3,
    ContactState.CLOSED: 4,
}


@dataclass(frozen=True)
class PersonSeen:
    """A person as the reader may know them."""

    name_zh: str
    name_en: str
    is_me: bool = False

    def __bool__(self) -> bool:
        return bool(self.name_zh or self.name_en)


@dataclass(frozen=True)
class FileSeen:
    pk: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True)
class MessageSeen:
    """One message: who from, what, which files, whether it is new to the reader and seen by the others."""

    number: int
    kind: str
    kind_label: str
    place: str
    face: Face
    person: PersonSeen
    text: str
    is_erased: bool
    sent_at: Any
    files: tuple[FileSeen, ...]
    is_own: bool
    is_new: bool
    is_seen: bool


@dataclass(frozen=True)
class ContactSeen:
    """A thread in a list or at the head of its page."""

    code: str
    state: str
    state_label: str
    need: Any
    achievement: Any
    place: str  # where the reader stands
    mine: Face | None  # the reader's side; None for a broker
    other: Face  # the other side; for a broker the side that was asked
    asking: Face  # the side that began
    due_on: date
    due_is_provisional: bool
    sent_at: Any
    last_at: Any
    is_open: bool
    is_waiting: bool  # for an answer
    is_my_turn: bool
    days_over: int  # past the promised date and unanswered; 0 when not
    days_left: int
    unread: int
    steps: int
    is_masked_me: bool  # the reader's side is anonymous here
    is_masked_other: bool


def contact_seen(contact: Contact, names: Names, today: date) -> ContactSeen:
    place = names.place(contact)
    other = contact.to_side if place == BROKER else other_side(place)
    is_waiting = contact.state in UNANSWERED
    days = (contact.due_on - today).days
    return ContactSeen(
        code=contact.code,
        state=contact.state,
        state_label=contact.get_state_display(),
        need=contact.need,
        achievement=contact.achievement,
        place=place,
        mine=None if place == BROKER else names.face(contact, place),
        other=names.face(contact, other),
        asking=names.face(contact, contact.from_side),
        due_on=contact.due_on,
        due_is_provisional=contact.due_is_provisional,
        sent_at=contact.sent_at,
        last_at=contact.last_at,
        is_open=contact.state in OPEN,
        is_waiting=is_waiting,
        is_my_turn=is_turn_of(contact, place),
        days_over=-days if is_waiting and days < 0 else 0,
        days_left=max(days, 0),
        unread=getattr(contact, "unread", 0),
        steps=STEPS.get(ContactState(contact.state), 0),
        is_masked_me=contact.is_masked and place == Side.NEED,
        is_masked_other=faces.is_hidden(contact, other, place),
    )


def is_turn_of(contact: Contact, place: str) -> bool:
    """The same rule as the list `mine` of selectors."""
    if place == BROKER or contact.state not in OPEN:
        return False
    if contact.state in UNANSWERED:
        return place == contact.to_side
    return place != contact.last_side


class Thread:
    """One thread for one reader: turns its rows into what may be shown."""

    def __init__(self, contact: Contact, names: Names, actor: Actor) -> None:
        self.contact, self.names, self.actor = contact, names, actor
        self.place = names.place(contact)
        self.read = next((row.last_read for row in contact.people if row.person_id == actor.person_id), 0)
        self.others_read = max((row.last_read for row in contact.people if row.place != self.place), default=0)

    def messages(self) -> list[MessageSeen]:
        return [self.message(row) for row in messages_of(self.contact)]

    def message(self, row: Message) -> MessageSeen:
        is_own = row.author_id == self.actor.person_id
        files = () if row.erased_at else tuple(row.files.all())
        return MessageSeen(
            number=row.number,
            kind=row.kind,
            kind_label=row.get_kind_display(),
            place=row.place,
            face=_face(self.contact, row, self.names),
            person=person_seen(row.author, self.contact, row.place, self.place, self.actor),
            text=row.text,
            is_erased=row.erased_at is not None,
            sent_at=row.sent_at,
            files=tuple(self._file(file, row.place) for file in files),
            is_own=is_own,
            is_new=not is_own and row.number > self.read,
            is_seen=is_own and row.number <= self.others_read,
        )

    def _file(self, row: MessageFile, place: str) -> FileSeen:
        name = faces.file_name(row, self.contact, place, self.place)
        return FileSeen(row.pk, name, row.file.media_type, row.file.size)


def _face(contact: Contact, message: Message, names: Names) -> Face:
    if message.place != BROKER:
        return names.face(contact, message.place)
    organisation = next((row.organisation for row in contact.people if row.person_id == message.author_id), None)
    return Face(organisation.name_zh, organisation.name_en, organisation.code) if organisation else Face("", "")


def person_seen(person: Any, contact: Contact, place: str, reader: str, actor: Actor) -> PersonSeen:
    zh, en = faces.person_name(person, contact, place, reader)
    return PersonSeen(zh, en, is_me=person.pk == actor.person_id)


@dataclass(frozen=True)
class GroupSeen:
    """The people of one place in the thread; a masked side has a number instead of names."""

    place: str
    face: Face | None
    people: tuple[PersonSeen, ...]
    hidden: int


def groups_seen(contact: Contact, names: Names, actor: Actor) -> list[GroupSeen]:
    reader = names.place(contact)
    seen = {row.pk for row in people_seen(contact, reader)}
    groups = []
    for place in (contact.from_side, contact.to_side, BROKER):
        rows = [row for row in contact.people if row.place == place]
        if not rows:
            continue
        shown = [person_seen(row.person, contact, place, reader, actor) for row in rows if row.pk in seen]
        face = None if place == BROKER else names.face(contact, place)
        groups.append(GroupSeen(place, face, tuple(shown), len(rows) - len(shown)))
    return groups


@dataclass(frozen=True)
class BrokerSeen:
    """The question whether a broker joins, as the reader may act on it."""

    state: str
    label: str
    person: Any
    may_agree: bool
    asked_by_us: bool


def broker_seen(contact: Contact, place: str) -> BrokerSeen | None:
    request: BrokerRequest | None = waiting_request(contact)
    if request is None:
        return None
    ours = place == request.asked_side
    return BrokerSeen(
        request.state,
        request.get_state_display(),
        request.broker,
        may_agree=request.state == BrokerState.ASKED and not ours and place in Side.values,
        asked_by_us=ours,
    )


def fit(actor: Actor, need: Any, achievement: Any) -> dict[str, Any]:
    """What the actor's side said of the pair, for the buttons beside the reasons of a match. Nothing for others."""
    side = side_of(actor, need, achievement)
    return {
        "fit_need": need.code,
        "fit_achievement": achievement.code,
        "fit_side": side,
        "fit_mark": feedback_on(need, achievement, side) if side else None,
        "fit_reasons": UnsuitableReason.choices,
        "fit_open": open_contact_between(need.pk, achievement.pk, actor=actor) if actor.is_known else None,
    }
