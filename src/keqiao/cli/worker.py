"""keqiao worker: takes jobs, shows a heartbeat, takes up what a dead worker left behind."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from keqiao.cli import ground
from keqiao.runtime import heartbeat, postgres
from keqiao.runtime.environment import Environment, read_environment
from keqiao.runtime.memory import begin_to_hold_little

log = logging.getLogger(__name__)

CONCURRENCY = 2
BEAT = 5.0  # seconds between the heartbeats that other workers see
SILENT = 20.0  # seconds of silence after which a worker counts as dead and its jobs are taken up
STOP_WITHIN = 5.0  # seconds for jobs that run; they are taken up again after that
LONGEST_PAUSE = 5.0
LONG = frozenset(
    {"alerts", "drafting", "experts", "imports", "learning", "matches", "pairs", "reindex"}
)  # queues of long jobs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--concurrency", type=int, default=CONCURRENCY, metavar="N", help=f"jobs at a time ({CONCURRENCY})"
    )
    parser.add_argument("--once", action="store_true", help="do the jobs that wait, then end")


def run(args: argparse.Namespace, env: Environment) -> int:
    begin_to_hold_little()
    ground.open_data_folder(env)
    with postgres.using(env):
        ground.load_django(is_for_people=False)
        ground.require_migrations()
        ground.close_connections()
        asyncio.run(_work(env, args.concurrency, wait=not args.once))
        ground.close_connections()
    return 0


def main(arguments: Sequence[str] = ()) -> None:  # noqa: ARG001 -- as the supervisor calls its programs
    """As a child of the supervisor, who has started the database and applied the migrations."""
    begin_to_hold_little()
    ground.load_django(is_for_people=False)
    asyncio.run(_work(read_environment(), CONCURRENCY, wait=True))
    ground.close_connections()


async def _work(env: Environment, concurrency: int, *, wait: bool) -> None:
    from procrastinate.contrib.django import app

    with app.replace_connector(connector_beside(app.connector)) as own:
        async with own.open_async():
            beside = [asyncio.create_task(_beat(env)), asyncio.create_task(_take_up(own))]
            try:
                await _until_told_to_stop(own, concurrency, wait=wait)
            finally:
                for task in beside:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
    heartbeat.forget(env.data)


def connector_beside(django: Any) -> Any:
    """The worker's own connections, for taking jobs and for saying how they ended. What a job defers goes over Django's, as
    in every other process: a part of the transaction that it is deferred in, gone with it and not seen before it.
    """
    from procrastinate.contrib.django.utils import connector_params
    from procrastinate.psycopg_connector import PsycopgConnector

    class Connector(PsycopgConnector):
        def get_sync_connector(self) -> Any:
            return django

    return Connector(kwargs=connector_params(django.alias))


async def _until_told_to_stop(app: Any, concurrency: int, *, wait: bool) -> None:
    """A first signal lets running jobs end; those that do not end in time are taken up by the next worker."""
    own = asyncio.current_task()
    assert own
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        if not told.is_set():
            told.set()
            own.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop)
    try:
        async with asyncio.TaskGroup() as group:
            for place in places(app, concurrency):
                group.create_task(
                    app.run_worker_async(
                        **place,
                        wait=wait,
                        delete_jobs="successful",
                        update_heartbeat_interval=BEAT,
                        stalled_worker_timeout=SILENT,
                        shutdown_graceful_timeout=STOP_WITHIN,
                        install_signal_handlers=False,
                        worker_middleware=[_measured],
                    )
                )
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        own.uncancel()


async def _measured(run: Callable[[], Awaitable[Any]], context: Any, worker: object) -> Any:  # noqa: ARG001 -- as called
    from keqiao.kernel import measures

    with measures.job(context.job.task_name):
        return await run()


def places(app: Any, concurrency: int) -> list[dict[str, Any]]:
    """One place takes short jobs only, where there is more than one: what is new is found, and mail goes out, within seconds
    also while every other place computes matches or learns.
    """
    if concurrency < 2:
        return [{"concurrency": 1}]
    short = sorted({task.queue for task in app.tasks.values()} - LONG)
    return [{"concurrency": 1, "queues": short}, {"concurrency": concurrency - 1}]


async def _beat(env: Environment) -> None:
    while True:
        heartbeat.beat(env.data)
        await asyncio.sleep(heartbeat.EVERY)


async def _take_up(app: object) -> None:
    """Jobs of a worker that was killed would otherwise stand as being done for ever."""
    import procrastinate

    assert isinstance(app, procrastinate.App)
    while True:
        await asyncio.sleep(SILENT / 2)
        try:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT):
                log.warning("taking up a job of a dead worker", extra={"job": job.id, "task": job.task_name})
                await _again(app, job)
            await app.job_manager.prune_stalled_workers(seconds_since_heartbeat=SILENT * 3)
        except procrastinate.exceptions.ConnectorException as trouble:
            log.warning("the database is away: %s", trouble)


async def _again(app: Any, job: Any) -> None:
    """Where only one of a kind may wait and the next one does already, that one does the work of both: were this one left
    as being done, its lock would keep the other from ever beginning.
    """
    from procrastinate.exceptions import UniqueViolation
    from procrastinate.jobs import Status

    try:
        await app.job_manager.retry_job(job)
    except UniqueViolation:
        await app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)
