"""What the site does now: for the operators' page and for Prometheus. Nothing in it says who did what."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.db import connection

from keqiao.kernel import clock, jobs, partitions, progress, replicas
from keqiao.matching import index_moves, index_state, indexing, shadow
from keqiao.matching import selectors as matching
from keqiao.runtime import heartbeat

PROGRAMS = {"keqiao.web.server": "web", "keqiao.cli.worker": "worker", "keqiao.cli.metrics": "metrics"}


@dataclass(frozen=True)
class Process:
    name: str  # web, live, worker, metrics, database, supervisor
    number: int  # how many of the name
    memory: int  # bytes that are theirs alone or shared, of all of them


@dataclass(frozen=True)
class Backup:
    at: datetime
    bytes: int


@dataclass(frozen=True)
class State:
    heartbeat: float | None  # seconds since the worker's last
    queues: list[jobs.Queue]
    running: list[jobs.Running]
    works: list[progress.Work]
    pairs: matching.PairsProgress | None  # the last run over all pairs
    indexed: dict[str, int]  # kind → documents
    index_version: int | None
    index_engine: str
    move: index_moves.Sides | None  # of the index to the other engine
    shadow: shadow.Tally | None  # of visitors' searches asked of both
    processes: list[Process]
    database_bytes: int
    partitions: list[partitions.Partition]
    replicas: list[replicas.Standing]  # of the database, that lists are read from
    disk_free: int
    backup: Backup | None
    at: datetime

    @property
    def index_lag(self) -> float:
        """Seconds that the oldest change waits for the index."""
        return max((queue.oldest for queue in self.queues if queue.name == "index"), default=0.0)


def state() -> State:
    serving, sides, pairs = index_state.serving(), index_moves.under_way(), matching.last_pairs_run()
    return State(
        heartbeat=heartbeat.age(settings.DATA_DIR),
        queues=jobs.queues(),
        running=jobs.running(),
        works=[*as_work(pairs), *progress.known()],
        pairs=pairs,
        indexed=indexing.sizes(),
        index_version=serving.version if serving else None,
        index_engine=serving.engine if serving else "",
        move=sides,
        shadow=shadow.found() if sides else None,
        processes=processes(),
        database_bytes=_database_bytes(),
        partitions=partitions.standing(),
        replicas=replicas.standings(),
        disk_free=shutil.disk_usage(settings.DATA_DIR).free,
        backup=last_backup(),
        at=clock.now(),
    )


def as_work(found: matching.PairsProgress | None) -> list[progress.Work]:
    """The last run over all pairs, as other long work."""
    if found is None:
        return []
    outcome = {"running": "running", "done": "done", "stopped": "broken_off", "failed": "failed"}[found.state]
    at = found.ended_at or found.last_at or found.begun_at
    return [progress.Work("all_pairs", found.done, found.needs, outcome, found.begun_at, at)]


def _database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def last_backup() -> Backup | None:
    """What `keqiao backup` noted when it had finished."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        found = json.loads(heartbeat.backup_note(settings.DATA_DIR).read_text())
        return Backup(datetime.fromisoformat(found["at"]), int(found["bytes"]))
    return None


