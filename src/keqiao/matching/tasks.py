"""Jobs of matching: bring the index up to date, then the stored matches.

The index and its libraries are imported when a job runs: every process that defers a job reads this module.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from procrastinate import RetryDecision, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from keqiao.kernel import jobs
from keqiao.parties import selectors as parties

log = logging.getLogger(__name__)

LATER = -10  # matches wait while anything else could run: what is new must be found within seconds


class BehindOthers(RetryStrategy):
    """In its pause a job that waits keeps from their turn those of its lock that are not more urgent: what failed lets them
    go first.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        again = super().get_retry_decision(exception=exception, job=job)
        return RetryDecision(retry_at=again.retry_at, priority=LATER) if again else None


AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)
AGAIN_BEHIND = BehindOthers(max_attempts=10, exponential_wait=2)
AT_ONCE = 50  # items: of a larger load of achievements the needs are computed again instead
PIECE = 10  # items whose matches one job computes: seconds, so that the worker soon looks at what is more urgent
TOGETHER, ITEMS_TOGETHER = 100, 500  # jobs, and items of them, that one writes into the index
EXCERPTS = 5_000  # items whose rows one job makes
PAIRS_FOR = 240.0  # seconds of all pairs at a time
FAILED_MOST = 100  # needs that cannot be studied, after which it is not the needs that fail


@app.task(queue="index", retry=AGAIN_BEHIND, lock="index")
def update_items(*, kind: str, ids: list[int]) -> None:
    """Index the items, and with them those of the jobs that wait behind this one: to write a hundred takes hardly longer than
    to write one, so that what is new is found soon however many come. Their matches are computed in jobs of their own.

    The lock keeps those jobs from running meanwhile; they go when the work is done, and a kill before leaves them.
    """
    from keqiao.matching import indexing

    behind = _as_many_as_fit(ids, jobs.waiting_alike(update_items.name, TOGETHER, kind=kind))
    changes = [ids, *behind.values()]
    every = sorted({item_id for change in changes for item_id in change})
    done = indexing.update(kind, every, waits=False)
    with transaction.atomic():
        if not done.is_whole:
            update_items.configure(schedule_in={"minutes": 10}, priority=LATER).defer(kind=kind, ids=[*every])
        if done.left:  # while an upkeep puts files together: a second or so
            update_items.configure(schedule_in={"seconds": 2}, priority=LATER).defer(kind=kind, ids=[*done.left])
        for change in changes:
            _match_later(kind, [item_id for item_id in change if item_id not in done.left])
        jobs.take_away(behind)
    if indexing.needs_upkeep(kind):
        _keep_up_later(kind)


def _keep_up_later(kind: str) -> None:
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        keep_index_up.configure(queueing_lock=f"keep_index_up/{kind}").defer(kind=kind)


