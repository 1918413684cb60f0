"""While an index moves, some visitors' searches are asked of the other engine too, behind their backs, and compared.

Only counts are kept, one file a process: no text of a search is written anywhere. A search never waits for its shadow;
while one is asked, others go without.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from keqiao.matching.index_state import folder
from keqiao.matching.types import Hit
from keqiao.runtime.files import replace_file

log = logging.getLogger(__name__)

FIRST = 10  # places that are compared
WRITTEN_EVERY = 5.0  # seconds


@dataclass
class Tally:
    """What shadows of searches found, summed."""

    searches: int = 0
    overlap: float = 0.0
    same_first: int = 0
    failed: int = 0

    @property
    def share(self) -> float:
        """Of the first ten, what both found."""
        return self.overlap / self.searches if self.searches else 0.0

    def add(self, more: Tally) -> None:
        self.searches += more.searches
        self.overlap += more.overlap
        self.same_first += more.same_first
        self.failed += more.failed


_one = threading.Lock()
_pool = ThreadPoolExecutor(1, thread_name_prefix="shadow")
_own = Tally()
_written = 0.0


def agreement(first: Sequence[Hit], second: Sequence[Hit]) -> tuple[float, bool]:
    """Share of the first ten that both have, and whether they begin alike; two empty lists agree."""
    one, other = ([hit.code for hit in hits[:FIRST]] for hits in (first, second))
    if not one or not other:
        return float(one == other), one == other
    return len({*one} & {*other}) / max(len(one), len(other)), one[0] == other[0]


def ask(search: Callable[[], Sequence[Hit]], served: Sequence[Hit]) -> None:
    """Ask the other side the same, unless it is still busy with a search before."""
    if not _one.acquire(blocking=False):
        return
    try:
        _pool.submit(_compare, search, served)
    except RuntimeError:  # the process ends
        _one.release()


def _compare(search: Callable[[], Sequence[Hit]], served: Sequence[Hit]) -> None:
    global _written  # noqa: PLW0603 -- one tally a process
    try:
        overlap, same = agreement(served, search())
        _own.add(Tally(1, overlap, int(same)))
    except Exception as trouble:  # noqa: BLE001 -- whatever it is, its words may hold those of the search
        log.warning("a shadow search failed", extra={"problem": type(trouble).__name__})
        _own.failed += 1
    finally:
        _one.release()
    if time.monotonic() - _written > WRITTEN_EVERY:
        _written = time.monotonic()
        place = folder() / "shadow"
        place.mkdir(exist_ok=True)
        replace_file(place / f"{os.getpid()}.json", json.dumps(asdict(_own)).encode())


def found() -> Tally:
    """Of all processes, also those that have ended."""
    total = Tally()
    for file in (folder() / "shadow").glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            total.add(Tally(**json.loads(file.read_text())))
    return total


def forget() -> None:
    """Before a new move."""
    global _own  # noqa: PLW0603
    _own = Tally()
    for file in (folder() / "shadow").glob("*.json"):
        file.unlink(missing_ok=True)
