import dataclasses
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from keqiao.runtime import postgres
from keqiao.runtime.environment import Environment, read_environment

UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off"}
pytestmark = pytest.mark.enable_socket


def environment(data: Path) -> Environment:
    return dataclasses.replace(read_environment(), data=data, database_url="")


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    found = environment(tmp_path / "data")
    yield found
    postgres.remove(found)


def one(env: Environment, query: str) -> object:
    with psycopg.connect(**postgres.conninfo(env)) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]


def test_an_address_may_itself_say_how_long_to_wait(tmp_path: Path) -> None:
    url = (
        "postgresql://nobody@/none?host=127.0.0.1,127.0.0.1&port=9,10&connect_timeout=2&target_session_attrs=read-write"
    )
    found = postgres.status(dataclasses.replace(environment(tmp_path), database_url=url))
    assert (found.embedded, found.version) == (False, "")
    assert "connection" in found.trouble


@pytest.mark.slow
def test_starts_stops_and_keeps_its_rows(env: Environment) -> None:
    assert postgres.status(env).running is False

    where = postgres.ensure(env, UNSAFE_BUT_FAST)
    with psycopg.connect(**where) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    found = postgres.status(env)
    assert (found.running, found.trouble, found.embedded) == (True, "", True)

    postgres.stop(env)
    assert postgres.status(env).running is False

    assert postgres.ensure(env, UNSAFE_BUT_FAST) == where
    assert one(env, "SELECT number FROM kept") == 1


@pytest.mark.slow
def test_is_private_and_speaks_utc(env: Environment) -> None:
    where = postgres.ensure(env, UNSAFE_BUT_FAST)
    facts = {
        name: one(env, f"SELECT current_setting('{name}')")
        for name in ("listen_addresses", "unix_socket_permissions", "timezone", "data_checksums", "server_encoding")
    }
    assert facts == {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "data_checksums": "on",
        "server_encoding": "UTF8",
    }
    assert postgres.cluster(env.data).stat().st_mode & 0o077 == 0
    assert Path(where["host"]).stat().st_mode & 0o077 == 0
    assert (
        one(env, "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()")
        == "bC.UTF-8"
    )


@pytest.mark.slow
def test_comes_back_after_kill_9(env: Environment) -> None:
    postgres.ensure(env)  # durable: what was committed must be there
    with psycopg.connect(**postgres.conninfo(env)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    server = postgres.postmaster(postgres.cluster(env.data))
    assert server is not None
    for process in [server, *server.children()]:
        process.kill()

    postgres.ensure(env)

    assert one(env, "SELECT number FROM kept") == 1


@pytest.mark.slow
def test_comes_back_when_only_its_postmaster_was_killed(env: Environment) -> None:
    postgres.ensure(env, UNSAFE_BUT_FAST)
    server = postgres.postmaster(postgres.cluster(env.data))
    assert server is not None
    server.kill()

    postgres.ensure(env, UNSAFE_BUT_FAST)

    assert one(env, "SELECT 1") == 1


@pytest.mark.slow
def test_a_recycled_pid_is_not_taken_for_the_server(env: Environment) -> None:
    postgres.ensure(env, UNSAFE_BUT_FAST)
    folder = postgres.cluster(env.data)
    server = postgres.postmaster(folder)
    assert server is not None
    lines = (folder / "postmaster.pid").read_text().split("\n")
    for process in [server, *server.children()]:
        process.kill()
    psutil.wait_procs([server], timeout=5)
    (folder / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))

    assert postgres.postmaster(folder) is None
    postgres.ensure(env, UNSAFE_BUT_FAST)

    assert one(env, "SELECT 1") == 1


@pytest.mark.slow
def test_comes_back_when_its_socket_was_deleted(env: Environment) -> None:
    where = postgres.ensure(env, UNSAFE_BUT_FAST)
    Path(where["host"], f".s.PGSQL.{where['port']}").unlink()

    postgres.ensure(env, UNSAFE_BUT_FAST)

    assert one(env, "SELECT 1") == 1


