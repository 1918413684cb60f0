"""Measures: nothing unless asked; a missing library is said; progress of long work."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from keqiao.kernel import clock, jobs, measures, progress
from keqiao.kernel.models import Progress
from keqiao.runtime.environment import BadSetting, read_environment


@pytest.mark.slow
def test_a_plain_process_imports_no_observer() -> None:
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'keqiao.web.settings'; import django; django.setup(); "
        "from keqiao.kernel import measures\nwith measures.stage('words'): pass\n"
        "print([m for m in ('prometheus_client', 'opentelemetry.sdk', 'pymilvus') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"KEQIAO_METRICS": "9464"}, "KEQIAO_METRICS='9464'"),
        ({"KEQIAO_METRICS": "127.0.0.1:99999"}, "127.0.0.1:9464"),
        ({"KEQIAO_METRICS": "0.0.0.0:9464"}, "KEQIAO_METRICS_TOKEN"),
        ({"KEQIAO_METRICS": "0.0.0.0:9464", "KEQIAO_METRICS_TOKEN": "short"}, "KEQIAO_METRICS_TOKEN"),
        ({"KEQIAO_TRACES_URL": "collector"}, "KEQIAO_TRACES_URL"),
    ],
)
def test_a_setting_that_would_tell_strangers_or_nobody_is_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadSetting, match=named):
        read_environment(given)


def test_loopback_needs_no_token() -> None:
    assert read_environment({"KEQIAO_METRICS": "[::1]:9464"}).metrics == "[::1]:9464"


def test_traces_without_the_library_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measures, "find_spec", lambda _name: None)
    with pytest.raises(BadSetting, match=r"keqiao\[traces\]"):
        measures.prepare(tmp_path, metrics=False, traces_url="http://127.0.0.1:4318")


@pytest.mark.django_db
def test_work_that_ends_fails_or_is_broken_off_is_told_apart() -> None:
    with progress.of("reindex", 200) as tell:
        tell(50)
        (row,) = progress.known()
        assert (row.name, row.outcome, row.total) == ("reindex", "running", 200)
        tell(200)
    (row,) = progress.known()
    assert (row.outcome, row.done, row.percent) == ("done", 200, 100)
    with pytest.raises(ZeroDivisionError), progress.of("reindex"):
        raise ZeroDivisionError
    (row,) = progress.known()
    assert (row.outcome, row.percent) == ("failed", None)
    Progress.objects.update(outcome="running", at=clock.now() - timedelta(minutes=6))
    assert progress.known()[0].outcome == "broken_off"


@pytest.mark.django_db
def test_queues_count_what_could_run_and_how_long_it_waits() -> None:
    with connection.cursor() as cursor:
        for queue, status, since, scheduled in [
            ("index", "todo", "90 seconds", None),
            ("index", "todo", "30 seconds", None),
            ("index", "todo", "1 day", "1 hour"),  # meant for later
            ("mail", "failed", "2 days", None),
            ("mail", "doing", "5 seconds", None),
            ("done", "succeeded", "5 seconds", None),
        ]:
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at) "
                "VALUES (%s, 'task', %s::procrastinate_job_status, now() + %s::interval) RETURNING id",
                [queue, status, scheduled],
            )
            (job,) = cursor.fetchone()
            cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", [job])
            for kind in ("deferred", "started"):
                cursor.execute(
                    "INSERT INTO procrastinate_events (job_id, type, at) "
                    "VALUES (%s, %s::procrastinate_job_event_type, now() - %s::interval)",
                    [job, kind, since],
                )
    found = {queue.name: (queue.waiting, queue.running, queue.failed, round(queue.oldest)) for queue in jobs.queues()}
    assert found == {"index": (2, 0, 0, 90), "mail": (0, 1, 1, 5)}
    assert [(job.queue, round(job.seconds)) for job in jobs.running()] == [("mail", 5)]
