"""One server: `main([application, host, port, workers, seconds for open requests at the end])`.

An application named `warmed` is made by that function when a process starts, and serves WSGI; others are ASGI.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from granian import Granian
from granian.constants import Interfaces

from keqiao.runtime.environment import tell_library
from keqiao.runtime.memory import OF_A_SERVER

# Of one web process. Few of them compute at a time (keqiao.web.turns): the others read what a slow client sends, or wait.
THREADS = 32


def main(arguments: Sequence[str]) -> None:
    target, host, port, workers, stop_within = arguments
    logging.getLogger("_granian").addFilter(_is_wanted)
    is_wsgi = target.endswith(":warmed")
    for name, value in OF_A_SERVER.items():
        tell_library(name, value)
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
