"""A site in one file: the database as pg_dump writes it, stored files, keys, and a manifest of what it should be.

The search index is not in it: nothing lives only there, so a restore rebuilds it. Nor are the rows that jobs make again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg
from psycopg import sql

from keqiao import __version__
from keqiao.cli.errors import CommandTrouble
from keqiao.runtime import postgres
from keqiao.runtime.environment import Environment

FORMAT = 1
MANIFEST = "manifest.json"
DUMP = "database.dump"
FOLDERS = ("files", "keys")
LOOSE = ("demo.json",)
MADE_AGAIN = "matching_excerpt"  # a table as large as the rest; matching reads the items themselves until it is filled
CHUNK = 1024 * 1024
Where = Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """What is in the archive, written at its very start."""

    format: int
    keqiao: str
    made_at: str
    server_version: int
    tables: dict[str, int]  # name → rows, counted in the same snapshot as the dump
    members: dict[str, str]  # path → sha256
    index: str = "rebuild"


# ── Backup ───────────────────────────────────────────────────────────────────


def write(env: Environment, target: Path) -> Manifest:
    """Back up while the site runs: one snapshot of the database; files never change once they are stored."""
    where = postgres.conninfo(env)
    draft = target.with_name(f".{target.name}.part")
    with _scratch(env) as scratch:
        dump = scratch / DUMP
        version, tables = _dump(where, dump)
        # After the dump: every file that the snapshot names is on disk by now.
        members = {DUMP: dump, **{name: env.data / name for name in _present(env)}}
        manifest = Manifest(
            FORMAT, __version__, datetime.now(UTC).isoformat(timespec="seconds"), version, tables,
            {name: _digest(path) for name, path in members.items()},
        )  # fmt: skip
        (scratch / MANIFEST).write_text(json.dumps(asdict(manifest), ensure_ascii=False, indent=1))
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:  # it holds keys
                with tarfile.open(fileobj=out, mode="w:gz", compresslevel=3) as tar:
                    for name, path in {MANIFEST: scratch / MANIFEST, **members}.items():
                        tar.add(path, arcname=name, recursive=False, filter=_plain)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    return manifest


def _present(env: Environment) -> list[str]:
    found = [name for name in LOOSE if (env.data / name).is_file()]
    for folder in FOLDERS:
        stored = (path for path in sorted((env.data / folder).rglob("*")) if path.is_file() and not _is_draft(path))
        found.extend(path.relative_to(env.data).as_posix() for path in stored)
    return found


def _is_draft(path: Path) -> bool:
    """A file that is being stored just now."""
    return path.name.startswith((".", "tmp"))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of this machine's accounts."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _dump(where: Where, target: Path) -> tuple[int, dict[str, int]]:
    with psycopg.connect(**where) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        version = connection.info.server_version
        snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot
        tables = _count_rows(connection)
        _program(
            "pg_dump",
            version,
            where,
            [
                "--format=custom",
                "--no-owner",
                "--no-privileges",
                f"--exclude-table-data={MADE_AGAIN}",
                f"--snapshot={snapshot[0]}",
                f"--file={target}",
            ],
        )
    return version, tables


def _count_rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    names = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> %s ORDER BY 1, 2",
        [MADE_AGAIN],
    ).fetchall()
    counts = {}
    for schema, table in names:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
        counts[f"{schema}.{table}"] = row[0] if row else 0
    return counts


# ── Restore ──────────────────────────────────────────────────────────────────


def read(env: Environment, source: Path, *, force: bool) -> Manifest:
    """Restore into a new database and new folders beside the present ones, compare, and only then change places."""
    where = postgres.conninfo(env)
    if not force and (found := _contents(env, where)):
        raise CommandTrouble(
            f"this site is not empty ({found}): restore into an empty KEQIAO_DATA or database, "
            "or replace everything with --force"
        )
    with _scratch(env) as scratch:
        manifest = _unpack(source, scratch)
        new = f"{where['dbname']}_restored_{secrets.token_hex(3)}"
        with _maintenance(where) as connection:
            if manifest.server_version // 10000 > connection.info.server_version // 10000:
                raise CommandTrouble(
                    f"the backup comes from PostgreSQL {manifest.server_version // 10000}, this server is "
                    f"{connection.info.server_version // 10000}: restore on the same version or a newer one"
                )
            _create(connection, new)
        try:
            _fill({**where, "dbname": new}, scratch / DUMP, manifest)
            _swap_databases(where, new)
        except BaseException:
            with contextlib.suppress(psycopg.Error), _maintenance(where) as connection:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(new)))
            raise
        _swap_folders(env, scratch)
    shutil.rmtree(env.data / "index", ignore_errors=True)
    return manifest


def _contents(env: Environment, where: Where) -> str:
    """What a restore would overwrite, in words; empty when there is nothing."""
    with psycopg.connect(**where) as connection:
        rows = sum(_count_rows(connection).values())
    files = sum(1 for name in _present(env) if name.startswith("files/"))
    return ", ".join(words for words, count in ((f"{rows} rows", rows), (f"{files} files", files)) if count)


def _unpack(source: Path, scratch: Path) -> Manifest:
    """Every member is checked against the manifest before anything is touched."""
    try:
        with tarfile.open(source, "r:*") as tar:
            manifest = _manifest(tar, source)
            seen = set()
            for member in tar.getmembers()[1:]:
                if member.name not in manifest.members or not member.isreg():
                    raise CommandTrouble(
                        f"{source} holds {member.name!r}, which its manifest does not name: it was changed"
                    )
                target = scratch / _safe(member.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                assert content
                with target.open("wb") as out:
                    shutil.copyfileobj(content, out, CHUNK)
                if _digest(target) != manifest.members[member.name]:
                    raise CommandTrouble(
                        f"{source} is damaged: the checksum of {member.name} is wrong; use another backup"
                    )
                seen.add(member.name)
    except (tarfile.TarError, EOFError, OSError) as trouble:
        if isinstance(trouble, FileNotFoundError):
            raise CommandTrouble(f"there is no file {source}") from trouble
        raise CommandTrouble(f"{source} is not a whole backup of Keqiao ({trouble}): use another one") from trouble
    if missing := set(manifest.members) - seen:
        raise CommandTrouble(
            f"{source} is damaged: {len(missing)} members are missing, among them {min(missing)}; use another backup"
        )
    return manifest


def _manifest(tar: tarfile.TarFile, source: Path) -> Manifest:
    first = tar.next()
    content = tar.extractfile(first) if first and first.name == MANIFEST and first.isreg() else None
    if content is None:
        raise CommandTrouble(f"{source} is not a backup of Keqiao: it does not start with a manifest")
    facts = json.load(content)
    if facts.get("format") != FORMAT:
        raise CommandTrouble(
            f"{source} has format {facts.get('format')}, this version reads {FORMAT}: "
            f"restore with Keqiao {facts.get('keqiao')}"
        )
    return Manifest(**facts)


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] not in {DUMP, *FOLDERS, *LOOSE}:
        raise CommandTrouble(f"the backup names {name!r}, which is no place of ours: it was changed")
    return path


def _create(connection: psycopg.Connection[Any], name: str) -> None:
    try:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
    except psycopg.errors.InsufficientPrivilege as trouble:
        raise CommandTrouble(
            "the database's user may not create databases: ALTER ROLE … CREATEDB, for the restore at least"
        ) from trouble


def _fill(where: Where, dump: Path, manifest: Manifest) -> None:
    with psycopg.connect(**where) as connection:
        version = connection.info.server_version
    _program(
        "pg_restore",
        version,
        where,
        ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(dump)],
    )
    with psycopg.connect(**where) as connection:
        found = _count_rows(connection)
        connection.rollback()
        connection.autocommit = True
        connection.execute("ANALYZE")
    if found != manifest.tables:
        wrong = sorted(name for name in {*found, *manifest.tables} if found.get(name) != manifest.tables.get(name))
        raise CommandTrouble(
            f"the restored rows differ from the backup's in {', '.join(wrong)}: nothing was changed; use another backup"
        )


def _swap_databases(where: Where, new: str) -> None:
    name, old = where["dbname"], f"{where['dbname']}_before_{secrets.token_hex(3)}"
    with _maintenance(where) as connection:
        with connection.transaction():
            for before, after in ((name, old), (new, name)):
                try:
                    connection.execute(
                        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(before), sql.Identifier(after))
                    )
                except psycopg.errors.ObjectInUse as trouble:
                    raise CommandTrouble(
                        f"other programs use the database {name}: stop the site everywhere, then restore again"
                    ) from trouble
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(old)))


def _swap_folders(env: Environment, scratch: Path) -> None:
    for name in (*FOLDERS, *LOOSE):
        present, new, old = env.data / name, scratch / name, scratch / f"{name}.before"
        if present.exists():
            present.rename(old)
        if new.exists():
            new.rename(present)
    if (keys := env.data / "keys").exists():
        keys.chmod(0o700)
        for key in keys.iterdir():
            key.chmod(0o600)


@contextlib.contextmanager
def _maintenance(where: Where) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(**{**where, "dbname": "postgres"}, autocommit=True) as connection:
        yield connection


# ── Both ─────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _scratch(env: Environment) -> Iterator[Path]:
    """In the data folder, so that a rename is enough to change places."""
    (env.data / "run").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=env.data / "run", prefix="archive-") as scratch:
        yield Path(scratch)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _program(name: str, server_version: int, where: Where, arguments: list[str]) -> None:
    """pg_dump or pg_restore, not older than the server. The password is no argument: those everybody sees."""
    variables = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "sslmode": "PGSSLMODE",
        "sslrootcert": "PGSSLROOTCERT",
        "target_session_attrs": "PGTARGETSESSIONATTRS",  # of several hosts the one that holds the snapshot
    }
    given = {variables[key]: str(value) for key, value in where.items() if key in variables}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    program = _find_program(name, server_version // 10000)
    done = subprocess.run(
        [program, "--dbname", where["dbname"], "--no-password", *arguments],
        env={**kept, **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandTrouble(f"{name} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")


def _find_program(name: str, at_least: int) -> Path:
    """The system's own first (it speaks TLS to a distant server), then the embedded one."""
    system = shutil.which(name)
    for program in (Path(system) if system else None, postgres.binaries() / name):
        if program and program.exists():
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            if (found := re.search(r" (\d+)", said)) and int(found[1]) >= at_least:
                return program
    raise CommandTrouble(
        f"there is no {name} of version {at_least} or newer: apt-get install postgresql-client-{at_least}"
    )
