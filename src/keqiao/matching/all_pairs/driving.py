"""A run from its library to its last shard, by whoever works at it: the worker's job or a terminal, one at a time.

Killed at any point it goes on where it was: shards that are kept are rows, and a library is whole or written anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from keqiao.kernel import clock
from keqiao.matching import index_state, indexing, services
from keqiao.matching.all_pairs import library, shards
from keqiao.matching.all_pairs.faults import kind_of
from keqiao.matching.all_pairs.runners import Runner, WorkersLost
from keqiao.matching.models import PairsRun, PairsShard
from keqiao.matching.types import IndexNotReady, RunState
from keqiao.parties import selectors as parties

log = logging.getLogger(__name__)

LOST_MOST = 5  # times in a row that all who compute may die before a shard was kept
PAUSE = 10.0  # seconds before a terminal tries again what failed
Progress = Callable[[int, int], None]  # needs done, of how many
Warn = Callable[[int, str], None]  # shards that failed, and the kind of the last fault


class BusyElsewhere(Exception):
    """Another process of this machine works at the run."""


def under_way() -> PairsRun | None:
    return PairsRun.objects.filter(state=RunState.RUNNING).first()


def drive(
    runner: Runner, *, seconds: float | None = None, tell: Progress | None = None, warn: Warn | None = None
) -> bool:
    """Work at the run that is under way; whether nothing is left of it. `seconds`: begin no shard after so many, and leave
    what failed to a later time; without, it is tried again after a pause.
    """
    until = None if seconds is None else time.monotonic() + seconds
    with _alone():
        lost = 0
        while run := under_way():
            kept = _done(run)
            try:
                with _noted(run):
                    is_whole = _round(runner, run, until, tell)
            except shards.OutOfDate:
                log.info("the index or the weights changed: all pairs begin anew", extra={"run": run.code})
                continue
            except WorkersLost:
                lost = 1 if _done(run) > kept else lost + 1
                log.warning("those who computed all pairs died", extra={"run": run.code})
                if lost > LOST_MOST:
                    raise
                continue
            if until is not None and (not is_whole or _failing(run)):
                return False
            _pause(run, warn)
        _clear(None)
        return True


def _round(runner: Runner, run: PairsRun, until: float | None, tell: Progress | None) -> bool:
    """Each shard that waits is computed, or tried in vain, or the run ends; False when the time was up before."""
    waiting = _prepared(run)
    if not waiting:
        services.end_pairs_run(actor=parties.system(), code=run.code)
        return True
    with contextlib.closing(_told(runner, waiting, run, tell)) as done:
        for _ in done:
            if until is not None and time.monotonic() > until:
                return False
            if under_way() is None:
                break
    return True


def has_untried() -> bool:
    """Shards that nothing speaks against going on with at once."""
    return PairsShard.objects.filter(run__state=RunState.RUNNING, done_at=None, faults=0).exists()


def _failing(run: PairsRun) -> int:
    """Shards that were tried in vain and will be tried once more."""
    most = services.MOST_SHARD_FAULTS
    return PairsShard.objects.filter(run=run, done_at=None, faults__gt=0, faults__lt=most).count()


def _pause(run: PairsRun, warn: Warn | None) -> None:
    """Before shards that failed are tried again."""
    if failing := _failing(run):
        if warn:
            warn(failing, PairsRun.objects.get(pk=run.pk).fault)
        time.sleep(PAUSE)


@contextlib.contextmanager
def _noted(run: PairsRun) -> Iterator[None]:
    """What no shard is to blame for stands in the run; with the database away there is nobody to tell."""
    try:
        yield
    except shards.OutOfDate:
        raise
    except Exception as trouble:
        with contextlib.suppress(DatabaseError, PoolTimeout):
            services.note_pairs_fault(actor=parties.system(), code=run.code, kind=kind_of(trouble))
        raise


def _told(runner: Runner, waiting: list[str], run: PairsRun, tell: Progress | None) -> Generator[str, None, None]:
    if tell:
        tell(_done(run), run.needs)
    for code in runner.each(waiting):
        if tell:
            tell(_done(run), run.needs)
        yield code


def _done(run: PairsRun) -> int:
    return sum(run.shards.exclude(done_at=None).values_list("needs", flat=True))


def _prepared(run: PairsRun) -> list[str]:
    """Codes of the shards that wait, after there is a library of what serves now."""
    services.renew_pairs_run(actor=parties.system(), code=run.code)
    rows = PairsShard.objects.filter(run=run, done_at=None, faults__lt=services.MOST_SHARD_FAULTS)
    waiting = list(rows.order_by("faults", "first_need_id").values_list("code", flat=True))
    if waiting:
        _write_library(run)
    return waiting


def _write_library(run: PairsRun) -> None:
    serving, folder = index_state.serving(), shards.folder(run.code)
    if serving is None:
        raise IndexNotReady
    if library.is_written(folder) and library.Library(folder).serving == serving:
        return
    _clear(run)
    since = clock.now()
    retriever = indexing.retriever_of("achievement", serving)
    library.write(folder, retriever.engine.every(retriever.index_name), serving, since)
    shards.forget()


def _clear(run: PairsRun | None) -> None:
    """Libraries of runs that ended, and what was not written whole."""
    keep = shards.folder(run.code).name if run else ""
    for path in _home().iterdir():
        if path.is_dir() and path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
    shards.forget()


def _home() -> Path:
    home = shards.folder("x").parent
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Over all processes of this machine; the lock is gone with the process that held it."""
    with (_home() / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyElsewhere from None
        yield
