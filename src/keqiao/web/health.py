"""Is the process alive, and is the platform ready to serve."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from keqiao.inference import selectors as inference
from keqiao.matching import indexing
from keqiao.runtime import heartbeat

log = logging.getLogger(__name__)


def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    """The process answers. Asks nothing of the database."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    """Database, migrations, index and worker; 503 names what is missing, without details a stranger could use.

    `models` says how outside models do; the site is ready without them.
    """
    checks = {
        "database": _database(),
        "migrations": False,
        "index": False,
        "worker": heartbeat.is_alive(settings.DATA_DIR),
    }
    if checks["database"]:
        checks["migrations"] = _migrated()
        checks["index"] = indexing.is_ready()
    ready = all(checks.values())
    models = inference.health() if checks["migrations"] else {}
    return JsonResponse({"ready": ready, "checks": checks, "models": models}, status=200 if ready else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        log.warning("database does not answer")
        return False
    return True


def _migrated() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return False
