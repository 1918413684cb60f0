"""What must be true before a site starts: tables, demo data, index.

A process of its own, so that the supervisor stays small.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings

from keqiao.cli import ground, prepared
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.migrate import migrate
from keqiao.cli.words import say
from keqiao.runtime.environment import Environment

DEMO = "--demo"
SHIPPED = {".toml", ".gz", ".md"}


def in_own_process(env: Environment, *, demo: bool) -> None:
    if prepared.is_current(env, demo=demo):
        return
    prepared.forget(env)
    own = [sys.executable, "-m", "keqiao.runtime.child", str(os.getpid()), "keqiao.cli.prepare"]
    done = subprocess.run([*own, *([DEMO] if demo else [])], check=False)
    if done.returncode:
        raise CommandTrouble("the site could not be prepared: see above, and `keqiao doctor`")
    prepared.note(env, demo=demo)


def main(arguments: Sequence[str]) -> int:
    from keqiao.cli.main import guarded

    return guarded(lambda: _prepare(demo=DEMO in arguments))


def _prepare(*, demo: bool) -> int:
    ground.load_django()
    try:
        if waiting := ground.unapplied():
            say(f"更新数据库结构（{len(waiting)} 项）…", f"updating the database's tables ({len(waiting)}) …")
            migrate(verbosity=0)
        _load_shipped()
        if demo:
            _load_demo()
        _build_index()
    finally:
        ground.close_connections()
    return 0


def _load_shipped() -> None:
    """Rule packs and code tables of this release, when they are not in the database yet."""
    from keqiao.accounts import services as accounts
    from keqiao.accounts.services.consents import SHIPPED as AGREEMENTS
    from keqiao.catalogue import codes
    from keqiao.kernel import parameters
    from keqiao.kernel.models import Parameter
    from keqiao.parties import selectors as parties

    file = settings.DATA_DIR / "run" / "shipped"
    wanted = _digest((parameters.FOLDER, codes.FOLDER, AGREEMENTS))
    if Parameter.objects.exists() and file.exists() and file.read_text() == wanted:
        return
    say("装入规则包和代码表…", "loading rule packs and code tables …")
    parameters.load_packs(actor=parties.system())
    codes.load(actor=parties.system())
    accounts.load_agreements(actor=parties.system())
    file.write_text(wanted)


def _digest(folders: Iterable[Path]) -> str:
    sha = hashlib.sha256()
    for file in sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in SHIPPED):
        sha.update(file.name.encode() + b"\0" + file.read_bytes())
    return sha.hexdigest()


def _load_demo() -> None:
    from keqiao.demo import loader

    if not loader.is_loaded():
        say("装入演示城市澜江…", "loading the demo city Lanjiang …")
        loader.load(progress=lambda text: print(f"  {text}", flush=True))


def _build_index() -> None:
    from keqiao.matching import indexing

    if not indexing.is_ready():
        from keqiao.cli.reindex import rebuild

        say("建立检索索引…", "building the search index …")
        rebuild(apart=True)
