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

from keqiao.kernel import clock
from keqiao.matching import index_state, indexing, services
from keqiao.matching.all_pairs import library, shards
from keqiao.matching.all_pairs.runners import Runner, WorkersLost
from keqiao.matching.models import PairsRun, PairsShard
from keqiao.matching.types import IndexNotReady, RunState
from keqiao.parties import selectors as parties

log = logging.getLogger(__name__)

LOST_MOST = 5  # times in a row that all who compute may die before a shard was kept
Progress = Callable[[int, int], None]  # needs done, of how many


class BusyElsewhere(Exception):
    """Another process of this machine works at the run."""


def under_way() -> PairsRun | None:
    return PairsRun.objects.filter(state=RunState.RUNNING).first()


def drive(runner: Runner, *, seconds: float | None = None, tell: Progress | None = None) -> bool:
    """Work at the run that is under way; whether nothing is left of it. `seconds`: begin no shard after so many."""
    until = None if seconds is None else time.monotonic() + seconds
    with _alone():
        lost = 0
        while run := under_way():
            waiting = _prepared(run)
            if not waiting:
                services.end_pairs_run(actor=parties.system(), code=run.code)
                break
            left = len(waiting)
            try:
                with contextlib.closing(_told(runner, waiting, run, tell)) as done:
                    for _ in done:
                        left -= 1
                        lost = 0
                        if until is not None and time.monotonic() > until:
                            return False
                        if under_way() is None:
                            break
            except shards.OutOfDate:
                log.info("the index or the weights changed: all pairs begin anew", extra={"run": run.code})
            except WorkersLost:
                lost += 1
                log.warning("those who computed all pairs died", extra={"run": run.code, "left": left})
                if lost > LOST_MOST:
                    raise
        _clear(None)
        return True


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
    waiting = list(
        PairsShard.objects.filter(run=run, done_at=None).order_by("first_need_id").values_list("code", flat=True)
    )
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
