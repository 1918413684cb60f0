"""The worker: long jobs leave a place for short ones, and a signal lets what runs come to its end."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job
from prometheus_client import CollectorRegistry, Histogram

from keqiao.cli.worker import LONG, _again, _measured, connector_beside, places
from keqiao.kernel import measures
from tests.running_sites import Site, new_site, wait_for

# Jobs of this test's own, by the file names they leave: long ones go on until they are told to end.
WORKER = """
import asyncio, time
from pathlib import Path
from procrastinate.contrib.django import app
from keqiao.cli import worker
from keqiao.runtime.environment import read_environment
told = Path("{told}")
@app.task(queue="matches", name="long_one")
def long_one(number):
    (told / f"began{{number}}").touch()
    while not (told / "end").exists():
        time.sleep(0.05)
    (told / f"ended{{number}}").touch()
@app.task(queue="index", name="short_one")
def short_one():
    (told / "short").touch()
for number in range(3):
    long_one.defer(number=number)
short_one.defer()
asyncio.run(worker._work(read_environment(), 2, wait=True))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        yield found


@pytest.mark.slow
@pytest.mark.enable_socket
def test_a_short_job_passes_long_ones_and_a_signal_lets_them_end(site: Site, tmp_path: Path) -> None:
    def is_there(name: str) -> bool:
        return (tmp_path / name).exists()

    worker = site.start_python(WORKER.format(told=tmp_path))
    try:
        wait_for(lambda: is_there("began0") and is_there("short"), 90, "the long and the short job to begin")
        assert not is_there("ended0")
        assert not is_there("began1")
        worker.send_signal(signal.SIGTERM)
        (tmp_path / "end").touch()
        assert worker.wait(60) == 0, worker.communicate()[1]
        assert is_there("ended0")
        assert not is_there("began1")  # told to stop, it begins nothing
    finally:
        worker.kill()
        worker.communicate()


@pytest.mark.django_db(transaction=True)
def test_a_job_of_a_dead_worker_gives_way_to_its_twin_that_waits() -> None:
    """Taken up, two of them would wait, which their queueing lock forbids; left, its lock would keep the twin out for ever."""
    task = app.tasks["keqiao.matching.tasks.go_on_with_all_pairs"]
    dead = job_of(task.defer(timestamp=1))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [dead.id])
    async_to_sync(_again)(app, dead)
    assert jobs(since=dead.id) == [(dead.id, "todo")]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [dead.id])
    twin = task.defer(timestamp=2)
    async_to_sync(_again)(app, dead)
    assert jobs(since=dead.id) == [(twin, "todo")]


@pytest.mark.django_db(transaction=True)
def test_what_a_job_defers_comes_and_goes_with_its_transaction() -> None:
    task = app.tasks["keqiao.kernel.tasks.dispatch_event"]
    with app.replace_connector(connector_beside(app.connector)):
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            first = task.defer(event_id=1)
            raise ZeroDivisionError
        with transaction.atomic():
            second = task.defer(event_id=2)
    assert jobs(since=first) == [(second, "todo")]


def job_of(job_id: int) -> Job:
    return Job(id=job_id, queue="pairs", lock=None, queueing_lock=None, task_name="any")


def jobs(since: int) -> list[tuple[int, str]]:
    return list(ProcrastinateJob.objects.filter(id__gte=since).order_by("id").values_list("id", "status"))


def test_every_long_queue_is_one_that_jobs_use() -> None:
    short, every = places(app, 3)
    assert {task.queue for task in app.tasks.values()} == {*short["queues"], *LONG}
    assert (short["concurrency"], every) == (1, {"concurrency": 2})
    assert places(app, 1) == [{"concurrency": 1}]


def test_each_try_of_a_job_is_measured_by_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    histogram = Histogram("jobs", "x", ["task", "outcome"], registry=registry)
    monkeypatch.setattr(measures, "observers", measures.Observers(jobs=histogram))
    context = SimpleNamespace(job=SimpleNamespace(task_name="a.b.match"))

    async def well() -> int:
        return 7

    async def badly() -> int:
        raise ValueError("bad")

    assert asyncio.run(_measured(well, context, None)) == 7
    with pytest.raises(ValueError, match="bad"):
        asyncio.run(_measured(badly, context, None))
    counts = {
        name: registry.get_sample_value("jobs_count", {"task": "a.b.match", "outcome": name})
        for name in ("done", "failed")
    }
    assert counts == {"done": 1.0, "failed": 1.0}
