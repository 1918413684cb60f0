"""Starts the site's processes, watches them, starts the dead ones again, and stops everything in order.

One thread, one loop: signals, the children's output and their ends all wake it. Each child leads a session of its
own, so Ctrl-C reaches the supervisor only; each follows its parent, so `kill -9` of the supervisor leaves none behind
but the database, which the next start takes over.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from keqiao.runtime import heartbeat, postgres
from keqiao.runtime.environment import Environment
from keqiao.runtime.logs import LogFile

TICK = 0.25  # seconds between looks at the database and the restarts that are due
LONGEST_PAUSE = 2.0  # seconds before a child that keeps dying is started again
STEADY_AFTER = 20.0  # seconds of life after which earlier deaths are forgotten
READY_WITHIN = 90.0
TRIES_BEFORE_READY = 3
LONGEST_LINE = 64 * 1024
OLD_SITE_MAY_TAKE = 8.0  # seconds for the processes of a killed supervisor to go

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never ask a proxy for our own address

Say = Callable[[str], None]


class SupervisorTrouble(RuntimeError):
    """The site cannot be started; the message says why and how to mend it."""


@dataclass(frozen=True)
class Program:
    """One kind of child. `module` has `main(arguments)`; `is_ready` says when it does its work."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    stop_within: float = 10.0
    is_ready: Callable[[], bool] = lambda: True


