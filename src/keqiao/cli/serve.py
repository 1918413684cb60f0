"""keqiao serve"""

from __future__ import annotations

import argparse

from keqiao.cli import site
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Settings come from the environment: docs/reference/settings.md. A guide: docs/guides/run-a-site.md."
    )


def run(args: argparse.Namespace, env: Environment) -> int:  # noqa: ARG001 -- no options
    return site.run(env, demo=False)
