"""How many alerts a watch would have brought lately, from each threshold on: so that people choose one knowingly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Q

from keqiao.alerts.models import Watch
from keqiao.alerts.types import Scheme, Subject, words_of
from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState, Shown
from keqiao.engagement import selectors as engagement
from keqiao.kernel import clock
from keqiao.matching import selectors as matching
from keqiao.matching.types import IndexNotReady
from keqiao.parties import selectors as parties

DAYS = 30
STEPS = (0, 40, 60, 75, 90)
MOST = 5_000  # rows that are looked at; what lies beyond is said to be more


@dataclass(frozen=True)
class Step:
    """From this threshold on there would have been so many."""

    threshold: int
    words: str
    count: int
    is_chosen: bool


@dataclass(frozen=True)
class Preview:
    steps: tuple[Step, ...]
    is_cut: bool  # there were more than were looked at
    is_known: bool = True

    @property
    def chosen(self) -> Step:
        return next(step for step in self.steps if step.is_chosen)


def preview(watch: Watch, threshold: int) -> Preview:
    """Of public items alone, over the last days."""
    scores = _scores(watch, clock.now() - timedelta(days=DAYS))
    if scores is None:
        return Preview((Step(threshold, words_of(threshold), 0, is_chosen=True),), is_cut=False, is_known=False)
    wanted = sorted({*STEPS, threshold})
    steps = [
        Step(one, words_of(one), sum(score >= one for score in scores), is_chosen=one == threshold) for one in wanted
    ]
    return Preview(tuple(steps), is_cut=len(scores) >= MOST)


def _scores(watch: Watch, since: datetime) -> list[int] | None:
    if watch.subject in {Subject.OWN, Subject.NEED, Subject.ACHIEVEMENT}:
        return _of_matches(watch, since)
    if watch.subject == Subject.SEARCH:
        return _of_search(watch, since)
    return [*_of_items("need", watch, since), *_of_items("achievement", watch, since)]


def _of_matches(watch: Watch, since: datetime) -> list[int]:
    if watch.subject == Subject.OWN:
        mine = Q(need__publisher_id=watch.home_id) | Q(achievement__owner_id=watch.home_id)
    else:
        mine = Q(need_id=watch.need_id) if watch.need_id else Q(achievement_id=watch.achievement_id)
    public = Q(need__state=ItemState.PUBLISHED, achievement__state=ItemState.PUBLISHED, has_unmet=False)
    newer = Q(need__published_at__gte=since) | Q(achievement__published_at__gte=since)
    rows = matching.matches_visible_to(parties.visitor()).filter(mine, public, newer)
    return list(rows.values_list("score", flat=True)[:MOST])


def _of_items(kind: str, watch: Watch, since: datetime) -> Iterable[int]:
    rows: Any = catalogue.published_ids(kind).filter(published_at__gte=since)
    if watch.subject == Subject.ORGANISATION:
        named = {"publisher_id": watch.organisation_id, "publisher_shown": Shown.SHOWN}
        rows = rows.filter(**(named if kind == "need" else {"owner_id": watch.organisation_id}))
    elif watch.scheme == Scheme.FIELD:
        rows = rows.filter(field=watch.class_code)
    newest = rows.order_by("-published_at", "-id")[:MOST]
    if watch.scheme in {Scheme.IPC, Scheme.INDUSTRY}:
        ids = [pk for pk, given in newest.values_list("pk", watch.scheme) if _is_under(given, watch.class_code)]
    else:
        ids = list(newest.values_list("pk", flat=True))
    best = _best(kind, ids, watch.home_id)
    return [best.get(pk, 0) for pk in ids]


def _is_under(codes: Iterable[str], above: str) -> bool:
    return any(code.startswith(above) for code in codes)


def _best(kind: str, ids: list[int], home_id: int | None) -> dict[int, int]:
    """Of each item, its best match with the items of the organisation in whose name one watches."""
    if home_id is None or not ids:
        return {}
    other = "achievement__owner_id" if kind == "need" else "need__publisher_id"
    rows = matching.matches_visible_to(parties.visitor()).filter(
        **{f"{kind}_id__in": ids, other: home_id}, has_unmet=False
    )
    return dict(rows.order_by().values_list(f"{kind}_id").annotate(best=Max("score")))


def _of_search(watch: Watch, since: datetime) -> list[int] | None:
    """None: there is no index to search in now."""
    if watch.search is None:
        return None
    try:
        found = engagement.results_since(watch.search, since)
    except IndexNotReady:
        return None
    return [score or 0 for score in found.values()]
