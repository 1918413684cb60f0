"""keqiao restore FILE"""

from __future__ import annotations

import argparse
from pathlib import Path

from keqiao.cli import archive, ground, prepared
from keqiao.cli.words import say
from keqiao.runtime import postgres, supervisor
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="an archive that `keqiao backup` wrote")
    parser.add_argument("--force", action="store_true", help="replace what this site holds now")
    parser.add_argument("--no-index", action="store_true", help="do not rebuild the search index afterwards")


def run(args: argparse.Namespace, env: Environment) -> int:
    ground.open_data_folder(env)
    supervisor.check_single(env)
    with postgres.using(env):
        prepared.forget(env)
        manifest = archive.read(env, args.file.resolve(), force=args.force)
        rows, files = sum(manifest.tables.values()), len(manifest.members) - 1
        say(
            f"已恢复 {manifest.made_at} 的备份：{rows} 行，{files} 个文件，逐表核对一致",
            f"restored the backup of {manifest.made_at}: {rows} rows, {files} files, compared table by table",
        )
        if not args.no_index:
            _bring_up_to_date()
    return 0


def _bring_up_to_date() -> None:
    """A backup of an older version gets the new tables; the index is built from the rows."""
    from keqiao.cli.migrate import migrate
    from keqiao.cli.reindex import rebuild

    ground.load_django()
    try:
        if ground.unapplied():
            migrate(verbosity=0)
        rebuild()
    finally:
        ground.close_connections()
