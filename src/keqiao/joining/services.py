"""Commands of the joining context: ask to join, answer, leave."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from keqiao.joining import selectors, telling
from keqiao.joining.models import Joining
from keqiao.joining.policies import can_leave
from keqiao.joining.types import AlreadyJoined, TooManyJoins
from keqiao.joining.workflow import joining_workflow
from keqiao.kernel import clock, codes, moving
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

LONGEST_NOTE = 500
COLUMNS: tuple[moving.Column, ...] = ((Joining, "organisation"),)


@publishes
@command
def ask_to_join(*, actor: Actor, kind: str, code: str, shows_name: bool = False, note: str = "") -> Joining:
    """Say for one's own organisation that a public need is its own as well, or that a result is the same work.

    The item's people answer. Until then nobody else hears of it; without `shows_name` nobody learns who it was.
    """
    item = selectors.get_item(kind, code, actor=actor)
    if actor.person_id is None or actor.acting_for is None:
        raise NotAllowed
    row = Joining(organisation_id=actor.acting_for, **{kind: item})
    if not can_leave(actor, row):
        raise NotAllowed
    if row.organisation_id == row.owner_id:
        raise BadInput(_("这是本单位自己的，不用加入。"), field="code")
    words = " ".join(note.split())
    if len(words) > LONGEST_NOTE:
        raise BadInput(_("说明最多 500 字，请写短一些。"), field="note")
    day_ago = clock.now() - timedelta(days=1)
    sent = Joining.objects.filter(organisation_id=row.organisation_id, asked_at__gt=day_ago).count()
    if sent >= int(parameter("joining.asks_per_day", on=clock.today())):
        raise TooManyJoins
    row.code, row.person_id = codes.fresh(Joining, "JR"), actor.person_id
    row.shows_name, row.note, row.asked_at = shows_name, words, clock.now()
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if "one_open_joining_per_item" not in str(error):
            raise
        raise AlreadyJoined from error
    record("joining.join_asked", row, actor=actor)
    telling.tell_owner(row)
    return row


@command
def answer_join(*, actor: Actor, code: str, accepts: bool) -> Joining:
    """The item's people: yes, it is the same; or no."""
    row = selectors.get_joining(code, actor=actor, lock=True)
    joining_workflow.advance(row, "accept" if accepts else "decline", actor=actor)
    row.decided_at = clock.now()
    row.save(update_fields=["decided_at"])
    telling.tell_who_asked(row)
    return row


@command
def leave_join(*, actor: Actor, code: str) -> Joining:
    """Take a request back, or no longer share what one had joined."""
    row = selectors.get_joining(code, actor=actor, lock=True)
    joining_workflow.advance(row, "leave", actor=actor)
    return row


@command
def move_joinings(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """They follow an organisation that was merged. How many rows moved."""
    if not actor.is_system:
        raise NotAllowed
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("joining.joinings_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_joinings_back(*, actor: Actor, merge_id: int) -> int:
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("joining.joinings_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])
