"""Whole sites in folders of their own, for tests that start, kill, back up and restore them."""

import dataclasses
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from keqiao.runtime import postgres
from keqiao.runtime.environment import Environment, read_environment

ROOT = Path(__file__).resolve().parent.parent
# Each process that runs tests has a thousand of its own.
PORTS = itertools.count(
    20_000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) + os.getpid() % 500 * 2, 2
)
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclasses.dataclass(frozen=True)
class Site:
    """One data folder and port."""

    env: Environment
    more: Mapping[str, str] = dataclasses.field(default_factory=dict)  # variables of its own

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.env.port}"

    @property
    def variables(self) -> dict[str, str]:
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PG"))},
            "LANG": "en_US.UTF-8",
            "KEQIAO_DATA": str(self.env.data),
            "PORT": str(self.env.port),
            "DATABASE_URL": "",
            "KEQIAO_SECRET_KEY": "",
            "KEQIAO_LOG_LEVEL": "INFO",
            "DJANGO_SETTINGS_MODULE": "keqiao.web.settings",
            **self.more,
        }

    def keqiao(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "keqiao", *arguments]
        return subprocess.run(command, env=self.variables, cwd=ROOT, capture_output=True, text=True, check=False)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on running; what it says is kept beside the data folder."""
        command = [sys.executable, "-m", "keqiao", *arguments]
        said = (self.env.data.parent / f"{self.env.data.name}.out").open("a")
        with said:
            return subprocess.Popen(command, env=self.variables, cwd=ROOT, stdout=said, stderr=said, text=True)

    def last_words(self) -> str:
        """For the message of a test that failed."""
        files = [self.env.data.parent / f"{self.env.data.name}.out", *sorted((self.env.data / "logs").glob("*.log"))]
        return "\n".join(f"{file.name}: {file.read_text()[-1500:]}" for file in files if file.exists())

    def python(self, script: str) -> str:
        """Run a few lines with this site's Django, its database started for them."""
        process = self.start_python(script)
        said, troubles = process.communicate()
        assert process.returncode == 0, troubles
        return said

    def start_python(self, script: str) -> subprocess.Popen[str]:
        """The same, going on while the test does."""
        return subprocess.Popen(
            with_django(script),
            env=self.variables,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answers(self, path: str, *, timeout: float = 5.0) -> int:
        """The status; 0 when nobody answered."""
        try:
            with DIRECT.open(self.url + path, timeout=timeout) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return 0


def with_django(script: str) -> list[str]:
    """The command that runs these lines in a process of the site."""
    before = (
        "from keqiao.cli import ground\nfrom keqiao.runtime.environment import read_environment\n"
        "with ground.django(read_environment()):\n"
    )
    lines = "".join(f"    {line}\n" for line in script.strip().splitlines())
    return [sys.executable, "-c", before + lines]


def said(output: str, word: str) -> str:
    """What stands behind this word, at the start of a line."""
    return next(line.removeprefix(word).strip() for line in output.splitlines() if line.startswith(word))


@contextmanager
def new_site(folder: Path) -> Iterator[Site]:
    env = dataclasses.replace(read_environment(), data=folder, port=two_free_ports(), database_url="", host="127.0.0.1")
    site = Site(env)
    try:
        yield site
    except BaseException:
        print(site.last_words())
        raise
    finally:
        postgres.remove(env)
        shutil.rmtree(folder, ignore_errors=True)


def two_free_ports() -> int:
    """The first of two free ports in a row; never the same again in this run."""
    for port in PORTS:
        if all(_is_free(p) for p in (port, port + 1)):
            return port
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


PROGRAMS = {"web": "keqiao.web.wsgi:warmed", "live": "keqiao.web.live:application", "worker": "keqiao.cli.worker"}


def processes(site: Site, supervisor: int) -> dict[str, list[psutil.Process]]:
    """The site's processes by what they are; the server of the database first, then what it started."""
    found: dict[str, list[psutil.Process]] = {name: [] for name in (*PROGRAMS, "database")}
    for process in psutil.Process(supervisor).children(recursive=True):
        with suppress(psutil.Error):
            for name, mark in PROGRAMS.items():
                if mark in process.cmdline():
                    found[name].append(process)
    server = postgres.postmaster(postgres.cluster(site.env.data))
    if server is not None:
        found["database"] = [server]
        with suppress(psutil.Error):
            found["database"] += server.children()
    return found