@pytest.mark.slow
def test_an_interrupted_first_start_is_begun_again(env: Environment) -> None:
    folder = postgres.cluster(env.data)
    half = folder.with_name(f"{folder.name}.new")
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    postgres.ensure(env, UNSAFE_BUT_FAST)

    assert one(env, "SELECT 1") == 1


@pytest.mark.slow
def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    env = environment(tmp_path / ("x" * 60) / ("y" * 60) / ("z" * 60))
    try:
        where = postgres.ensure(env, UNSAFE_BUT_FAST)
        assert len(where["host"]) < postgres.LONGEST_SOCKET
        assert one(env, "SELECT 1") == 1
    finally:
        postgres.remove(env)


def test_refuses_a_socket_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LONGEST_SOCKET", 10)
    monkeypatch.setattr(postgres, "LONG_SOCKETS", tmp_path)
    folder = tmp_path / "cluster"
    taken = postgres._socket_folder(folder)
    taken.mkdir(mode=0o777)
    taken.chmod(0o777)

    with pytest.raises(postgres.DatabaseTrouble, match="not private"):
        postgres._open_socket_folder(folder, None)


@pytest.mark.slow
def test_another_major_version_is_a_clear_error(env: Environment) -> None:
    postgres.ensure(env, UNSAFE_BUT_FAST)
    postgres.stop(env)
    version = postgres.cluster(env.data) / "PG_VERSION"
    before = version.read_text()
    version.write_text("9\n")
    try:
        with pytest.raises(postgres.DatabaseTrouble, match="the data is PostgreSQL 9"):
            postgres.ensure(env)
    finally:
        version.write_text(before)


def test_programs_that_do_not_run_are_named_with_what_they_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "#!/bin/sh\necho 'libicu.so.99: no such file' >&2\nexit 127\n"
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(postgres, "_candidates", lambda: iter([tmp_path]))

    with pytest.raises(postgres.DatabaseTrouble, match=r"no PostgreSQL.*do not run here: .*libicu\.so\.99"):
        postgres.binaries()


@pytest.mark.slow
def test_the_last_user_stops_it(env: Environment) -> None:
    with postgres.using(env, UNSAFE_BUT_FAST):
        with postgres.using(env):
            assert postgres.status(env).running
        assert postgres.status(env).running
    assert not postgres.status(env).running


def test_a_server_elsewhere_is_only_asked(tmp_path: Path) -> None:
    env = dataclasses.replace(
        environment(tmp_path), database_url="postgresql://me:secret@db.example:5433/site?sslmode=require"
    )
    assert postgres.conninfo(env) == {
        "host": "db.example",
        "port": "5433",
        "user": "me",
        "password": "secret",
        "dbname": "site",
        "sslmode": "require",
    }
    assert not (tmp_path / "postgres").exists()
    assert "secret" not in postgres._shown(env)


def _ensure_in_process(data: str, gate, results) -> None:
    gate.wait(10)
    env = environment(Path(data))
    postgres.ensure(env, UNSAFE_BUT_FAST)
    results.put(one(env, "SELECT pg_postmaster_start_time()::text"))


@pytest.mark.slow
def test_many_processes_may_call_at_once(env: Environment) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate, results = spawn.Event(), spawn.Queue()
    callers = [spawn.Process(target=_ensure_in_process, args=(str(env.data), gate, results)) for _ in range(4)]
    for caller in callers:
        caller.start()
    gate.set()
    started = {results.get(timeout=60) for _ in callers}
    for caller in callers:
        caller.join(30)

    assert [caller.exitcode for caller in callers] == [0, 0, 0, 0]
    assert len(started) == 1


@pytest.mark.slow
def test_survives_being_killed_at_any_moment(env: Environment) -> None:
    """kill -9 in the middle of starting, recovering, and while others call ensure()."""
    postgres.ensure(env)
    for round_number in range(12):
        server = postgres.postmaster(postgres.cluster(env.data))
        if server is not None:
            server.send_signal(signal.SIGKILL)
        time.sleep(0.02 * round_number)
        postgres.ensure(env)
        assert one(env, "SELECT 1") == 1
