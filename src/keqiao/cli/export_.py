"""keqiao export KIND: everything of a kind, for the administrator of the server; or what somebody may see."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from keqiao.cli import ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.import_ import KINDS, actor_of
from keqiao.cli.words import is_chinese, say
from keqiao.runtime.environment import Environment

FORMATS = ("csv", "xlsx", "jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS, help="what to export")
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="the file; its ending says the format. Without: JSONL on the screen"
    )
    parser.add_argument("--as", dest="email", metavar="EMAIL", help="only what this person may see")
    parser.add_argument("--organisation", metavar="CODE", default="", help="only of one organisation")


def run(args: argparse.Namespace, env: Environment) -> int:
    extension = args.to.suffix.lower().lstrip(".") if args.to else "jsonl"
    if extension not in FORMATS:
        raise CommandTrouble(f"the file's ending says the format: .csv, .xlsx or .jsonl, not {args.to.name!r}")
    with ground.django(env):
        ground.require_migrations()
        from django.utils import translation

        with translation.override("zh-hans" if is_chinese() else "en"):
            return _export(args, extension)


def _export(args: argparse.Namespace, extension: str) -> int:
    from keqiao.interchange import exporting, sending

    wanted = exporting.Wanted(kind=args.kind, organisation=args.organisation)
    rows = exporting.rows_for(actor_of(args.email), wanted)
    if args.to is None:
        for part in sending.json_parts(rows):
            sys.stdout.write(part)
        return 0
    sending.write_export(args.kind, rows, args.to, extension)
    say(f"已导出到 {args.to}", f"exported to {args.to}")
    return 0
