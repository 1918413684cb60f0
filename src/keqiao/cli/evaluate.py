"""keqiao evaluate: no database, no data folder."""

from __future__ import annotations

import argparse

from keqiao.cli.errors import CommandTrouble
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from keqiao.matching import evaluation

    evaluation.add_arguments(parser)


def run(args: argparse.Namespace, env: Environment) -> int:  # noqa: ARG001 -- reads no setting
    from keqiao.matching import evaluation

    try:
        return evaluation.run(args) or 0
    except FileNotFoundError as missing:
        raise CommandTrouble(f"there is no file {missing.filename}: name one of the collection") from missing
