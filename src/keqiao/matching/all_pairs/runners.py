"""Who computes the shards of a run: this process, processes of this machine, or a Ray cluster. They only compute:
progress and results are rows of the database, so that any of them may die at any point.

Imported before Django in new processes, so nothing heavy is at the top.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

from keqiao.runtime.environment import BadSetting, tell_library
from keqiao.runtime.processes import begin_with_one_thread

RETRIES = 20  # of a shard whose node or process died
OBJECT_STORE = 100_000_000  # bytes


class WorkersLost(Exception):
    """Those who computed died; what they had not kept waits."""


class Runner(Protocol):
    """Computes shards; says the code of each as it is done. Closed early, it begins no further ones."""

    def each(self, shards: Sequence[str]) -> Generator[str, None, None]:
        """In any order. Raises what a shard raised, or WorkersLost."""


def of_settings(processes: int | None = None) -> Runner:
    """As who runs the site decided; `processes`: so many of this machine, whatever that is."""
    from django.conf import settings

    if settings.RAY_ADDRESS and processes is None:
        return OnRay(settings.RAY_ADDRESS, settings.ALL_PAIRS_PROCESSES)
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
        pool = ProcessPoolExecutor(self.count, multiprocessing.get_context("spawn"), begin_with_one_thread)
        try:
            for done in as_completed([pool.submit(_compute, code) for code in shards]):
                yield done.result()
        except BrokenProcessPool as trouble:
            raise WorkersLost from trouble
        finally:
            pool.shutdown(cancel_futures=True)


class OnRay:
    """A Ray cluster, or with the address `local` one of this machine that ends with the run.

    Its nodes have the same release, the same settings and the same data folder; a node that is lost costs the shards
    that it was computing, which Ray gives to others.
    """

    def __init__(self, address: str, count: int = 0) -> None:
        if find_spec("ray") is None:
            raise BadSetting("RAY_ADDRESS needs Ray: pip install 'keqiao[ray]'")
        self.address, self.count = address, count

    def each(self, shards: Sequence[str]) -> Generator[str, None, None]:
        tell_library("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers of each run
        import ray
        from ray.exceptions import NodeDiedError, RaySystemError, WorkerCrashedError

        # Ray's programs begin by a fork and become others at once; LanceDB warns of one that would go on with its index.
        warnings.filterwarnings("ignore", "lancedb fork support", RuntimeWarning)
        ray.init(self.address, log_to_driver=False, logging_level=logging.WARNING, **self._of_this_machine())
        compute, waiting = ray.remote(num_cpus=1, max_retries=RETRIES)(_compute_on_ray), []
        try:
            waiting = [compute.remote(code) for code in shards]
            while waiting:
                done, waiting = ray.wait(waiting, num_returns=1)
                yield ray.get(done[0])
        except (NodeDiedError, RaySystemError, WorkerCrashedError) as trouble:
            raise WorkersLost from trouble
        finally:
            for task in waiting:
                ray.cancel(task)
            ray.shutdown()

    def _of_this_machine(self) -> dict[str, Any]:
        """Only codes travel: the store of objects is as small as Ray lets it be."""
        if self.address != "local":
            return {}
        return {
            "num_cpus": self.count or os.cpu_count() or 1,
            "object_store_memory": OBJECT_STORE,
            "include_dashboard": False,
        }


_begin_on_ray = cache(begin_with_one_thread)


def _compute_on_ray(code: str) -> str:
    _begin_on_ray()
    return _compute(code)


def _compute(code: str) -> str:
    from keqiao.matching.all_pairs.shards import compute

    return compute(code)
