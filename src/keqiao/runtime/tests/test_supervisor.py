import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from keqiao.runtime import postgres, supervisor
from keqiao.runtime.environment import Environment, read_environment

pytestmark = pytest.mark.enable_socket
PATIENCE = 20.0


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    found = dataclasses.replace(read_environment(), data=tmp_path / "data", database_url="")
    yield found
    postgres.remove(found)


@contextmanager
def site(env: Environment, **kinds: str) -> Iterator[subprocess.Popen[str]]:
    variables = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "PGOPTIONS"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "keqiao.runtime.tests.small_site", *(f"{name}={kind}" for name, kind in kinds.items())],
        env={**variables, "KEQIAO_DATA": str(env.data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=PATIENCE)
        assert process.stdout
        process.stdout.close()


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}")


def pid(env: Environment, name: str) -> int:
    file = env.data / f"{name}.pid"
    return int(file.read_text() or 0) if file.exists() else 0


def log_lines(env: Environment, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (env.data / "logs" / f"{name}.log").read_text().splitlines()]


@pytest.mark.slow
def test_restarts_a_killed_child_and_stops_all_in_order(env: Environment) -> None:
    with site(env, first="plain", second="plain") as process:
        read_until(process, "READY")
        wait_for(lambda: pid(env, "first") > 0)
        before = pid(env, "first")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: pid(env, "first") not in {0, before})
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)

    assert "first ended (signal 9); it is started again" in said
    assert process.returncode == 0
    assert not psutil.pid_exists(pid(env, "first"))
    assert not psutil.pid_exists(pid(env, "second"))
    assert not postgres.status(env).running
    assert {"first speaks"} == {line["message"] for line in log_lines(env, "first")}
    assert [line["message"] for line in log_lines(env, "supervisor")][-1] == "stopped"


@pytest.mark.slow
def test_starts_a_killed_database_again(env: Environment) -> None:
    with site(env, only="plain") as process:
        read_until(process, "READY")
        server = postgres.postmaster(postgres.cluster(env.data))
        assert server is not None
        server.kill()
        read_until(process, "the database ended; it was started again")
        assert postgres.status(env).trouble == ""


@pytest.mark.slow
def test_leaves_no_orphans_when_killed_and_the_next_one_takes_over(env: Environment) -> None:
    with site(env, only="plain") as process:
        read_until(process, "READY")
        wait_for(lambda: pid(env, "only") > 0)
        orphan = pid(env, "only")
        process.kill()
        process.wait()
        wait_for(lambda: not psutil.pid_exists(orphan))
    server = postgres.postmaster(postgres.cluster(env.data))
    assert server is not None
    with site(env, only="plain") as process:
        read_until(process, "READY")
        assert postgres.postmaster(postgres.cluster(env.data)) == server
    assert not postgres.status(env).running


@pytest.mark.slow
def test_kills_a_child_that_does_not_stop(env: Environment) -> None:
    with site(env, only="stubborn") as process:
        read_until(process, "READY")
        wait_for(lambda: pid(env, "only") > 0)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert not psutil.pid_exists(pid(env, "only"))
    assert "only was killed" in [line["message"] for line in log_lines(env, "supervisor")]


@pytest.mark.slow
def test_a_child_that_cannot_start_is_named_with_its_last_words(env: Environment) -> None:
    with site(env, broken="failing", fine="plain") as process:
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "broken does not start: no such thing" in said
    assert not postgres.status(env).running


@pytest.mark.slow
def test_a_data_folder_serves_one_site(env: Environment) -> None:
    with site(env, only="plain") as process:
        read_until(process, "READY")
        with pytest.raises(supervisor.SupervisorTrouble, match="already running"):
            supervisor.check_single(env)
    supervisor.check_single(env)


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = dataclasses.replace(read_environment(), port=port - 1)
        with pytest.raises(supervisor.SupervisorTrouble, match=f"port {port} is in use.*PORT="):
            supervisor.check_ports(env)
