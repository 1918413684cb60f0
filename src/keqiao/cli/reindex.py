"""keqiao reindex"""

from __future__ import annotations

import argparse
import time

from keqiao.cli import ground
from keqiao.cli.words import say
from keqiao.runtime.environment import Environment
from keqiao.runtime.processes import spare_threads


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace, env: Environment) -> int:  # noqa: ARG001 -- no options
    spare_threads()
    with ground.django(env):
        ground.require_migrations()
        rebuild()
    return 0


def rebuild(*, apart: bool = False) -> None:
    """`apart`: of a large site in a process that ends, for one that does not."""
    from keqiao.matching import indexing, tasks

    began = time.monotonic()
    (indexing.rebuild_apart if apart else indexing.rebuild)(progress=_show)
    tasks.look_for_stale_matches()
    tasks.look_for_lacking_excerpts()
    took = time.monotonic() - began
    say(f"索引已重建，用时 {took:.1f} 秒", f"the index is rebuilt, in {took:.1f} s")


def _show(text: str) -> None:
    print(f"  {text}", flush=True)
