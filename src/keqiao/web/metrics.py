"""What is told to Prometheus, where KEQIAO_METRICS says; no process of it runs without the setting.

A port of its own, so that no reverse proxy of the site leads to it by mistake.
"""

from __future__ import annotations

import hmac
import logging
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.db import Error, close_old_connections
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from psycopg_pool import PoolTimeout

from keqiao.kernel import measures
from keqiao.web import running

log = logging.getLogger(__name__)
LONGEST_WAIT = 10.0  # seconds for one request to be sent


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, token: str) -> None:
        self.token = token
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = LONGEST_WAIT
    server_version, sys_version = "keqiao", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self._answer(404, b"only /metrics is here\n")
        elif self.server.token and not self._has_token():
            self._answer(401, b"the token of KEQIAO_METRICS_TOKEN is needed\n", {"WWW-Authenticate": "Bearer"})
        else:
            self._answer(200, text(), {"Content-Type": CONTENT_TYPE_LATEST})

    def _has_token(self) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.server.token}".encode())

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        """Every fifteen seconds one line would say nothing."""


def text() -> bytes:
    """The sums over all processes, and how things stand now."""
    registry = CollectorRegistry()
    measures.folder(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    MultiProcessCollector(registry, path=str(measures.folder(settings.DATA_DIR)))
    registry.register(_Now())
    return generate_latest(registry)


class _Now:
    """Gauges that are read when asked; without a database there is `keqiao_up 0` and nothing else."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        rows: list[tuple[str, str, dict[str, str], float]] = []
        try:
            close_old_connections()
            rows = running.as_metrics(running.state())
        except (Error, PoolTimeout) as trouble:
            log.warning("nothing to tell Prometheus", extra={"error": type(trouble).__name__})
        finally:
            close_old_connections()
        yield GaugeMetricFamily("keqiao_up", "The database answers", value=float(bool(rows)))
        families: dict[str, GaugeMetricFamily] = {}
        for name, meaning, labels, value in rows:
            family = families.setdefault(name, GaugeMetricFamily(name, meaning, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        yield from families.values()
