"""Who wants to hear of what: rows for people whose watches an item or a match answers. Again finds nothing new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from procrastinate.contrib.django import app

from keqiao.alerts import selectors
from keqiao.alerts.models import Alert, Watch
from keqiao.alerts.types import AlertState, Cadence, Reason, Scheme, Subject
from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState, Shown
from keqiao.engagement import selectors as engagement
from keqiao.engagement.types import WORKING_ROLES
from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.parameters import parameter
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["find_alerts", "find_changes", "tell_of_search"]

OTHER = {"need": "achievement", "achievement": "need"}


@dataclass(frozen=True)
class Pair:
    """A stored match without an unmet must, both sides public."""

    need_id: int
    achievement_id: int
    score: int
    publisher_id: int
    owner_id: int
    newer_at: datetime  # when the later of the two appeared or was changed

    def has(self, kind: str, item_id: int) -> bool:
        return (self.need_id if kind == "need" else self.achievement_id) == item_id

    @property
    def homes(self) -> tuple[int, int]:
        return self.publisher_id, self.owner_id


@command
def find_alerts(*, actor: Actor, kind: str, ids: Collection[int]) -> int:
    """Rows for everybody who waits for these items or for their matches; how many now wait to be sent."""
    if not actor.is_system:
        raise NotAllowed
    items = list(catalogue.published_ids(kind).filter(pk__in=ids))
    pairs = _pairs(kind, [item.pk for item in items])
    _recommend(pairs)
    found = [*_match_alerts(pairs), *_item_alerts(kind, items, pairs)]
    return _keep(found)


@command
def find_changes(*, actor: Actor, kind: str, item_id: int, reason: str) -> int:
    """Rows for those who watch this very item: it was rewritten, or it ended. Each revision once."""
    if not actor.is_system:
        raise NotAllowed
    state = ItemState.CLOSED if reason == Reason.ENDED else ItemState.PUBLISHED
    visible: Any = catalogue.needs_visible_to if kind == "need" else catalogue.achievements_visible_to
    item = visible(actor).filter(pk=item_id, state=state).first()
    if item is None:
        return 0
    watches = Watch.objects.filter(is_active=True, subject=kind, since__lt=item.updated_at, **{f"{kind}_id": item_id})
    return _keep(
        [_alert(watch, Reason(reason), occasion=item.revision, **{f"{kind}_id": item_id}) for watch in watches]
    )


@command
def tell_of_search(*, actor: Actor, search_id: int, scores: Mapping[str, int | None]) -> int:
    """Rows for new results of a saved search, for which a watch is begun when it has none."""
    if not actor.is_system:
        raise NotAllowed
    search = engagement.search_by_id(search_id, lock=True)
    if search is None:
        return 0
    watch, _is_new = Watch.objects.get_or_create(
        person_id=search.person_id,
        subject=Subject.SEARCH,
        search=search,
        defaults={
            "code": codes.fresh(Watch, "GZ"),
            "threshold": 0,
            "cadence": Cadence.DAILY,
            "is_chosen": True,
            "since": search.created_at,
        },
    )
    if not watch.is_active:
        return 0
    found = []
    for kind in ("need", "achievement"):
        for code, item_id in catalogue.ids_by_code(kind, list(scores)).items():
            score = scores[code]
            if score is None or score >= watch.threshold:
                found.append(_alert(watch, Reason.PUBLISHED, score=score, **{f"{kind}_id": item_id}))
    return _keep(found)


def _pairs(kind: str, ids: Sequence[int]) -> list[Pair]:
    rows = matching.matches_visible_to(parties.visitor()).filter(
        **{f"{kind}_id__in": ids},
        has_unmet=False,
        need__state=ItemState.PUBLISHED,
        achievement__state=ItemState.PUBLISHED,
    )
    columns = ("need_id", "achievement_id", "score", "need__publisher_id", "achievement__owner_id")
    times = ("need__updated_at", "achievement__updated_at", "need__published_at", "achievement__published_at")
    return [
        Pair(need_id, achievement_id, score, publisher_id, owner_id, max(instants))
        for need_id, achievement_id, score, publisher_id, owner_id, *instants in rows.values_list(*columns, *times)
    ]


def _recommend(pairs: Iterable[Pair]) -> None:
    """Whoever works for one of the sides is told of good matches, unless they said otherwise: a watch of their own."""
    today = clock.today()
    least = int(parameter("alerts.recommended_from", on=today))
    good = [pair for pair in pairs if pair.score >= least]
    homes = {home for pair in good for home in pair.homes}
    if not homes:
        return
    there = set(Watch.objects.filter(subject=Subject.OWN, home_id__in=homes).values_list("person_id", "home_id"))
    wanted = sorted(parties.working_in(homes, WORKING_ROLES) - there)
    off = selectors.without_recommendations([person_id for person_id, _home in wanted])
    wanted = [row for row in wanted if row[0] not in off]
    since = min(pair.newer_at for pair in good)  # these pairs are what the watch begins with
    names = codes.fresh_many(Watch, "GZ", len(wanted)) if wanted else []
    Watch.objects.bulk_create(
        [
            Watch(
                code=name,
                person_id=person_id,
                home_id=home_id,
                subject=Subject.OWN,
                threshold=least,
                cadence=Cadence.DAILY,
                is_chosen=False,
                since=since,
            )
            for name, (person_id, home_id) in zip(names, wanted, strict=True)
        ],
        ignore_conflicts=True,
    )


def _match_alerts(pairs: Sequence[Pair]) -> list[Alert]:
    """For watches of one's own items and of one item."""
    homes = {home for pair in pairs for home in pair.homes}
    needs, achievements = {pair.need_id for pair in pairs}, {pair.achievement_id for pair in pairs}
    watches = Watch.objects.filter(
        Q(subject=Subject.OWN, home_id__in=homes)
        | Q(subject=Subject.NEED, need_id__in=needs)
        | Q(subject=Subject.ACHIEVEMENT, achievement_id__in=achievements),
        is_active=True,
    )
    of: dict[tuple[str, int], list[Pair]] = defaultdict(list)
    for pair in pairs:
        of["need", pair.need_id].append(pair)
        of["achievement", pair.achievement_id].append(pair)
        for home in set(pair.homes):
            of["own", home].append(pair)
    rows = _wanted(watches)
    return [
        _alert(watch, Reason.MATCH, need_id=pair.need_id, achievement_id=pair.achievement_id, score=pair.score)
        for watch in rows
        for pair in of[watch.subject, _key(watch)]
        if pair.score >= watch.threshold and pair.newer_at >= watch.since
    ]


