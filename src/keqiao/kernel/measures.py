"""What the processes measure of themselves: for Prometheus and OpenTelemetry, each only when a setting names it.

Without the settings nothing is imported and a stage costs one comparison. No measure carries what somebody searched for,
an address, a person or an item: routes are patterns, stages have fixed names.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from keqiao.runtime.environment import BadSetting, tell_library

REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1.0, 3.0)
JOB_BUCKETS = (0.05, 0.2, 0.5, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Observers:
    """Who wants to know; code that runs without Django's settings measures nothing."""

    requests: Any = None  # histograms
    stages: Any = None
    jobs: Any = None
    tracer: Any = None


observers = Observers()


def folder(data: Path) -> Path:
    """Where each process keeps its counts; whoever answers Prometheus adds them up."""
    return data / "run" / "metrics"


def prepare(data: Path, *, metrics: bool, traces_url: str) -> None:
    """At the start of every process. What a setting asks for and is not installed is said at once."""
    global observers  # noqa: PLW0603 -- one for the process, set once
    requests, stages, jobs = _histograms(data) if metrics else (None, None, None)
    observers = Observers(requests, stages, jobs, _tracer(traces_url) if traces_url else None)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """One stage of a search; its time goes to both, where they are wanted."""
    if observers.stages is None and observers.tracer is None:
        yield
        return
    began = time.monotonic()
    with span(f"search {name}"):
        yield
    if observers.stages is not None:
        observers.stages.labels(name).observe(time.monotonic() - began)


@contextlib.contextmanager
def job(task: str) -> Iterator[None]:
    """One try of a job, by its task's name; what it is about is not told."""
    began, outcome = time.monotonic(), "broken_off"  # by the end of the worker
    try:
        yield
        outcome = "done"
    except Exception:
        outcome = "failed"
        raise
    finally:
        if observers.jobs is not None:
            observers.jobs.labels(task, outcome).observe(time.monotonic() - began)


@contextlib.contextmanager
def span(name: str) -> Iterator[Any]:
    """A span of the trace, or None."""
    if observers.tracer is None:
        yield None
        return
    with observers.tracer.start_as_current_span(name) as made:
        yield made


def note_request(made: Any, method: str, route: str, status: int, seconds: float) -> None:
    known = method if method in METHODS else "other"
    if made is not None:
        made.update_name(f"{known} {route}")
        made.set_attributes({"http.request.method": known, "http.route": route, "http.response.status_code": status})
    if observers.requests is not None:
        observers.requests.labels(known, route, f"{status // 100}xx").observe(seconds)


def _histograms(data: Path) -> tuple[Any, Any, Any]:
    folder(data).mkdir(parents=True, exist_ok=True)
    tell_library("PROMETHEUS_MULTIPROC_DIR", str(folder(data)))  # read when the library is imported
    from prometheus_client import CollectorRegistry, Histogram

    own = CollectorRegistry()  # of this process; only the sums over all are ever told
    requests = Histogram(
        "keqiao_request_seconds",
        "Time to answer a request",
        ["method", "route", "status"],
        buckets=REQUEST_BUCKETS,
        registry=own,
    )
    about = "Time of one stage of a search"
    stages = Histogram("keqiao_search_stage_seconds", about, ["stage"], buckets=STAGE_BUCKETS, registry=own)
    about = "Time of one try of a job"
    jobs = Histogram("keqiao_job_seconds", about, ["task", "outcome"], buckets=JOB_BUCKETS, registry=own)
    return requests, stages, jobs


def _tracer(url: str) -> Any:
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise BadSetting("KEQIAO_TRACES_URL needs OpenTelemetry: pip install 'keqiao[traces]'")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "keqiao"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    return provider.get_tracer("keqiao")