def processes() -> list[Process]:
    """Those of this site on this machine, by what they do; none when it was not started by `keqiao serve` or `demo`."""
    found: dict[str, list[int]] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
        card = json.loads((Path(settings.DATA_DIR) / "run" / "supervisor.json").read_text())
        head = psutil.Process(int(card["pid"]))
        found["supervisor"] = [_memory(head)]
        for child in head.children():
            name = _name(child)
            for each in [child, *child.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    found.setdefault(name, []).append(_memory(each))
    return [Process(name, len(sizes), sum(sizes)) for name, sizes in found.items()]


def _name(child: psutil.Process) -> str:
    words = child.cmdline()
    if "keqiao.web.live:application" in words:
        return "live"
    return next((name for module, name in PROGRAMS.items() if module in words), "other")


def _memory(process: psutil.Process) -> int:
    """Its own and its share of what it has in common with others, where the system says; else what is resident."""
    try:
        return int(getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


Row = tuple[str, str, dict[str, str], float]


def as_metrics(now: State) -> list[Row]:
    """Name, meaning, labels, value of each figure that is read when Prometheus asks."""
    rows: list[Row] = []

    def tell(name: str, meaning: str, value: float, **labels: str) -> None:
        rows.append((f"keqiao_{name}", meaning, labels, float(value)))

    if now.heartbeat is not None:
        tell("worker_heartbeat_age_seconds", "Since the worker's last sign of life", now.heartbeat)
    for queue in now.queues:
        tell("jobs_waiting", "Jobs that could run now", queue.waiting, queue=queue.name)
        tell("jobs_running", "Jobs that run", queue.running, queue=queue.name)
        tell("jobs_failed", "Jobs given up", queue.failed, queue=queue.name)
        tell("queue_age_seconds", "Age of the oldest unfinished job", queue.oldest, queue=queue.name)
    tell("index_lag_seconds", "How long the oldest change waits for the index", now.index_lag)
    for kind, count in now.indexed.items():
        tell("indexed_documents", "Documents of the index that serves", count, kind=kind)
    for work in now.works:
        tell("work_done", "How much of a long work is done", work.done, work=work.name, outcome=work.outcome)
        if work.total:
            tell("work_total", "Of how much", work.total, work=work.name, outcome=work.outcome)
    for process in now.processes:
        tell("memory_bytes", "Memory of the processes of a kind", process.memory, process=process.name)
    tell("database_bytes", "Size of the database", now.database_bytes)
    tell("disk_free_bytes", "Free on the disk of the data folder", now.disk_free)
    if now.backup:
        tell("backup_age_seconds", "Since the last backup", (now.at - now.backup.at).total_seconds())
    others = (
        _of_jobs(now.running),
        _of_pairs(now.pairs),
        _of_move(now),
        _of_partitions(now),
        _of_replicas(now.replicas),
    )
    return [*rows, *itertools.chain.from_iterable(others)]


def _of_jobs(running: list[jobs.Running]) -> Iterator[Row]:
    for task in sorted({job.task for job in running}):
        longest = max(job.seconds for job in running if job.task == task)
        yield "keqiao_job_running_seconds", "How long the longest job of a task runs", {"task": task}, longest


def _of_pairs(found: matching.PairsProgress | None) -> Iterator[Row]:
    """Of the run that is under way; of the last one only how many shards were given up."""
    if found is None:
        return
    left = found.shards - found.shards_done - found.failing if found.is_running else 0
    done = found.shards_done if found.is_running else 0
    for state, count in (("done", done), ("waiting", left), ("failing", found.failing)):
        yield "keqiao_all_pairs_shards", "Shards of the run over all pairs", {"state": state}, float(count)


def _of_partitions(now: State) -> Iterator[Row]:
    for part in now.partitions:
        if part.until is None:
            meaning = "Rows that came before a partition was opened for them; 1 where nobody knows how many"
            yield (
                "keqiao_last_partition_rows",
                meaning,
                {"table": part.table},
                float(1 if part.rows is None else part.rows),
            )


def _of_move(now: State) -> Iterator[Row]:
    """Of the index to the other engine, while one is under way."""
    if now.move is None:
        return
    move, which = now.move.move, {"source": now.move.move.source, "target": now.move.move.target}
    yield "keqiao_index_move_filled", "The other engine holds everything", which, float(move.is_filled)
    yield "keqiao_index_move_switched", "The new engine serves", which, float(now.move.has_switched)
    yield (
        "keqiao_index_move_trouble",
        "A change did not reach the side that does not serve",
        which,
        float(bool(move.trouble)),
    )
    if now.shadow and now.shadow.searches:
        yield "keqiao_index_move_overlap", "Of the first ten, what both engines found", which, now.shadow.share


def _of_replicas(standings: list[replicas.Standing]) -> Iterator[Row]:
    for one in standings:
        which = {"replica": one.alias}
        yield "keqiao_replica_up", "The replica answers and follows", which, float(not one.trouble)
        if one.bytes_behind is not None:
            yield "keqiao_replica_lag_bytes", "What it has not replayed", which, float(one.bytes_behind)
        if one.seconds_behind is not None:
            yield "keqiao_replica_lag_seconds", "Age of what it shows", which, one.seconds_behind


def as_context(now: State) -> dict[str, Any]:
    """For the page: whether something needs somebody's eye stands beside each figure."""
    return {
        "state": now,
        "worker_is_alive": now.heartbeat is not None and now.heartbeat <= heartbeat.TOO_OLD,
        "slow": {queue.name for queue in now.queues if queue.oldest > SLOW.get(queue.name, 600)},
        "backup_is_old": now.backup is None or (now.at - now.backup.at).total_seconds() > BACKUP_EVERY,
        "replica_lag": settings.REPLICA_LAG,
        "disk_is_short": now.disk_free < LEAST_FREE,
        "total_memory": sum(process.memory for process in now.processes),
    }


SLOW = {"index": 60.0}  # seconds after which a queue's oldest job is marked; others after ten minutes
BACKUP_EVERY = 36 * 3600.0
LEAST_FREE = 2_000_000_000