def _key(watch: Watch) -> int:
    found = {Subject.OWN: watch.home_id, Subject.NEED: watch.need_id, Subject.ACHIEVEMENT: watch.achievement_id}
    return int(found[Subject(watch.subject)] or 0)


def _item_alerts(kind: str, items: Sequence[Any], pairs: Sequence[Pair]) -> list[Alert]:
    """For watches of an organisation, a field or a class. From a threshold on: its match with one's own items."""
    if not items:
        return []
    classes = {item.pk: _classes(item) for item in items}
    every = set().union(*classes.values())
    owners = {item.pk: _shown_owner(item) for item in items}
    by_class = Q(pk__in=[])
    for scheme in Scheme.values:
        by_class |= Q(
            subject=Subject.CLASS, scheme=scheme, class_code__in=[code for one, code in every if one == scheme]
        )
    by_owner = Q(subject=Subject.ORGANISATION, organisation_id__in=[pk for pk in owners.values() if pk])
    watches = _wanted(Watch.objects.filter(by_class | by_owner, is_active=True))
    best: dict[tuple[int, int], int] = {}  # (item, home on the other bank) → the best score
    for pair in pairs:
        item_id, home = (pair.need_id, pair.owner_id) if kind == "need" else (pair.achievement_id, pair.publisher_id)
        best[item_id, home] = max(pair.score, best.get((item_id, home), 0))
    found = []
    for watch in watches:
        for item in items:
            score = best.get((item.pk, watch.home_id or 0))
            is_near = watch.threshold == 0 or (score or 0) >= watch.threshold
            if item.published_at > watch.since and is_near and _answers(watch, owners[item.pk], classes[item.pk]):
                found.append(_alert(watch, Reason.PUBLISHED, score=score, **{f"{kind}_id": item.pk}))
    return found


def _answers(watch: Watch, owner_id: int | None, classes: set[tuple[str, str]]) -> bool:
    if watch.subject == Subject.ORGANISATION:
        return owner_id is not None and owner_id == watch.organisation_id
    return (watch.scheme, watch.class_code) in classes


def _shown_owner(item: Any) -> int | None:
    """The organisation that the item names to everybody: an anonymous publisher is followed by nobody."""
    if hasattr(item, "owner_id"):
        return int(item.owner_id)
    return int(item.publisher_id) if item.publisher_shown == Shown.SHOWN else None


def _classes(item: Any) -> set[tuple[str, str]]:
    """The item's classes and all above them: B01D 71/68 answers B, B01, B01D."""
    found = {(Scheme.FIELD.value, item.field)} if item.field else set()
    for scheme, given in ((Scheme.IPC.value, item.ipc), (Scheme.INDUSTRY.value, item.industry)):
        found |= {(scheme, code[:length]) for code in given for length in range(1, len(code) + 1)}
    return found


def _wanted(watches: Any) -> list[Watch]:
    """Without recommendations to people who switched them off."""
    rows: list[Watch] = list(watches.order_by("pk"))
    off = selectors.without_recommendations([row.person_id for row in rows if not row.is_chosen])
    return [row for row in rows if row.is_chosen or row.person_id not in off]


def _alert(watch: Watch, reason: Reason, *, score: int | None = None, occasion: int = 0, **about: int) -> Alert:
    return Alert(watch=watch, person_id=watch.person_id, reason=reason, score=score, occasion=occasion, **about)


def _keep(found: Sequence[Alert]) -> int:
    """The rows, and a job for each person who wants to hear at once: both or neither survive a kill."""
    if not found:
        return 0
    Alert.objects.bulk_create(found, ignore_conflicts=True, batch_size=1_000)
    at_once = {row.person_id for row in found if row.watch.cadence == Cadence.AT_ONCE}
    waiting = Alert.objects.filter(
        person_id__in=at_once, state=AlertState.WAITING, watch__cadence=Cadence.AT_ONCE
    ).values_list("person_id", flat=True)
    job = app.configure_task("keqiao.alerts.tasks.send_digest", queue="alerts")
    for person_id in sorted(set(waiting)):
        job.defer(person_id=person_id, cadence=Cadence.AT_ONCE.value)
    return len(found)
