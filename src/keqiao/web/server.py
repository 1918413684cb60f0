"""One ASGI server: `main([application, host, port, workers, seconds for open requests at the end])`."""

from __future__ import annotations

from collections.abc import Sequence

from granian import Granian
from granian.constants import Interfaces


def main(arguments: Sequence[str]) -> None:
    target, host, port, workers, stop_within = arguments
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
