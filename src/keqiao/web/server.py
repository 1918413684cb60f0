"""One ASGI server: `main([application, host, port, workers, seconds for open requests at the end])`."""

from __future__ import annotations

from collections.abc import Sequence

from granian import Granian
from granian.constants import Interfaces

from keqiao.runtime.environment import tell_library


def main(arguments: Sequence[str]) -> None:
    target, host, port, workers, stop_within = arguments
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
        interface=Interfaces.ASGI,
        workers=int(workers),
        workers_kill_timeout=int(stop_within),
        websockets=False,
        log_access=False,
    ).serve()
