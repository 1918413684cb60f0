"""The process that answers Prometheus: a child of the supervisor when KEQIAO_METRICS names an address."""

from __future__ import annotations

from collections.abc import Sequence

from keqiao.cli import ground
from keqiao.runtime.environment import metrics_address, read_environment


def main(arguments: Sequence[str] = ()) -> None:  # noqa: ARG001 -- as the supervisor calls its programs
    ground.load_django(is_for_people=False)
    from keqiao.web.metrics import Server

    env = read_environment()
    with Server(*metrics_address(env.metrics), env.metrics_token) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            ground.close_connections()
