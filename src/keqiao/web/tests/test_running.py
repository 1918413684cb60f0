"""The page 运行状况, and what Prometheus is told."""

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from keqiao.kernel import jobs, measures, partitions, progress, replicas
from keqiao.matching import index_moves, index_state, shadow
from keqiao.matching.selectors import PairsProgress
from keqiao.matching.types import RunState
from keqiao.parties.tests.factories import make_operator, user_of
from keqiao.runtime import heartbeat
from keqiao.web import metrics, running


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[metrics.Server]:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    with metrics.Server("127.0.0.1", 0, "a-token-of-some-length") as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def ask(server: metrics.Server, path: str, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_only_who_has_the_token_is_told(server: metrics.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "text", lambda: b"keqiao_up 1.0\n")
    assert ask(server, "/metrics")[0] == 401
    assert ask(server, "/metrics", "a-token-of-some-lengtH")[0] == 401
    assert ask(server, "/metrics", "a-token-of-some-length") == (200, "keqiao_up 1.0\n")
    assert ask(server, "/", "a-token-of-some-length")[0] == 404


@pytest.mark.django_db
def test_figures_are_told_as_prometheus_reads_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    monkeypatch.setattr(metrics, "close_old_connections", lambda: None)  # the test's own transaction stays
    (tmp_path / "run").mkdir()
    note = {"at": "2026-11-27T00:00:00+00:00", "bytes": 5_000}
    heartbeat.backup_note(tmp_path).write_text(json.dumps(note))
    (tmp_path / "run" / "supervisor.json").write_text(json.dumps({"pid": os.getpid()}))
    with progress.of("reindex", 10) as tell:
        tell(10)
    lines = metrics.text().decode().splitlines()
    assert "keqiao_up 1.0" in lines
    assert "keqiao_index_lag_seconds 0.0" in lines
    assert 'keqiao_work_done{outcome="done",work="reindex"} 10.0' in lines
    names = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    assert names >= {
        "keqiao_backup_age_seconds",
        "keqiao_database_bytes",
        "keqiao_disk_free_bytes",
        "keqiao_memory_bytes",
    }


@pytest.mark.django_db
def test_only_operators_find_the_page_and_it_costs_the_same_however_much_runs(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    assert client.get("/admin/health").status_code == 302
    client.force_login(user_of(make_operator()), backend="django.contrib.auth.backends.ModelBackend")
    with django_assert_max_num_queries(15):
        answer = client.get("/admin/health")
    assert answer.status_code == 200
    assert "还没有长任务运行过" in answer.content.decode()
    for n in range(5):
        with progress.of(f"work-{n}", 10) as tell:
            tell(10)
    with django_assert_max_num_queries(15):
        text = client.get("/admin/health").content.decode()
    assert text.count("已完成") == 5


@pytest.mark.django_db
def test_jobs_runs_over_all_pairs_and_moves_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = running.state()
    ran = [jobs.Running("a.b.match", "matches", 3.0), jobs.Running("a.b.match", "matches", 9.0)]
    at = now.at
    pairs = PairsProgress("QP-1", RunState.RUNNING, 500, 200, 5, 2, 9, 1, at, None, at, 1, 2, "KeyError", at)
    move = index_state.Move("lance", "milvus", 3, at.isoformat(), is_filled=True)
    sides = index_moves.Sides(move, index_state.Serving(3, "m"))
    now = replace(now, running=ran, pairs=pairs, move=sides, shadow=shadow.Tally(4, 3.0))
    told = {(name, *labels.values()): value for name, _m, labels, value in running.as_metrics(now)}
    assert {key: value for key, value in told.items() if key[0].startswith(("keqiao_job_r", "keqiao_all", "keqiao_index_m"))} == {
        ("keqiao_job_running_seconds", "a.b.match"): 9.0,
        ("keqiao_all_pairs_shards", "done"): 2.0,
        ("keqiao_all_pairs_shards", "waiting"): 2.0,
        ("keqiao_all_pairs_shards", "failing"): 1.0,
        ("keqiao_index_move_filled", "lance", "milvus"): 1.0,
        ("keqiao_index_move_switched", "lance", "milvus"): 0.0,
        ("keqiao_index_move_trouble", "lance", "milvus"): 0.0,
        ("keqiao_index_move_overlap", "lance", "milvus"): 0.75,
    }  # fmt: skip
    ended = replace(now, pairs=replace(pairs, state=RunState.FAILED), move=None)
    told = {(name, *labels.values()): value for name, _m, labels, value in running.as_metrics(ended)}
    assert [value for key, value in told.items() if key[0] == "keqiao_all_pairs_shards"] == [0.0, 0.0, 1.0]
    assert [work.outcome for work in running.as_work(ended.pairs)] == ["failed"]


@pytest.mark.django_db
def test_replicas_are_told_with_what_they_lack(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    standings = [
        replicas.Standing("replica1", "db2:5432", bytes_behind=0, seconds_behind=0.0),
        replicas.Standing("replica2", "db3:5432", bytes_behind=4_000_000, seconds_behind=93.5),
        replicas.Standing("replica3", "db4:5432", "away"),
    ]
    monkeypatch.setattr(replicas, "standings", lambda: standings)
    client.force_login(user_of(make_operator()), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/admin/health").content.decode()
    assert [page.count(word) for word in ("在用", "太落后，改读主库", "连不上，改读主库", "93.5 秒")] == [1, 1, 1, 1]
    told = {
        (name, labels["replica"]): value
        for name, _m, labels, value in running.as_metrics(running.state())
        if labels.get("replica")
    }
    assert told == {
        ("keqiao_replica_up", "replica1"): 1.0,
        ("keqiao_replica_lag_bytes", "replica1"): 0.0,
        ("keqiao_replica_lag_seconds", "replica1"): 0.0,
        ("keqiao_replica_up", "replica2"): 1.0,
        ("keqiao_replica_lag_bytes", "replica2"): 4_000_000.0,
        ("keqiao_replica_lag_seconds", "replica2"): 93.5,
        ("keqiao_replica_up", "replica3"): 0.0,
    }


@pytest.mark.django_db
def test_partitions_are_listed_and_one_that_was_not_opened_in_time_is_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(user_of(make_operator()), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/admin/health").content.decode()
    assert "kernel_event_from_10000000" in page
    assert "250,000 以前" in page
    assert "没有及时预开" not in page
    late = partitions.Partition("kernel_event", "kernel_event_from_30000000", 30_000_000, None, 7, 8192)
    monkeypatch.setattr(partitions, "standing", lambda: [late])
    assert "没有及时预开" in client.get("/admin/health").content.decode()
    told = [row for row in running.as_metrics(running.state()) if row[0] == "keqiao_last_partition_rows"]
    assert [(labels, value) for _name, _meaning, labels, value in told] == [({"table": "kernel_event"}, 7.0)]
    assert [replace(late, rows=rows).is_late for rows in (0, None, 7)] == [False, True, True]
    assert not replace(late, until=40_000_000).is_late


@pytest.mark.slow
def test_counts_of_two_processes_are_added_up(tmp_path: Path) -> None:
    told = "from keqiao.kernel import measures\nmeasures.note_request(None, 'GET', '/search', 200, 0.03)\n"
    asked = "from keqiao.web import metrics; metrics._Now.collect = lambda self: []; print(metrics.text().decode())"
    lines = [process(told, tmp_path), process(told, tmp_path), process(asked, tmp_path)][-1].splitlines()
    assert 'keqiao_request_seconds_count{method="GET",route="/search",status="2xx"} 2.0' in lines


def process(code: str, data: Path) -> str:
    setup = "import django; django.setup()\n"
    environ = {**os.environ, "KEQIAO_DATA": str(data), "KEQIAO_METRICS": "127.0.0.1:9464"}
    environ |= {"DJANGO_SETTINGS_MODULE": "keqiao.web.settings"}
    done = subprocess.run([sys.executable, "-c", setup + code], env=environ, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_trace_names_the_route_and_never_what_was_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(measures, "observers", measures.Observers(tracer=provider.get_tracer("test")))
    Client().get("/healthz?q=secret")
    with measures.stage("words"):
        pass
    spans = {span.name: dict(span.attributes or {}) for span in kept.get_finished_spans()}
    assert spans == {
        "GET /healthz": {"http.request.method": "GET", "http.route": "/healthz", "http.response.status_code": 200},
        "search words": {},
    }


def test_no_process_is_shown_when_none_was_started_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    assert running.processes() == []
    assert running.last_backup() is None
