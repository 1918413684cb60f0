"""keqiao backup FILE"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from keqiao.cli import archive, ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import say
from keqiao.runtime import heartbeat, postgres
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, help="the archive to write, for example backup.tar.gz; it holds keys: keep it safe"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace, env: Environment) -> int:
    target: Path = args.file.resolve()
    if target.exists() and not args.force:
        raise CommandTrouble(f"{target} exists: choose another name, or replace it with --force")
    if not target.parent.is_dir():
        raise CommandTrouble(f"there is no folder {target.parent}: make it first")
    ground.open_data_folder(env)
    with postgres.using(env):
        manifest = archive.write(env, target)
    note = heartbeat.backup_note(env.data)
    note.write_text(json.dumps({"at": manifest.made_at, "bytes": target.stat().st_size}))
    rows, files, size = sum(manifest.tables.values()), len(manifest.members) - 1, target.stat().st_size / 1e6
    say(
        f"已备份到 {target}：{rows} 行，{files} 个文件，{size:.1f} MB",
        f"backed up to {target}: {rows} rows, {files} files, {size:.1f} MB",
    )
    return 0