@app.periodic(cron="*/5 * * * *")
@app.task(queue="index", queueing_lock="find_late_upkeep")
def find_late_upkeep(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """What was written while an upkeep was not due again yet, and nothing after it."""
    from keqiao.matching import indexing

    for kind in indexing.KINDS:
        if indexing.needs_upkeep(kind):
            _keep_up_later(kind)


@app.task(queue="reindex", retry=AGAIN_BEHIND, lock="keep_index_up")
def keep_index_up(*, kind: str) -> None:
    """A job of its own: among a million documents it takes minutes, and what is new meanwhile must be found within seconds."""
    from keqiao.matching import indexing

    indexing.keep_up(kind)


def _as_many_as_fit(ids: list[int], waiting: Mapping[int, dict[str, Any]]) -> dict[int, list[int]]:
    """Jobs and their items, in their order, up to a number of items that takes no long lock."""
    fitting, count = {}, len(ids)
    for number, args in waiting.items():
        count += len(args["ids"])
        if count > ITEMS_TOGETHER:
            break
        fitting[number] = args["ids"]
    return fitting


def _match_later(kind: str, ids: list[int]) -> None:
    """After a large load of achievements it is less work to compute the needs again than each new achievement."""
    from keqiao.matching import services

    if kind == "achievement" and len(ids) > AT_ONCE:
        look_for_lacking_excerpts()
        services.expect_new_matches(actor=parties.system())
        return
    for first in range(0, len(ids), PIECE):
        compute_matches.defer(kind=kind, ids=ids[first : first + PIECE])


@app.task(queue="matches", retry=AGAIN, priority=LATER)
def compute_matches(*, kind: str, ids: list[int]) -> None:
    from keqiao.matching import excerpts, indexing, scoring, services

    scoring.forget_weights()
    if model := indexing.model():
        excerpts.keep(kind, ids, model)
    scoring.prepare(kind, ids)
    for item_id in ids:
        services.compute_matches(actor=parties.system(), kind=kind, item_id=item_id)
    services.announce_matches(actor=parties.system(), kind=kind, ids=ids)
    look_for_needs_to_study()


@app.task(queue="matches", priority=LATER, queueing_lock="study_needs")
def study_needs(*, but: Collection[int] = (), after: int = 0, ids: Collection[int] = ()) -> None:  # noqa: ARG001 -- of earlier releases
    """What a relaxed condition would bring, and what fits together: of some needs, then of the rest in a job of its own.
    Never more than one waits, and each looks at every need, so that one which waits does the work of all: of those a dead
    worker left too. Needs `but` have failed in the jobs before it, and keep no other from its turn; the next round tries
    them again.
    """
    from keqiao.matching import scoring, services, stale

    scoring.forget_weights()
    waiting = stale.needs_to_study(limit=PIECE, but=but)
    scoring.prepare("need", waiting)
    failed: dict[int, Exception] = {}
    for need_id in waiting:
        try:
            services.study_need(actor=parties.system(), need_id=need_id)
        except Exception as trouble:  # noqa: BLE001 -- raised below, when the others have had their turn
            failed[need_id] = trouble
    but = [*but, *failed]
    if len(but) < FAILED_MOST:
        look_for_needs_to_study(but)
    if failed:
        raise next(iter(failed.values()))


def look_for_needs_to_study(but: Collection[int] = ()) -> None:
    """One that waits already will find them."""
    from keqiao.matching import stale

    if stale.needs_to_study(limit=1, but=but):
        with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
            study_needs.defer(but=[*but])


def look_for_stale_matches() -> None:
    """After a rebuild: matches of the model before are stale, and the worker need not wait for its next round."""
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        find_stale_matches.defer(timestamp=0)  # type: ignore[call-arg]  # periodic tasks are typed without


@app.periodic(cron="*/10 * * * *")
@app.task(queue="matches", queueing_lock="find_stale_matches")
def find_stale_matches(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Needs whose matches were computed by another version, or never, are computed again, some at a time."""
    from keqiao.matching import scoring, stale

    scoring.forget_weights()
    ids = stale.needs_to_compute(limit=2_000)
    for first in range(0, len(ids), PIECE):
        compute_matches.defer(kind="need", ids=ids[first : first + PIECE])
    look_for_needs_to_study()


@app.periodic(cron="17 * * * *")
@app.task(queue="reindex", queueing_lock="find_lacking_excerpts")
def find_lacking_excerpts(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """After a rebuild or an upgrade, and for what a lost job left: rows of items are made or made anew."""
    from keqiao.matching import excerpts, indexing

    model = indexing.model()
    for kind in indexing.KINDS:
        excerpts.forget_unpublished(kind)
        if model and excerpts.lacking(kind, model, after=0, most=1):
            keep_excerpts.defer(kind=kind, after=0)


@app.task(queue="reindex", retry=AGAIN, priority=LATER, lock="excerpts")
def keep_excerpts(*, kind: str, after: int) -> None:
    """Some seconds of work, then the rest in a job of its own."""
    from keqiao.matching import excerpts, indexing

    model = indexing.model()
    if model and (last := excerpts.keep_lacking(kind, model, after, EXCERPTS)):
        keep_excerpts.defer(kind=kind, after=last)


def look_for_lacking_excerpts() -> None:
    """After a rebuild: what rows say of meaning was told by the model before."""
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        find_lacking_excerpts.defer(timestamp=0)  # type: ignore[call-arg]  # periodic tasks are typed without


@app.periodic(cron="*/10 * * * *")
@app.task(queue="pairs", lock="go_on_with_all_pairs", queueing_lock="go_on_with_all_pairs", priority=LATER)
def go_on_with_all_pairs(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Every need against every achievement: begun at its time of night, gone on with when one is under way.

    For some minutes at a time, so that other long jobs have their turn between; and whoever was killed is followed. What
    failed waits for the next ten minutes.
    """
    from keqiao.matching import selectors, services
    from keqiao.matching.all_pairs import driving, runners

    if selectors.all_pairs_are_due(settings.ALL_PAIRS_AT):
        services.begin_all_pairs(actor=parties.system())
    if driving.under_way() is None:
        return
    with contextlib.suppress(driving.BusyElsewhere):
        if not driving.drive(runners.of_settings(), seconds=PAIRS_FOR) and driving.has_untried():
            again = go_on_with_all_pairs.configure(schedule_in={"seconds": 5})
            with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
                again.defer(timestamp=0)


@app.periodic(cron="*/10 * * * *")
@app.task(queue="reindex", lock="follow_provider", queueing_lock="follow_provider")
def follow_provider(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """After the embedding model was set, changed or taken away: the index is made anew. While it fails, it waits."""
    from keqiao.inference.types import ModelUnavailable
    from keqiao.matching import indexing

    if indexing.follows_provider():
        return
    try:
        indexing.rebuild_apart(needs_outer=True)
    except ModelUnavailable as trouble:
        log.warning("the index waits for the embedding model", extra={"problem": trouble.code})
        return
    look_for_stale_matches()
    look_for_lacking_excerpts()


@app.periodic(cron="*/5 * * * *")
@app.task(queue="matches", queueing_lock="count_lists")
def count_lists(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Count the long public lists ahead."""
    from keqiao.matching import services

    for kind in ("achievement", "need"):
        services.count_list(actor=parties.system(), kind=kind)
