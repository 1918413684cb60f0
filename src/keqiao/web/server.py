"""One server: `main([application, host, port, workers, seconds for open requests at the end])`.

An application named `warmed` is made by that function when a process starts, and serves WSGI; others are ASGI.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from granian import Granian
from granian.constants import Interfaces

from keqiao.runtime.environment import tell_library

# Of one web process. Few of them compute at a time (keqiao.web.turns): the others read what a slow client sends, or wait.
THREADS = 32


def main(arguments: Sequence[str]) -> None:
    target, host, port, workers, stop_within = arguments
    logging.getLogger("_granian").addFilter(_is_wanted)
    is_wsgi = target.endswith(":warmed")
    # Each request has a thread of its own, and the C library would give each of these a heap that it never shrinks.
    tell_library("MALLOC_ARENA_MAX", "2")
    tell_library("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Large pieces go back to the system when they are freed, instead of leaving holes that grow with every search.
    tell_library("MALLOC_MMAP_THRESHOLD_", str(128 * 1024))
    tell_library("MALLOC_TRIM_THRESHOLD_", str(1024 * 1024))
    Granian(
        target,
        address=host,
        port=int(port),
        interface=Interfaces.WSGI if is_wsgi else Interfaces.ASGI,
        factory=is_wsgi,
        blocking_threads=THREADS if is_wsgi else None,
        workers=int(workers),
        workers_kill_timeout=int(stop_within),
        websockets=False,
        log_access=False,
    ).serve()


def _is_wanted(record: logging.LogRecord) -> bool:
    """The server warns of more threads than cores; ours take turns."""
    return "seems quite high" not in record.getMessage()
