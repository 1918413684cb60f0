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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
        before = (
            "from keqiao.cli import ground\nfrom keqiao.runtime.environment import read_environment\n"
            "with ground.django(read_environment()):\n"
        )
        lines = "".join(f"    {line}\n" for line in script.strip().splitlines())
        return subprocess.Popen(
            [sys.executable, "-c", before + lines],
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
