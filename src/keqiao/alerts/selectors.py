"""What may be seen of alerts: everybody sees their own, nobody else's. A hidden thing looks like a missing one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from keqiao.alerts.models import Alert, Choice, Digest, StaleItem, Watch
from keqiao.alerts.types import AlertState, Cadence
from keqiao.kernel import clock
from keqiao.kernel.errors import NotFound
from keqiao.kernel.parameters import parameter
from keqiao.kernel.picking import is_any_of
from keqiao.parties.types import Actor

LEFT_BEHIND = timedelta(minutes=10)  # after which the hourly job takes up what was to be told at once


# --- watches ----------------------------------------------------------------------------------------------------------


def watches_of(actor: Actor) -> QuerySet[Watch]:
    """One's own: those that go on first, the newest first."""
    if actor.person_id is None:
        return Watch.objects.none()
    rows = Watch.objects.filter(person_id=actor.person_id).order_by("-is_active", "-created_at", "-id")
    return with_subjects(rows)


def with_subjects(rows: QuerySet[Watch]) -> QuerySet[Watch]:
    """Ready to be named."""
    rows = rows.select_related("need", "achievement", "organisation", "search", "home")
    return rows.prefetch_related("need__texts", "achievement__texts")


def get_watch(code: str, *, actor: Actor, lock: bool = False) -> Watch:
    rows = watches_of(actor).filter(code=code)
    found = (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def get_watch_to_stop(code: str, *, lock: bool = False) -> Watch:
    """For the signed link of a mail, which names it."""
    rows = with_subjects(Watch.objects.filter(code=code))
    found = (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def watch_on(actor: Actor, **subject: Any) -> Watch | None:
    """The actor's watch of one thing that goes on: for the button of its page."""
    if actor.person_id is None:
        return None
    return Watch.objects.filter(person_id=actor.person_id, is_active=True, **subject).first()


# --- recommendation ---------------------------------------------------------------------------------------------------


def wants_recommendations(person_id: int | None) -> bool:
    row = Choice.objects.filter(person_id=person_id or 0).first()
    return row is None or row.recommends


def without_recommendations(person_ids: Collection[int]) -> set[int]:
    """Those of them who switched recommendations off."""
    if not person_ids:
        return set()
    rows = Choice.objects.filter(person_id__in=person_ids, recommends=False)
    return set(rows.values_list("person_id", flat=True))


# --- what was and what will be told -----------------------------------------------------------------------------------


def digests_of(actor: Actor) -> QuerySet[Digest]:
    if actor.person_id is None:
        return Digest.objects.none()
    return Digest.objects.filter(person_id=actor.person_id).order_by("-made_at", "-id")


def get_digest(code: str, *, actor: Actor) -> Digest:
    found = digests_of(actor).filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def digest_to_mail(code: str) -> Digest | None:
    return Digest.objects.filter(code=code).first()


def told_in(digest: Digest) -> QuerySet[Alert]:
    """One row for each thing that was told, the best first."""
    return _whole(Alert.objects.filter(digest=digest, state=AlertState.SENT)).order_by("-score", "id")


def told_to(actor: Actor) -> QuerySet[Alert]:
    """Everything that was told, the newest first."""
    rows = Alert.objects.filter(person_id=actor.person_id or 0, state=AlertState.SENT)
    return _whole(rows).order_by("-digest__made_at", "-score", "id")


def also_of(alerts: Collection[Alert]) -> QuerySet[Alert]:
    """The other watches that brought up the same things in the same digests."""
    rows = Alert.objects.filter(digest__in={row.digest_id for row in alerts}, state=AlertState.ALSO)
    return rows.select_related(*_WATCH).prefetch_related("watch__need__texts", "watch__achievement__texts")


_WATCH = ("watch__need", "watch__achievement", "watch__organisation", "watch__search", "watch__home")


def _whole(rows: QuerySet[Alert]) -> QuerySet[Alert]:
    rows = rows.select_related("need__publisher", "achievement__owner", "digest", *_WATCH)
    return rows.prefetch_related("need__texts", "achievement__texts", "watch__need__texts", "watch__achievement__texts")


def waiting_of_watch(watch: Watch) -> QuerySet[Alert]:
    return Alert.objects.filter(watch=watch, state=AlertState.WAITING)


def waiting_of(person_id: int, cadence: str) -> QuerySet[Alert]:
    """What waits for this person's next message of the kind."""
    rows = Alert.objects.filter(person_id=person_id, state=AlertState.WAITING, watch__cadence=cadence)
    return _whole(rows).order_by("-score", "id")


def due_digests() -> list[tuple[int, str]]:
    """(person, cadence) of messages whose time has come; later runs make up for what was missed."""
    now = clock.now()
    today = now.astimezone(clock.site_zone()).date()
    hour = time(int(parameter("notices.digest_hour", on=today)))
    weekday = int(parameter("alerts.weekly_day", on=today))
    moments = {
        Cadence.AT_ONCE: now - LEFT_BEHIND,
        Cadence.DAILY: _last_moment(now, hour),
        Cadence.WEEKLY: _last_moment(now, hour, weekday),
    }
    found: set[tuple[int, str]] = set()
    for cadence, moment in moments.items():
        rows = Alert.objects.filter(state=AlertState.WAITING, watch__cadence=cadence, found_at__lt=moment)
        if cadence != Cadence.AT_ONCE:
            sent = Digest.objects.filter(person_id=OuterRef("person_id"), cadence=cadence, made_at__gte=moment)
            rows = rows.exclude(Exists(sent))
        found |= {(pk, cadence.value) for pk in rows.values_list("person_id", flat=True).distinct()}
    return sorted(found)


def _last_moment(now: datetime, hour: time, weekday: int | None = None) -> datetime:
    """The last time that it was this hour in the site's zone, on this day of the week or on any."""
    zone = clock.site_zone()
    moment = datetime.combine(now.astimezone(zone).date(), hour, zone)
    while moment > now or (weekday is not None and moment.isoweekday() != weekday):
        moment -= timedelta(days=1)
    return moment


# --- upkeep -----------------------------------------------------------------------------------------------------------


def stale_visible_to(actor: Actor) -> QuerySet[StaleItem]:
    """Of the actor's own organisations; all of them for operators. Without those that somebody confirmed lately."""
    if not actor.is_known:
        return StaleItem.objects.none()
    lately = clock.now() - timedelta(days=parameter("alerts.stale_confirmed_days", on=clock.today()))
    rows = StaleItem.objects.filter(Q(confirmed_at=None) | Q(confirmed_at__lt=lately))
    if not actor.is_operator:
        rows = rows.filter(_ours(actor))
    rows = rows.select_related("need__publisher", "achievement__owner")
    return rows.prefetch_related("need__texts", "achievement__texts").order_by("-id")


def own_stale(actor: Actor) -> QuerySet[StaleItem]:
    """Also for operators only those of their own organisation: for the workbench."""
    rows = stale_visible_to(actor)
    return rows.filter(_ours(actor)) if actor.is_operator else rows


def _ours(actor: Actor) -> Q:
    """Asked for each kind by itself: with OR over two tables the database would join every row of both."""
    homes = actor.organisation_ids
    of_needs = StaleItem.objects.filter(need__publisher_id__in=homes).values("pk")
    of_achievements = StaleItem.objects.filter(achievement__owner_id__in=homes).values("pk")
    return Q(is_any_of(of_needs.union(of_achievements, all=True)))


def get_stale(code: str, *, actor: Actor, lock: bool = False) -> StaleItem:
    rows = stale_visible_to(actor).filter(code=code)
    found = (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found
