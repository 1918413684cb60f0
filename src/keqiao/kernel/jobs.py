"""The queues as they stand: read from the table of jobs."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection

SHOWN = 50  # kinds of jobs that a page lists


@dataclass(frozen=True)
class Queue:
    """Jobs of one queue. Only what could run now waits; what is meant for later does not."""

    name: str
    waiting: int
    running: int
    failed: int
    oldest: float  # seconds that the oldest one waits or runs


@dataclass(frozen=True)
class Running:
    task: str
    queue: str
    seconds: float


QUEUES = """
    WITH open AS (
        SELECT job.queue_name, job.status, job.scheduled_at,
            (SELECT min(event.at) FROM procrastinate_events event
             WHERE event.job_id = job.id AND event.type = 'deferred') AS since
        FROM procrastinate_jobs job
        WHERE job.status IN ('doing', 'failed')
            OR (job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())))
    SELECT queue_name, count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),
        count(*) FILTER (WHERE status = 'failed'),
        coalesce(extract(epoch FROM now() - min(greatest(since, scheduled_at)) FILTER (WHERE status <> 'failed')), 0)
    FROM open GROUP BY queue_name ORDER BY queue_name"""

RUNNING = """
    SELECT job.task_name, job.queue_name, coalesce(extract(epoch FROM now() -
        (SELECT max(event.at) FROM procrastinate_events event WHERE event.job_id = job.id AND event.type = 'started')), 0)
    FROM procrastinate_jobs job WHERE job.status = 'doing' ORDER BY 3 DESC, 1 LIMIT %s"""


def queues() -> list[Queue]:
    with connection.cursor() as cursor:
        cursor.execute(QUEUES)
        rows = cursor.fetchall()
    return [Queue(name, waiting, doing, failed, float(oldest)) for name, waiting, doing, failed, oldest in rows]


ALIKE = """
    SELECT id, args FROM procrastinate_jobs
    WHERE status = 'todo' AND task_name = %s AND args @> %s::jsonb AND attempts = 0 AND coalesce(scheduled_at, now()) <= now()
    ORDER BY id LIMIT %s"""


def waiting_alike(task: str, most: int, **arguments: str) -> dict[int, dict[str, Any]]:
    """The oldest jobs of a task that could run now and have these arguments: number → arguments. None that has failed: what
    it fails at would fail with it.
    """
    with connection.cursor() as cursor:
        cursor.execute(ALIKE, [task, json.dumps(arguments), most])
        return {number: args if isinstance(args, dict) else json.loads(args) for number, args in cursor.fetchall()}


def take_away(numbers: Collection[int]) -> None:
    """Jobs that wait and whose work another one has done."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo' AND id = ANY(%s)", [[*numbers]])


def running() -> list[Running]:
    """Jobs that run now, the longest first; what they are about is not told."""
    with connection.cursor() as cursor:
        cursor.execute(RUNNING, [SHOWN])
        return [Running(task, queue, float(seconds)) for task, queue, seconds in cursor.fetchall()]
