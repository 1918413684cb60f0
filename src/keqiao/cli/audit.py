"""keqiao audit verify"""

from __future__ import annotations

import argparse

from keqiao.cli import ground
from keqiao.cli.words import say
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["verify"], help="verify: walk the chain and name the first broken row")


def run(args: argparse.Namespace, env: Environment) -> int:  # noqa: ARG001 -- one choice
    with ground.django(env):
        ground.require_migrations()
        from keqiao.kernel import sealing
        from keqiao.kernel.models import Event, Seal

        broken = sealing.verify()
        if broken is None:
            sealed, waiting = Seal.objects.count(), Event.objects.filter(seal=None).count()
            say(
                f"存证链完整：{sealed} 条已封存，{waiting} 条待封存",
                f"the chain holds: {sealed} sealed, {waiting} waiting",
            )
            return 0
        say(
            f"存证链在第 {broken.number} 号封存处断开（事件 {broken.event_id}）：{broken.reason}",
            f"the chain is broken at seal {broken.number} (event {broken.event_id}): {broken.reason}",
        )
    return 1
