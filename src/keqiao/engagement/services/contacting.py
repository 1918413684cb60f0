"""Asking the other side, and what the other side does with it: accept, answer, decline, hand over, end."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState
from keqiao.engagement import policies, telling
from keqiao.engagement.models import Contact, MatchFeedback, Participant
from keqiao.engagement.selectors import (
    colleagues_of,
    contact_by_id,
    get_contact,
    is_publisher_hidden_from,
    place_of,
    position_of,
    side_of,
)
from keqiao.engagement.services.conversing import _add_files, _add_message, _read_text
from keqiao.engagement.types import (
    BROKER,
    OPEN,
    RECEIVING_ROLES,
    UNANSWERED,
    AlreadyInContact,
    DeclineReason,
    MessageKind,
    NobodyToContact,
    NotOnOffer,
    Side,
    TooManyContacts,
    other_side,
)
from keqiao.engagement.workflow import contact_workflow
from keqiao.kernel import clock, codes
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

__all__ = [
    "accept_contact",
    "answer_contact",
    "close_contact",
    "decline_contact",
    "expire_contact",
    "hand_over_contact",
    "remind_of_answer",
    "reveal_publisher",
    "send_contact",
    "withdraw_contact",
]

LONGEST_KEY = 64


@publishes
@command
def send_contact(
    *,
    actor: Actor,
    text: str,
    key: str,
    need_code: str = "",
    achievement_code: str = "",
    organisation_id: int | None = None,
    files: Any = (),
) -> Contact:
    """Write to the other side of a pair, or of one item. The same `key` sends once, whatever happens in between.

    `organisation_id` says in whose name, where no item of one's own says it.
    """
    if actor.person_id is None:
        raise NotAllowed
    key = _key(key)
    sent = Contact.objects.filter(from_person_id=actor.person_id, key=key).first()
    if sent is not None:
        return get_contact(sent.code, actor=actor)
    need = catalogue.get_need(need_code, actor=actor) if need_code else None
    achievement = catalogue.get_achievement(achievement_code, actor=actor) if achievement_code else None
    side, from_id, to_id = _ends(actor, need, achievement, organisation_id)
    contact = Contact(
        code=codes.fresh_of_year(Contact, "DJ"),
        need=need,
        achievement=achievement,
        from_side=side,
        from_organisation_id=from_id,
        from_person_id=actor.person_id,
        to_organisation_id=to_id,
        key=key,
        last_side=side,
        masked=_is_masked(need, side, from_id, to_id),
    )
    text = _read_text(text, needs_words=True)
    receivers = _receivers(to_id, achievement if side == Side.NEED else None)
    if not receivers:
        raise NobodyToContact
    _not_twice(contact)
    _within_limit(from_id)
    now = clock.now()
    due = add_working_days(clock.today(), parameter("engagement.answer_days", on=clock.today()), jurisdiction=None)
    contact.due_on, contact.due_is_provisional = due.day, due.is_provisional
    contact.sent_at = contact.last_at = now
    _insert(contact)
    _name_people(contact, actor.person_id, receivers)
    message = _add_message(contact, actor, side, MessageKind.OPENING, text, key=key, now=now)
    _add_files(contact, message, actor, files)
    _note_contact(contact, actor, now)
    record("engagement.contact_sent", contact, actor=actor, code=contact.code)
    contact = get_contact(contact.code, actor=actor)
    telling.tell_people(contact, "contact_received", places={contact.to_side})
    return contact


@publishes
@command
def accept_contact(*, actor: Actor, code: str) -> Contact:
    """Say that it was read and will be answered; the promised date stays."""
    contact = get_contact(code, actor=actor, lock=True)
    contact_workflow.check(contact, "accept", actor=actor)
    contact.to_person_id = actor.person_id
    contact.save(update_fields=["to_person"])
    contact_workflow.advance(contact, "accept", actor=actor)
    telling.tell_people(contact, "contact_accepted", places={contact.from_side})
    return contact


@publishes
@command
def answer_contact(*, actor: Actor, code: str, text: str, key: str, files: Any = ()) -> Contact:
    """The first answer of the side that was asked; what follows are messages."""
    contact = get_contact(code, actor=actor, lock=True)
    key = _key(key)
    if contact.messages.filter(author_id=actor.person_id, key=key).exists():
        return contact
    contact_workflow.check(contact, "answer", actor=actor)
    _write_answer(contact, actor, MessageKind.ANSWER, _read_text(text, needs_words=True), key, files)
    contact_workflow.advance(contact, "answer", actor=actor)
    telling.tell_people(contact, "contact_answered", places={contact.from_side})
    return contact


@publishes
@command
def decline_contact(*, actor: Actor, code: str, reason: str, text: str = "", key: str = "") -> Contact:
    """No, and why: a reason of the list, and words if there is more to say."""
    contact = get_contact(code, actor=actor, lock=True)
    contact_workflow.check(contact, "decline", actor=actor)
    if reason not in DeclineReason.values:
        raise BadInput(_("请选择谢绝的原因，例如“技术上不对应”。"), field="reason")
    if reason == DeclineReason.OTHER and not text.strip():
        raise BadInput(_("选了“其他”时请写一句原因，例如：已决定自行研发。"), field="text")
    contact.decline_reason = reason
    contact.ended_at = clock.now()
    contact.save(update_fields=["decline_reason", "ended_at"])
    _write_answer(contact, actor, MessageKind.DECLINE, _read_text(text), _key(key or f"decline-{contact.pk}"), ())
    contact_workflow.advance(contact, "decline", actor=actor, reason=reason)
    telling.tell_people(contact, "contact_declined", places={contact.from_side})
    return contact


@command
def hand_over_contact(*, actor: Actor, code: str, person_id: int) -> Contact:
    """Give it to a colleague of the same organisation, who can read all of it. The actor stays in the thread."""
    contact = get_contact(code, actor=actor, lock=True)
    side = place_of(actor, contact)
    if not policies.can_take_part(actor, contact):
        raise NotAllowed
    if person_id not in {person.pk for person in colleagues_of(actor, contact, side)}:
        raise BadInput(_("请从本单位的同事中选一位。"), field="person")
    is_waiting = side == contact.to_side and contact.state in UNANSWERED
    if is_waiting:
        contact_workflow.check(contact, "hand_over", actor=actor)
    elif contact.state not in OPEN:
        contact_workflow.check(contact, "close", actor=actor)  # raises: it has ended
    Participant.objects.update_or_create(
        contact=contact,
        person_id=person_id,
        defaults={"organisation_id": contact.organisation_id_of(side), "place": side, "left_at": None},
    )
    if side == contact.to_side:
        contact.to_person_id = person_id
    else:
        contact.from_person_id = person_id
        contact.key = _key(f"{contact.key[:40]}-{secrets.token_hex(6)}")  # the sender's keys are per person
    contact.save(update_fields=["to_person", "from_person", "key"])
    if is_waiting:
        contact_workflow.advance(contact, "hand_over", actor=actor)
    else:
        record("engagement.contact_reassigned", contact, actor=actor)
    moment = clock.now().isoformat()
    telling.tell(person_id, "contact_handed_over", key=f"{contact.pk}:{moment}", link=f"/contacts/{contact.code}")
    return get_contact(code, actor=actor)


@command
def withdraw_contact(*, actor: Actor, code: str) -> Contact:
    """The sender takes an unanswered contact back; what was written stays readable for both."""
    return _end(actor, code, "withdraw")


@command
def close_contact(*, actor: Actor, code: str) -> Contact:
    """Either side says that the talk is over."""
    return _end(actor, code, "close")


@command
def reveal_publisher(*, actor: Actor, code: str) -> Contact:
    """The anonymous side shows who it is, in this thread. It cannot be taken back."""
    contact = get_contact(code, actor=actor, lock=True)
    if not policies.can_reveal(actor, contact):
        raise NotAllowed
    if not contact.is_masked:
        return contact
    contact.revealed_at = clock.now()
    contact.save(update_fields=["revealed_at"])
    record("engagement.publisher_revealed", contact, actor=actor)
    telling.tell_people(contact, "publisher_revealed", places={Side.ACHIEVEMENT, BROKER})
    return contact


@command
def remind_of_answer(*, actor: Actor, contact_id: int) -> None:
    """The promised date has passed: those who were asked hear of it once. For the nightly job."""
    contact = contact_by_id(contact_id, lock=True)
    if not actor.is_system:
        raise NotAllowed
    if contact is None or contact.state not in UNANSWERED or contact.due_on >= clock.today():
        return
    telling.tell_people(contact, "answer_due", key=contact.due_on.isoformat(), places={contact.to_side})


@command
def expire_contact(*, actor: Actor, contact_id: int) -> None:
    """Long past its date without an answer. Asked after the lock: it may have been answered while the job waited."""
    contact = contact_by_id(contact_id, lock=True)
    if contact is None or contact.state not in UNANSWERED:
        return
    if contact.due_on + timedelta(days=parameter("engagement.expire_days", on=clock.today())) >= clock.today():
        return
    contact_workflow.check(contact, "expire", actor=actor)
    contact.ended_at = clock.now()
    contact.save(update_fields=["ended_at"])
    contact_workflow.advance(contact, "expire", actor=actor)
    telling.tell_people(contact, "contact_expired", places={contact.from_side})


# --- sending ----------------------------------------------------------------------------------------------------------


def _key(text: str) -> str:
    if not 8 <= len(text) <= LONGEST_KEY or not text.isascii() or not text.isprintable():
        raise BadInput(_("发送标识应为 8 到 64 个英文字符，例如 7f3a9c20-1b。"), field="key")
    return text


def _ends(actor: Actor, need: Any, achievement: Any, organisation_id: int | None) -> tuple[str, int, int]:
    """(the sender's side, from whom, to whom). Raises what stands in the way."""
    if need is None and achievement is None:
        raise NotFound
    own = side_of(actor, need, achievement)
    both = need is not None and achievement is not None
    if both and not own:
        raise NotAllowed  # a pair is spoken for by its own sides only
    side = own if both else (Side.ACHIEVEMENT if achievement is None else Side.NEED)
    if any(item is not None and item.state != ItemState.PUBLISHED for item in (need, achievement)):
        raise NotOnOffer
    to_id = achievement.owner_id if side == Side.NEED else need.publisher_id
    if both:
        from_id = need.publisher_id if side == Side.NEED else achievement.owner_id
    else:
        from_id = _speaking_for(actor, organisation_id)
    if not policies.can_send(actor, from_id):
        raise NotAllowed
    if from_id == to_id or (not both and actor.works_for(to_id)):
        raise BadInput(_("这是本单位自己的条目，不需要通过平台联系。"), field="need")
    return side, from_id, to_id


def _speaking_for(actor: Actor, organisation_id: int | None) -> int:
    if organisation_id is not None:
        return organisation_id
    if len(actor.organisation_ids) != 1:
        raise BadInput(_("请选择以哪个单位的名义联系。"), field="organisation")
    return next(iter(actor.organisation_ids))


def _is_masked(need: Any, side: str, from_id: int, to_id: int) -> bool:
    """Is the need's publisher to stay unnamed towards the achievement's side?"""
    if need is None:
        return False
    return is_publisher_hidden_from(to_id if side == Side.NEED else from_id, need)


def _receivers(organisation_id: int, achievement: Any) -> list[int]:
    """People of the organisation who answer contacts, and those of the team that made the achievement."""
    found = set(parties.people_in_posts(RECEIVING_ROLES, organisation_id=organisation_id).values_list("pk", flat=True))
    everybody = set(
        parties.people_in_posts(
            [role for role in Role if role != Role.AUDITOR], organisation_id=organisation_id
        ).values_list("pk", flat=True)
    )
    if achievement is not None:
        found |= {member.person_id for member in achievement.team.all() if member.person_id} & everybody
    return sorted(found or everybody)


def _insert(contact: Contact) -> None:
    """Two who press at once pass the check together: the constraints of the table decide."""
    try:
        with transaction.atomic():
            contact.save(force_insert=True)
    except IntegrityError:
        raise AlreadyInContact from None


def _not_twice(contact: Contact) -> None:
    same = Contact.objects.filter(
        from_organisation_id=contact.from_organisation_id,
        to_organisation_id=contact.to_organisation_id,
        need=contact.need,
        achievement=contact.achievement,
        state__in=OPEN,
    ).first()
    if same is not None:
        raise AlreadyInContact(same.code)


def _within_limit(organisation_id: int) -> None:
    most = parameter("engagement.contacts_per_day", on=clock.today())
    since = clock.now() - timedelta(days=1)
    if Contact.objects.filter(from_organisation_id=organisation_id, sent_at__gte=since).count() >= most:
        raise TooManyContacts


def _name_people(contact: Contact, sender_id: int, receivers: list[int]) -> None:
    rows = [
        Participant(
            contact=contact,
            person_id=sender_id,
            organisation_id=contact.from_organisation_id,
            place=contact.from_side,
            last_read=1,
        )
    ]
    rows += [
        Participant(
            contact=contact,
            person_id=pk,
            organisation_id=contact.to_organisation_id,
            place=other_side(contact.from_side),
        )
        for pk in receivers
        if pk != sender_id
    ]
    Participant.objects.bulk_create(rows)


def _note_contact(contact: Contact, actor: Actor, now: datetime) -> None:
    """For learning: this match was good enough to write."""
    if contact.need is None or contact.achievement is None:
        return
    row, _is_new = MatchFeedback.objects.get_or_create(
        need=contact.need,
        achievement=contact.achievement,
        side=contact.from_side,
        defaults={"organisation_id": contact.from_organisation_id, "person_id": actor.person_id},
    )
    if row.shown_position is None:
        row.shown_position = position_of(contact.need, contact.achievement, contact.from_side, actor=actor)
    match = matching.matches_visible_to(actor).filter(need=contact.need, achievement=contact.achievement).first()
    if match is not None:
        row.score, row.version = match.score, match.version
    row.contacted_at = row.contacted_at or now
    row.save(update_fields=["shown_position", "score", "version", "contacted_at"])


# --- answering --------------------------------------------------------------------------------------------------------


def _write_answer(contact: Contact, actor: Actor, kind: str, text: str, key: str, files: Any) -> None:
    now = clock.now()
    message = _add_message(contact, actor, contact.to_side, kind, text, key=key, now=now)
    _add_files(contact, message, actor, files)
    contact.to_person_id = actor.person_id
    contact.answered_at = contact.answered_at or now
    contact.save(update_fields=["to_person", "answered_at"])
    if contact.need_id and contact.achievement_id:
        MatchFeedback.objects.filter(
            need_id=contact.need_id, achievement_id=contact.achievement_id, side=contact.from_side, answered_at=None
        ).update(answered_at=now)


def _end(actor: Actor, code: str, step: str) -> Contact:
    contact = get_contact(code, actor=actor, lock=True)
    contact_workflow.check(contact, step, actor=actor)
    contact.ended_at = clock.now()
    contact.save(update_fields=["ended_at"])
    contact_workflow.advance(contact, step, actor=actor)
    others = {contact.from_side, contact.to_side, BROKER}
    telling.tell_people(contact, "contact_closed", places=others, but=actor.person_id)
    return contact
