"""Lists read from a real streaming replica: never older than allowed, one's own changes always there, and the primary
when it is late or gone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from keqiao.runtime import postgres
from tests.running_sites import Site, new_site

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

STORY = """
import time
from django.conf import settings
from django.db import connections
from django.test import Client
from keqiao.kernel import replicas
from keqiao.parties.models import Organisation
from keqiao.parties.tests.factories import make_actor, make_organisation, user_of
from keqiao.parties.types import Role
from tests.running_sites import wait_for

settings.ALLOWED_HOSTS = ["testserver"]
place = make_organisation(is_verified=True, is_listed=True)
own, other = Client(), Client()
own.force_login(user_of(make_actor(organisation=place, role=Role.ADMINISTRATOR)))

def read(client, name):
    "Whether the list shows it, and who was asked."
    seen = []
    original = replicas.Router.db_for_read
    def noted(router, model, **hints):
        alias = original(router, model, **hints)
        if model is Organisation:
            seen.append(alias)
        return alias
    replicas.Router.db_for_read = noted
    answer = client.get("/organisations", {"name": name})
    replicas.Router.db_for_read = original
    assert answer.status_code == 200, answer.status_code
    return place.code in answer.content.decode(), set(seen)

def add(name):
    answer = own.post(f"/organisations/{place.code}/manage/aliases", {"name": name})
    assert answer.status_code == 302, answer.content.decode()

def replica(statement):
    with connections["replica1"].cursor() as cursor:
        cursor.execute(statement)

def forget_the_cookie(client):
    client.cookies.pop(replicas.WROTE, None)

wait_for(lambda: read(other, "澜江")[1] == {"replica1"}, 20, "the replica serves lists")
add("一号别名")
assert read(own, "一号别名") == (True, {"default"})
wait_for(lambda: read(other, "一号别名") == (True, {"replica1"}), 5, "what was written arrives")

replica("SELECT pg_wal_replay_pause()")
add("二号别名")
assert read(own, "二号别名") == (True, {"default"})
began = time.monotonic()
found, asked = read(other, "二号别名")
assert (found, asked) in ((False, {"replica1"}), (True, {"default"})), (found, asked)
wait_for(lambda: read(other, "二号别名") == (True, {"default"}), settings.REPLICA_LAG + 1, "nothing older than allowed")
(standing,) = replicas.standings()
assert standing.bytes_behind > 0 and not standing.trouble
forget_the_cookie(own)
assert read(own, "二号别名") == (True, {"default"})
time.sleep(max(0, settings.REPLICA_LAG + 1.5 - (time.monotonic() - began)))
(standing,) = replicas.standings()
assert not standing.is_used
replica("SELECT pg_wal_replay_resume()")
wait_for(lambda: read(other, "二号别名") == (True, {"replica1"}), 10, "it has caught up and serves again")

end_the_replica()
add("三号别名")
forget_the_cookie(own)
assert read(own, "三号别名")[0]  # begun on the replica, made again from the primary
for _ in range(20):
    assert read(own, "三号别名") == (True, {"default"})
(standing,) = replicas.standings()
assert (standing.trouble, standing.is_used) == ("away", False)
print("TOLD")
"""


@contextmanager
def streaming_replica(site: Site) -> Iterator[Path]:
    """A hot standby of the site's embedded database, reachable through a socket of its own."""
    primary = postgres.cluster(site.env.data)
    folder = primary.with_name(f"{primary.name}-replica")
    where = postgres.ensure(site.env)
    account = postgres._account(primary)
    folder.mkdir(mode=0o700)
    if account:
        os.chown(folder, account.uid, account.gid)
    programs = postgres.binaries(account)
    copy = [programs / "pg_basebackup", "-h", where["host"], "-U", where["user"], "-D", folder, "-R", "-c", "fast"]
    try:
        postgres._run(copy, account)
        (folder / f".s.PGSQL.{postgres.PORT}.lock").unlink(
            missing_ok=True
        )  # the primary's: its socket lies in its data
        sockets = postgres._open_socket_folder(folder, account)
        options = f"-c listen_addresses= -c unix_socket_directories={sockets} -c shared_buffers=32MB"
        start = [programs / "pg_ctl", "start", "-w", "-D", folder, "-l", folder / "start.log", "-o", options]
        postgres._run(start, account)
        yield folder
    finally:
        if postgres.postmaster(folder):
            postgres._run([programs / "pg_ctl", "stop", "-m", "immediate", "-D", folder], account)
        shutil.rmtree(folder)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as made, postgres.using(made.env):
        done = made.keqiao("migrate")
        assert done.returncode == 0, done.stderr
        yield made


def test_a_list_is_read_from_a_replica_and_nobody_misses_what_they_wrote(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with streaming_replica(site) as folder:
        socket = postgres._socket_folder(folder)
        monkeypatch.setenv("DATABASE_REPLICA_URL", f"postgresql://keqiao@/keqiao?host={quote(str(socket), safe='')}")
        monkeypatch.setenv("KEQIAO_REPLICA_LAG", "2")
        server = postgres.postmaster(folder)
        assert server
        end = (
            f"import os, signal\ndef end_the_replica():\n    os.kill({server.pid}, signal.SIGQUIT)\n    time.sleep(1)\n"
        )
        assert "TOLD" in site.python(end + STORY)
