"""keqiao demo"""

from __future__ import annotations

import argparse

from keqiao.cli import site
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "PORT and KEQIAO_DATA choose the address and the data folder; live pages listen on PORT+1."


def run(args: argparse.Namespace, env: Environment) -> int:  # noqa: ARG001 -- no options
    return site.run(env, demo=True)
