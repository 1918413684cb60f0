"""What waits for a person becomes one message: whatever is no longer to be seen, or was told before, is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q

from keqiao.alerts import selectors, telling
from keqiao.alerts.models import Alert, Digest
from keqiao.alerts.types import AlertState, Cadence, Subject
from keqiao.alerts.visibility import shows
from keqiao.engagement import selectors as engagement
from keqiao.kernel import clock, codes, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["send_digest"]

AT_MOST = 2_000  # rows of one message; the rest waits for the next


@command
def send_digest(*, actor: Actor, person_id: int, cadence: str) -> Digest | None:
    """One notice with all that waits, in one transaction with the marks that it was told. None: nothing to tell."""
    if not actor.is_system:
        raise NotAllowed
    parties.lock_person(person_id)  # one message at a time: two workers never tell the same
    now = clock.now()
    today = now.astimezone(clock.site_zone()).date()
    sent_today = Digest.objects.filter(person_id=person_id, cadence=cadence, made_on=today)
    if cadence != Cadence.AT_ONCE and sent_today.exists():
        return None
    waiting = list(selectors.waiting_of(person_id, cadence)[:AT_MOST])
    shown = _to_be_shown(person_id, waiting)
    first, also = _once_each(person_id, shown)
    kept = {row.pk for row in (*first, *also)}
    # What may not be told now is forgotten: should it become public again, it is found again.
    Alert.objects.filter(pk__in=[row.pk for row in waiting if row.pk not in kept]).delete()
    if not first:
        Alert.objects.filter(pk__in=[row.pk for row in also]).update(state=AlertState.ALSO)
        return None
    digest = Digest.objects.create(
        code=codes.fresh(Digest, "TX"),
        person_id=person_id,
        cadence=cadence,
        made_on=today,
        made_at=now,
        lines=len(first),
    )
    Alert.objects.filter(pk__in=[row.pk for row in first]).update(state=AlertState.SENT, digest=digest)
    Alert.objects.filter(pk__in=[row.pk for row in also]).update(state=AlertState.ALSO, digest=digest)
    title_zh, title_en = telling.titles(cadence, len(first))
    link = f"/me/alerts/{digest.code}"
    notices.tell(
        actor=actor,
        person_id=person_id,
        kind=telling.KIND,
        key=f"{telling.KIND}:{digest.code}",
        title_zh=title_zh,
        title_en=title_en,
        link=link,
    )
    record("alerts.digest_sent", digest, actor=actor, lines=len(first))
    return digest


def _to_be_shown(person_id: int, waiting: Sequence[Alert]) -> list[Alert]:
    """What its watch still asks for and the person may still see, at this moment."""
    recommends = selectors.wants_recommendations(person_id)
    homes = {place.organisation_id for place in parties.actor_of_person(person_id).workplaces}
    needs = {row.need_id for row in waiting if row.need_id and row.achievement_id}
    unsuitable = engagement.unsuitable_pairs(homes, needs) if needs else set()
    return [
        row
        for row in waiting
        if row.watch.is_active
        and (recommends or row.watch.is_chosen)
        and (row.watch.subject != Subject.OWN or row.watch.home_id in homes)
        and (row.need_id, row.achievement_id) not in unsuitable
        and shows(row)
    ]


def _once_each(person_id: int, rows: Iterable[Alert]) -> tuple[list[Alert], list[Alert]]:
    """The first row of each cause that was never told; and the rows of causes that are told by another."""
    rows = list(rows)
    items = Q(need_id__in={row.need_id for row in rows}) | Q(achievement_id__in={row.achievement_id for row in rows})
    told = {row.cause for row in Alert.objects.filter(items, person_id=person_id, state=AlertState.SENT)}
    first: dict[tuple[int | None, int | None, str, int], Alert] = {}
    also = []
    for row in rows:
        if row.cause in told or row.cause in first:
            also.append(row)
        else:
            first[row.cause] = row
    return list(first.values()), also
