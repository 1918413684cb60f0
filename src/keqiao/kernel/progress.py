"""How far long work is, for whoever looks: written at most once a second, outside the work's own transaction."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from keqiao.kernel import clock
from keqiao.kernel.models import Progress

EVERY = 1.0  # seconds between two notes
SILENT = timedelta(minutes=5)  # what says nothing for longer was ended from outside


@dataclass(frozen=True)
class Work:
    """`outcome`: running, done, failed; or broken_off, when nothing was heard for long."""

    name: str
    done: int
    total: int | None
    outcome: str
    began_at: datetime
    at: datetime

    @property
    def percent(self) -> int | None:
        return min(100, 100 * self.done // self.total) if self.total else None


@contextlib.contextmanager
def of(name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Tell how much is done: `with progress.of("reindex", 1000) as tell: tell(500)`."""
    began, told, done = clock.now(), time.monotonic(), 0
    _note(name, 0, total, "running", began)

    def tell(now: int) -> None:
        nonlocal told, done
        done = now
        if time.monotonic() - told >= EVERY:
            told = time.monotonic()
            _note(name, done, total, "running", began)

    try:
        yield tell
    except BaseException:
        with contextlib.suppress(Exception):  # the work's own trouble is what matters
            _note(name, done, total, "failed", began)
        raise
    _note(name, done, total, "done", began)


def _note(name: str, done: int, total: int | None, outcome: str, began: datetime) -> None:
    values = {"done": done, "total": total, "outcome": outcome, "began_at": began, "at": clock.now()}
    Progress.objects.update_or_create(name=name, defaults=values)


def known() -> list[Work]:
    """The last time of each kind of work, the latest first."""
    now = clock.now()
    return [
        Work(row.name, row.done, row.total, _outcome(row, now), row.began_at, row.at)
        for row in Progress.objects.order_by("-at")[:50]
    ]


def _outcome(row: Progress, now: datetime) -> str:
    return "broken_off" if row.outcome == "running" and now - row.at > SILENT else row.outcome
