"""Commands: drafts and waivers follow their organisation when two entries of the register become one."""

from __future__ import annotations

from django.db.models import QuerySet

from keqiao.kernel import clock, moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor
from keqiao.submissions.models import ReviewWaiver, Submission
from keqiao.submissions.types import SubmissionState

CLOSED = (SubmissionState.ACCEPTED, SubmissionState.DECLINED, SubmissionState.DISCARDED)
BATCH = 1_000


@command
def move_submissions(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Give a merged organisation's submissions to the one that it has become by now. How many moved."""
    if not actor.is_system:
        raise NotAllowed
    to_id = parties.final_organisation(from_id, lock=True)
    if to_id == from_id:  # undone meanwhile
        return 0
    _end_waiver(from_id)
    count = 0
    while ids := list(_of(from_id).values_list("pk", flat=True)[:BATCH]):
        rows = Submission.objects.filter(pk__in=ids)
        _free_external_ids(rows, to_id)
        rows.update(organisation_id=to_id)
        record(
            "submissions.submissions_moved",
            rows[0],
            actor=actor,
            merge_id=merge_id,
            from_id=from_id,
            to_id=to_id,
            ids=ids,
        )
        count += len(ids)
    return count


@command
def move_submissions_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    return sum(
        Submission.objects.filter(pk__in=event.data["ids"], organisation_id=event.data["to_id"]).update(
            organisation_id=event.data["from_id"]
        )
        for event in moving.events_of_merge("submissions.submissions_moved", merge_id)
    )


def _of(organisation_id: int) -> QuerySet[Submission]:
    rows = Submission.objects.filter(organisation_id=organisation_id)
    return rows.select_for_update(of=("self",), no_key=True).order_by("pk")


def _free_external_ids(rows: QuerySet[Submission], to_id: int) -> None:
    """Both organisations imported the same thing: the draft that comes over gives up its claim to the number."""
    for kind in rows.order_by().values_list("kind", flat=True).distinct():
        taken = Submission.objects.filter(organisation_id=to_id, kind=kind).exclude(external_id="")
        taken = taken.exclude(state__in=CLOSED)
        rows.filter(kind=kind, external_id__in=taken.values("external_id")).exclude(state__in=CLOSED).update(
            external_id=""
        )


def _end_waiver(organisation_id: int) -> None:
    """The one that stays decides for itself whether it reviews."""
    ReviewWaiver.objects.filter(organisation_id=organisation_id, ended_at=None).update(ended_at=clock.now())