@dataclass
class Child:
    program: Program
    log: LogFile
    process: subprocess.Popen[bytes] | None = None
    output: int | None = None
    unfinished: bytes = b""
    deaths: int = 0
    started: float = 0.0
    due: float = field(default_factory=time.monotonic)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    def __init__(self, env: Environment, wanted: Sequence[Program], say: Say = print) -> None:
        self.env = env
        self.log = LogFile(env.data / "logs", "supervisor")
        self.children = [Child(program, LogFile(env.data / "logs", program.name)) for program in wanted]
        self._tell = say
        self._selector = selectors.DefaultSelector()
        self._asked_to_stop = 0
        self._database_due = 0.0
        self._database_deaths = 0

    # ── Life ─────────────────────────────────────────────────────────────────

    def run(self, on_ready: Callable[[], None]) -> None:
        """Run the site until SIGINT or SIGTERM. The database runs already (`postgres.using`)."""
        heartbeat.forget(self.env.data)
        with _single(self.env), self._signals():
            try:
                self._run(on_ready)
            finally:
                self._stop_all()
        self.log.close()

    def _run(self, on_ready: Callable[[], None]) -> None:
        began = time.monotonic()
        is_ready = False
        while not self._asked_to_stop:
            self._watch_database()
            self._start_due()
            self._listen(TICK)
            self._bury()
            if is_ready:
                continue
            if self._is_ready():
                is_ready = True
                self.log.say("ready", seconds=round(time.monotonic() - began, 2))
                on_ready()
            else:
                self._give_up_on(began)

    def _is_ready(self) -> bool:
        return all(child.is_running and child.program.is_ready() for child in self.children)

    def _give_up_on(self, began: float) -> None:
        for child in self.children:
            if child.deaths >= TRIES_BEFORE_READY:
                raise SupervisorTrouble(
                    f"{child.program.name} does not start: {child.log.last_words} (see {child.log.path})"
                )
        if time.monotonic() - began > READY_WITHIN:
            raise SupervisorTrouble(f"the site was not ready within {READY_WITHIN:.0f} s: see {self.env.data / 'logs'}")

    # ── Children ─────────────────────────────────────────────────────────────

    def _start_due(self) -> None:
        for child in self.children:
            if child.process is None and child.due <= time.monotonic():
                self._start(child)

    def _start(self, child: Child) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        program = child.program
        child.process = subprocess.Popen(
            [sys.executable, "-m", "keqiao.runtime.child", str(os.getpid()), program.module, *program.arguments],
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        os.close(writing)
        child.output, child.started, child.unfinished = reading, time.monotonic(), b""
        self._selector.register(reading, selectors.EVENT_READ, child)
        self.log.say(f"{program.name} started", pid=child.process.pid)

    def _bury(self) -> None:
        """Clear up after children that died, and plan their next life."""
        for child in self.children:
            if child.process is None or child.process.poll() is None:
                continue
            lived = time.monotonic() - child.started
            child.deaths = 1 if lived > STEADY_AFTER else child.deaths + 1
            pause = 0.0 if child.deaths == 1 else min(0.25 * 2**child.deaths, LONGEST_PAUSE)
            child.due = time.monotonic() + pause
            how = _how(child.process.returncode)
            self._forget(child)
            self.log.say(f"{child.program.name} ended", level="ERROR", how=how, lived=round(lived, 1), again_in=pause)
            self.say(
                f"{child.program.name} ended ({how}); it is started again"
                + (f" in {pause:.0f} s" if pause >= 1 else "")
            )

    def _forget(self, child: Child) -> None:
        if child.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)  # its own children, if it left any
        if child.output is not None:
            self._read(child)
            self._selector.unregister(child.output)
            os.close(child.output)
        child.process = child.output = None

    def _listen(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Child):
                self._read(key.data)
            else:
                os.read(key.fd, 512)  # a signal woke us; its handler has noted it

    def _read(self, child: Child) -> None:
        with contextlib.suppress(BlockingIOError):
            while child.output is not None and (piece := os.read(child.output, LONGEST_LINE)):
                *lines, child.unfinished = (child.unfinished + piece).split(b"\n")
                if len(child.unfinished) > LONGEST_LINE:
                    lines, child.unfinished = [*lines, child.unfinished], b""
                for line in lines:
                    child.log.line(line.decode(errors="replace"))

    # ── Database ─────────────────────────────────────────────────────────────

    def _watch_database(self) -> None:
        now = time.monotonic()
        if self.env.database_url or now < self._database_due:
            return
        self._database_due = now + TICK
        if postgres.postmaster(postgres.cluster(self.env.data)) is not None:
            return
        self.log.say("database ended", level="ERROR")
        try:
            postgres.ensure(self.env)
        except postgres.DatabaseTrouble as trouble:
            self._database_deaths += 1
            self._database_due = time.monotonic() + min(2.0**self._database_deaths, 30.0)
            self.log.say("database does not start", level="ERROR", why=str(trouble))
            self.say(f"the database does not start: {trouble}")
        else:
            self._database_deaths = 0
            self.log.say("database started")
            self.say("the database ended; it was started again")

    # ── The end ──────────────────────────────────────────────────────────────

    def _stop_all(self) -> None:
        for child in self.children:
            self._stop(child)
            child.log.close()
        heartbeat.forget(self.env.data)
        self.log.say("stopped")

    def _stop(self, child: Child) -> None:
        if child.process is not None and child.process.poll() is None:
            child.process.terminate()
            until = time.monotonic() + child.program.stop_within
            while child.process.poll() is None and time.monotonic() < until and self._asked_to_stop < 2:
                self._listen(0.05)  # its last words are read, or it might wait for us for ever
            if child.process.poll() is None:
                child.process.kill()
                child.process.wait()
                self.log.say(f"{child.program.name} was killed", level="WARNING")
        self._forget(child)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the loop; a second one does not wait for open work."""

        def note(_number: int, _frame: FrameType | None) -> None:
            self._asked_to_stop += 1

        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._selector.register(reading, selectors.EVENT_READ)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            os.close(reading)
            os.close(writing)

    def say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._tell(text)


# ── One site per data folder and port ────────────────────────────────────────


def check_ports(env: Environment) -> None:
    """Both ports must be free; a site that was just killed is given the time to go."""
    patience = OLD_SITE_MAY_TAKE if (env.data / "run" / "supervisor.json").exists() else 0.0
    until = time.monotonic() + patience
    while taken := [port for port in (env.port, env.port + 1) if not port_is_free(env.host, port)]:
        if time.monotonic() > until:
            raise SupervisorTrouble(
                f"port {taken[0]} is in use by another program: end it, or choose another port "
                f"(web and live pages take two in a row), for example PORT={env.port + 100}"
            )
        time.sleep(0.2)


def port_is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def running_site(env: Environment) -> dict[str, Any] | None:
    """What the living supervisor of this data folder wrote about itself; None when there is none."""
    if not (env.data / "run" / "supervisor.lock").exists():
        return None
    file = _open_lock(env)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((env.data / "run" / "supervisor.json").read_text())
            return found
        return {}
    else:
        return None
    finally:
        os.close(file)


def check_single(env: Environment) -> None:
    """A data folder serves one site at a time."""
    if (found := running_site(env)) is not None:
        raise SupervisorTrouble(
            f"a site is already running on {env.data} (process {found.get('pid')}, port {found.get('port')}): "
            "stop it first, or set KEQIAO_DATA and PORT for a second one"
        )


@contextlib.contextmanager
def _single(env: Environment) -> Iterator[None]:
    file = _open_lock(env)
    card = env.data / "run" / "supervisor.json"
    try:
        _take(file, env)
        card.write_text(json.dumps({"pid": os.getpid(), "port": env.port, "started": time.time()}))
        yield
        card.unlink(missing_ok=True)
    finally:
        os.close(file)


def _take(file: int, env: Environment) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            check_single(env)  # passes when somebody only looked
            time.sleep(0.05)
        else:
            return


def _open_lock(env: Environment) -> int:
    path: Path = env.data / "run" / "supervisor.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def own_host(env: Environment) -> str:
    """How this machine reaches its own site."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(env.host, f"[{env.host}]" if ":" in env.host else env.host)  # noqa: S104 -- compared, not bound


def responds(url: str) -> bool:
    """Any answer but an error of the server: a site may be told to answer to other names than this machine's."""
    try:
        with DIRECT.open(url, timeout=2):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
