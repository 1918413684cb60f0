"""Who computes the shards of a run: this process, processes of this machine, or a Ray cluster. They only compute:
progress and results are rows of the database, so that any of them may die at any point.

Imported before Django in new processes, so nothing heavy is at the top.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from keqiao.runtime.environment import tell_library

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS", "LANCE_CPU_THREADS")
NICE = 10  # pages and short jobs come first


class WorkersLost(Exception):
    """Those who computed died; what they had not kept waits."""


class Runner(Protocol):
    """Computes shards; says the code of each as it is done. Closed early, it begins no further ones."""

    def each(self, shards: Sequence[str]) -> Generator[str, None, None]:
        """In any order. Raises what a shard raised, or WorkersLost."""


def of_settings(processes: int | None = None) -> Runner:
    """As who runs the site decided; `processes`: another number of them on this machine."""
    from django.conf import settings

    return Processes(settings.ALL_PAIRS_PROCESSES if processes is None else processes)


class Here:
    """In this process, one after the other."""

    def each(self, shards: Sequence[str]) -> Generator[str, None, None]:
        from keqiao.matching.all_pairs.shards import compute

        for code in shards:
            yield compute(code)


class Processes:
    """So many processes of this machine."""

    def __init__(self, count: int = 0) -> None:
        self.count = count or os.cpu_count() or 1

    def each(self, shards: Sequence[str]) -> Generator[str, None, None]:
        pool = ProcessPoolExecutor(self.count, multiprocessing.get_context("spawn"), _begin)
        try:
            for done in as_completed([pool.submit(_compute, code) for code in shards]):
                yield done.result()
        except BrokenProcessPool as trouble:
            raise WorkersLost from trouble
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """One thread a process: there are as many processes as cores. An orphan ends itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    begin()


def begin() -> None:
    """What a process does before its first shard."""
    for name in ONE_THREAD:
        tell_library(name, "1")
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    tell_library("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    import django

    django.setup()


def _end_with(sentinel: int) -> None:
    from multiprocessing.connection import wait

    wait([sentinel])
    os._exit(1)


def _compute(code: str) -> str:
    from keqiao.matching.all_pairs.shards import compute

    return compute(code)
