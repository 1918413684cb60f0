"""keqiao migrate"""

from __future__ import annotations

import argparse

from keqiao.cli import ground
from keqiao.runtime.environment import Environment

LOCK_TIMEOUT = "5s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="apply nothing; exit 1 when something is waiting")


def run(args: argparse.Namespace, env: Environment) -> int:
    with ground.django(env):
        if args.check:
            waiting = ground.unapplied()
            print("\n".join(waiting) or "nothing is waiting")
            return 1 if waiting else 0
        migrate(verbosity=1)
    return 0


def migrate(verbosity: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:  # rather fail and be run again than make every visitor queue behind a lock
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
    call_command("migrate", interactive=False, verbosity=verbosity)
