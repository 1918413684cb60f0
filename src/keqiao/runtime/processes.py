"""Work in other processes of this machine, which end with the process that began them.

Imported before Django in new processes, so nothing heavy is at the top.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from keqiao.runtime.environment import tell_library
from keqiao.runtime.memory import begin_to_hold_little

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS", "LANCE_CPU_THREADS")
T = TypeVar("T")
NICE = 10  # pages and short jobs come first


class ProcessLost(Exception):
    """A process died at its work, as when the machine had no memory left."""


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work` returns or raises, from a process that ends: what it needs in memory goes with it."""
    with _pool(1, _begin_alone) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool as trouble:
            raise ProcessLost from trouble


def in_order(work: Callable[..., T], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[T]:
    """`work` of each task by so many processes, given back in order; a few are done ahead of the one asked for."""
    waiting: deque[Future[T]] = deque()
    with _pool(count, begin_with_one_thread) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(work, *task))
                if len(waiting) > 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as trouble:
            raise ProcessLost from trouble


@contextlib.contextmanager
def _pool(count: int, begin: Callable[[], None]) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_alone() -> None:
    """An upkeep among a million took 2.0 GB in a process that keeps what it freed, 1.1 in one that does not."""
    spare_threads()
    begin_to_hold_little()
    _begin()


def spare_threads() -> None:
    """The threads of the numeric library wait for each other by turning: where a core is busy with something else, an
    orthogonalisation took 2 s of processor instead of 0.1. Before NumPy is loaded.
    """
    tell_library("OPENBLAS_NUM_THREADS", "1")


def begin_with_one_thread() -> None:
    """There are as many processes as cores."""
    for name in ONE_THREAD:
        tell_library(name, "1")
    _begin()


def _begin() -> None:
    _end_with_parent()
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    tell_library("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    import django

    django.setup()


def _end_with_parent() -> None:
    """An orphan ends itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    from multiprocessing.connection import wait

    wait([sentinel])
    os._exit(1)
