"""Commands of matching: store what was computed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock, codes, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.matching import indexing, scoring, stones, studying, tallies
from keqiao.matching.all_pairs import keeping
from keqiao.matching.models import Computation, Match, PairsRun, PairsShard, Study, Tally, WeightChange
from keqiao.matching.types import TRL_BANDS, IndexNotReady, RunState, Scored, Stone
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

FULL_SCORE = 100
NEEDS_A_SHARD = 100  # of all pairs: kept in one transaction of about a second
MOST_SHARD_FAULTS = 3  # tries of a shard
MOST_RUN_FAULTS = 6  # tries in a row that never got to a shard


@command
def compute_matches(*, actor: Actor, kind: str, item_id: int) -> int:
    """Score one item's nearest counterparts and keep the good ones; how many were kept.

    A need's matches are replaced as a whole. An achievement's are merged: a need keeps its other matches. Several workers
    may compute at once: what changed while this one did is left to the jobs of that change.
    """
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    if not indexing.is_ready():
        raise IndexNotReady  # finding nothing would look like having no match
    item = catalogue.item_by_id(kind, item_id)
    before = Match.objects.filter(**{f"{kind}_id": item_id})
    touched = {item_id} if kind == "need" else set(before.values_list("need_id", flat=True))
    if item is None:
        before.delete()
        if kind == "need":
            Study.objects.filter(need_id=item_id).delete()
        _forget_studies(touched)
        return 0
    version, since = scoring.version(), clock.now()  # before reading: what changes meanwhile is stale, not mislabelled
    rows = _rows(kind, item, version)
    if rows is None:
        return 0
    # Those that a job of a counterpart has put there since know more than what was read here.
    newer = set(before.filter(version=version, computed_at__gte=since).values_list(f"{_other(kind)}_id", flat=True))
    rows = [row for row in rows if getattr(row, f"{_other(kind)}_id") not in newer]
    kept = newer | {getattr(row, f"{_other(kind)}_id") for row in rows}
    before.exclude(**{f"{_other(kind)}_id__in": kept}).delete()
    Match.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["need", "achievement"],
        update_fields=["score", "has_unmet", "arch", "version", "computed_at"],
    )
    if kind == "need":
        Computation.objects.update_or_create(need=item, defaults={"version": version, "at": clock.now()})
    _forget_studies(touched | {row.need_id for row in rows})
    return len(kept)


def _forget_studies(needs: Collection[int]) -> None:
    """In the transaction that changes the matches: whoever looks for stale studies finds these, also after a kill."""
    Study.objects.filter(need_id__in=needs).update(version="")


@command
def announce_matches(*, actor: Actor, kind: str, ids: Collection[int]) -> None:
    """Say that the matches of these items were computed, so that people who wait for such hear of them."""
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    first = Match.objects.filter(**{f"{kind}_id__in": ids}).order_by("pk").first()
    if first is not None:
        record("matching.matches_computed", first, actor=actor, kind=kind, ids=list(ids))


@command
def study_need(*, actor: Actor, need_id: int) -> None:
    """Work out what a relaxed condition would bring a need, and which achievements fill its arch together."""
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    if not indexing.is_ready():
        raise IndexNotReady
    need = catalogue.item_by_id("need", need_id)
    if need is None:
        Study.objects.filter(need_id=need_id).delete()
        return
    version = scoring.version()
    stored = Match.objects.filter(need=need).values_list("achievement__code", flat=True)
    found = studying.study(need, list(stored), parameter("matching.least_score", on=clock.today()))
    Study.objects.update_or_create(need=need, defaults={**found, "version": version, "at": clock.now()})


@command
def expect_new_matches(*, actor: Actor) -> None:
    """Forget which needs were computed: the next run of `find_stale_matches` computes them all again."""
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    Computation.objects.all().delete()


@command
def change_weights(*, actor: Actor, points: Mapping[str, int] | None, label: str = "") -> WeightChange:
    """Put other points of the stones in force, or with None those of the rule pack again. A job computes all matches anew."""
    if not actor.is_operator:
        raise NotAllowed
    if points is not None:
        _check_points(points)
    change = WeightChange.objects.create(points=points, label=label if points is not None else "", first_at=clock.now())
    record("matching.weights_changed", change, actor=actor, label=change.label, points=points)
    transaction.on_commit(scoring.forget_weights)
    _look_for_stale_matches()
    return change


def _check_points(points: Mapping[str, int]) -> None:
    """Every stone keeps at least one point: what counts nothing is not computed, and could not be learned about again."""
    whole = all(type(value) is int and value >= 1 for value in points.values())
    if set(points) != set(Stone) or not whole or sum(points.values()) != FULL_SCORE:
        raise BadInput(
            _("六块石头的权重要写成整数，每块至少 1 分，合计 100，例如 25、35、15、10、10、5。"), field="points"
        )


# --- all pairs --------------------------------------------------------------------------------------------------------


@command
def begin_all_pairs(*, actor: Actor, needs_a_shard: int = NEEDS_A_SHARD) -> str:
    """Begin to compute every need against every achievement, in shards of needs; the code of the run.

    While one runs already, it is that one. A job goes on with it until it is done, whoever works at it beside.
    """
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    if not indexing.is_ready():
        raise IndexNotReady
    under_way = PairsRun.objects.filter(state=RunState.RUNNING).first()
    if under_way is not None:
        return under_way.code
    ids = list(catalogue.published_ids("need").values_list("pk", flat=True))
    code, version = codes.fresh(PairsRun, "QP"), scoring.version()
    try:
        with transaction.atomic():
            run = PairsRun.objects.create(code=code, version=version, needs=len(ids), begun_at=clock.now())
    except IntegrityError:  # somebody began at the same moment
        return PairsRun.objects.get(state=RunState.RUNNING).code
    pieces = [ids[first : first + needs_a_shard] for first in range(0, len(ids), needs_a_shard)]
    PairsShard.objects.bulk_create(
        PairsShard(run=run, code=code, first_need_id=piece[0], last_need_id=piece[-1], needs=len(piece))
        for code, piece in zip(codes.fresh_many(PairsShard, "QS", len(pieces)), pieces, strict=True)
    )
    record("matching.pairs_run_begun", run, actor=actor, needs=run.needs)
    _go_on_with_all_pairs()
    return run.code


@command
def renew_pairs_run(*, actor: Actor, code: str) -> None:
    """When what computes matches became another since the run began, its finished shards wait again."""
    run = _pairs_run(actor, code)
    now = scoring.version()
    if run.state == RunState.RUNNING and run.version != now:
        PairsShard.objects.filter(run=run).update(done_at=None, faults=0)
        run.version = now
        run.save(update_fields=["version"])


@command
def keep_pairs(*, actor: Actor, shard_code: str, version: str, since: datetime, found: Sequence[Scored]) -> bool:
    """Store the matches of a shard's needs; False when it is done already, or its run has ended.

    What changed while they were computed is left to the jobs of that change: needs and achievements of another
    revision, or public no longer, and whatever was computed after `since`, when the achievements were read.
    """
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    shard = PairsShard.objects.select_for_update(no_key=True, of=("self",)).get(code=shard_code)
    run = PairsRun.objects.get(pk=shard.run_id)
    if shard.done_at is not None or run.state != RunState.RUNNING or run.version != version:
        return False
    kept = keeping.keep(found, version, since)
    _forget_studies(kept.changed)
    shard.kept, shard.changed, shard.done_at = kept.matches, len(kept.changed), clock.now()
    shard.save(update_fields=["kept", "changed", "done_at"])
    PairsRun.objects.filter(pk=run.pk, faults__gt=0).update(faults=0)
    if kept.changed:
        announce_matches(actor=actor, kind="need", ids=sorted(kept.changed))
    return True


@command
def note_pairs_fault(*, actor: Actor, code: str, kind: str, shard_code: str = "") -> None:
    """Something went wrong, in a shard or around them all. `kind`: without anything of what it was about.

    A run that never gets as far as its shards ends after as many tries as take the worker an hour.
    """
    run = _pairs_run(actor, code)
    if run.state != RunState.RUNNING:
        return
    run.fault, run.fault_at = kind[:120], clock.now()
    if shard_code:
        PairsShard.objects.filter(run=run, code=shard_code, done_at=None).update(faults=F("faults") + 1)
    else:
        run.faults += 1
    run.save(update_fields=["fault", "fault_at", "faults"])
    if run.faults >= MOST_RUN_FAULTS:
        _fail(run, actor)


@command
def end_pairs_run(*, actor: Actor, code: str) -> None:
    """When no shard waits any more: all are done, or those that are not were tried in vain often enough."""
    run = _pairs_run(actor, code)
    left = run.shards.filter(done_at=None)
    if run.state != RunState.RUNNING or left.filter(faults__lt=MOST_SHARD_FAULTS).exists():
        return
    if left.exists():
        _fail(run, actor)
    else:
        _end(run, RunState.DONE)
        record("matching.pairs_run_ended", run, actor=actor)


def _fail(run: PairsRun, actor: Actor) -> None:
    _end(run, RunState.FAILED)
    record("matching.pairs_run_failed", run, actor=actor)
    for person_id in parties.operators():
        notices.tell(
            actor=parties.system(),
            person_id=person_id,
            kind="matching.pairs_run_failed",
            key=f"matching.pairs_run_failed:{run.code}",
            title_zh=f"全量匹配 {run.code} 出错停止，已保存的匹配保留",
            title_en=f"Matching all pairs ({run.code}) ended with faults; what is kept stays",
            link="/admin/all-pairs",
        )


@command
def stop_pairs_run(*, actor: Actor, code: str) -> None:
    """What is kept stays; the shards that wait are not computed. Again changes nothing."""
    run = _pairs_run(actor, code)
    if run.state == RunState.RUNNING:
        _end(run, RunState.STOPPED)
        record("matching.pairs_run_stopped", run, actor=actor)


def _pairs_run(actor: Actor, code: str) -> PairsRun:
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    run = PairsRun.objects.select_for_update(no_key=True, of=("self",)).filter(code=code).first()
    if run is None:
        raise NotFound
    return run


def _end(run: PairsRun, state: RunState) -> None:
    run.state, run.ended_at = state, clock.now()
    run.save(update_fields=["state", "ended_at"])


def _go_on_with_all_pairs() -> None:
    """By its name, as below. One that waits already will find the run, too."""
    task = app.configure_task(
        "keqiao.matching.tasks.go_on_with_all_pairs", queue="pairs", queueing_lock="go_on_with_all_pairs"
    )
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        task.defer(timestamp=0)


def _look_for_stale_matches() -> None:
    """By its name: the jobs stand above the commands. One that waits already will find them, too."""
    task = app.configure_task(
        "keqiao.matching.tasks.find_stale_matches", queue="matches", queueing_lock="find_stale_matches"
    )
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        task.defer(timestamp=0)


@command
def count_list(*, actor: Actor, kind: str) -> None:
    """Count a long public list ahead; a short one is counted by its page, and an old count of it is dropped."""
    if not actor.is_system and not actor.is_operator:
        raise NotAllowed
    if not tallies.is_long(kind):
        Tally.objects.filter(kind=kind).delete()
        return
    total, facets = tallies.count(kind, TRL_BANDS)
    Tally.objects.update_or_create(kind=kind, defaults={"total": total, "facets": facets, "at": clock.now()})


def _other(kind: str) -> str:
    return "achievement" if kind == "need" else "need"


def _rows(kind: str, item: Any, version: str) -> list[Match] | None:
    """The matches to keep: the best by score, whether a hard requirement is unmet or not. None when the item itself is
    another by now.
    """
    today = clock.today()
    least, most = parameter("matching.least_score", on=today), parameter("matching.kept_per_need", on=today)
    found = scoring.matches_of_need if kind == "need" else scoring.matches_of_achievement
    good = found(item, least, most)
    other = _other(kind)
    same = _held({kind: {item.code: item.revision}, other: {code: revision for code, (revision, _) in good.items()}})
    if not same[kind]:
        return None
    now = clock.now()
    arches = {pk: good[code][1] for code, pk in same[other].items()}
    return [
        Match(
            **{f"{kind}_id": item.pk, f"{other}_id": pk},
            score=arch.score,
            has_unmet=arch.has_unmet,
            arch=stones.arch_to_json(arch),
            version=version,
            computed_at=now,
        )
        for pk, arch in arches.items()
    ]


def _held(read: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Of the items of both kinds that were read, code → revision: code → id of those that are still the same, and stay so
    until the transaction ends. Needs first, as all pairs hold them.
    """
    return {
        kind: {
            code: pk
            for pk, code, revision in catalogue.hold_published(kind, codes=[*read[kind]])
            if revision == read[kind][code]
        }
        for kind in ("need", "achievement")
    }
