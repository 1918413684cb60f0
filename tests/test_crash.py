"""kill -9 of web, worker, live process and database at random, in use: the site comes back whole by itself."""

import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil
import pytest

from keqiao.runtime import postgres, supervisor
from tests.running_sites import Site, new_site, processes, said, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

SECONDS = float(os.environ.get("KEQIAO_CRASH_SECONDS", "120"))
READY_WITHIN = 90.0
SEED = int(os.environ.get("KEQIAO_CRASH_SEED", "0")) or random.SystemRandom().randrange(10**6)

SMALL_CITY = """
from keqiao.demo import loader
loader.load(progress=lambda text: None, most=25)
"""
# New revisions of items, through the ordinary commands: each becomes a job that brings the index up to date.
CHANGE = """
import random
from keqiao.catalogue.models import Achievement, Need
from keqiao.catalogue import services as catalogue
from keqiao.kernel.commands import command
from keqiao.kernel import events
from keqiao.parties import selectors as parties
from django.db import transaction
model, name = random.choice([(Achievement, "catalogue.achievements_loaded"), (Need, "catalogue.needs_loaded")])
item = model.objects.order_by("?").first()
with transaction.atomic():
    events.record(name, item, actor=parties.system(), ids=[item.pk])
"""
# Every row of what serves, without its vector: a rebuild trains the dense model anew.
INDEX = """
import hashlib, json
from keqiao.matching import indexing
found, version = {}, indexing.serving().version
for kind in indexing.KINDS:
    rows = indexing.engine()._table(indexing.index_name(kind, version)).to_arrow().drop_columns(["vector"]).to_pylist()
    found[kind] = {row["id"]: hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest() for row in rows}
    assert len(found[kind]) == len(rows), "an item stands twice in the index"
    assert indexing.differences(kind) == (0, 0), (kind, indexing.differences(kind))
print("INDEX", json.dumps(found))
"""
OPEN_JOBS = """
from django.db import connection
with connection.cursor() as cursor:
    due = "status = 'doing' OR (status = 'todo' AND coalesce(scheduled_at, now()) <= now())"
    cursor.execute(f"SELECT count(*) FROM procrastinate_jobs WHERE {due}")
    print("JOBS", cursor.fetchone()[0])
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(SMALL_CITY)
        yield found


class Trouble:
    """Two visitors, somebody who reindexes, somebody who changes items, until told to stop."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.answers: Counter[int] = Counter()
        self.over = threading.Event()
        self._threads = [
            threading.Thread(target=work) for work in (self._visit, self._visit, self._reindex, self._change)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _visit(self) -> None:
        while not self.over.is_set():
            self.answers[
                self.site.answers(random.choice(["/", "/search?q=membrane", "/search?q=%E8%86%9C", "/api/v1/needs"]))
            ] += 1
            time.sleep(0.05)

    def _reindex(self) -> None:
        while not self.over.wait(random.uniform(3, 8)):
            self.site.keqiao("reindex")  # fails when the database is killed under it

    def _change(self) -> None:
        while not self.over.wait(random.uniform(0.5, 2)):
            with suppress(AssertionError):
                self.site.python(CHANGE)


def kill_one(site: Site, parent: int) -> str:
    found = {name: alive for name, alive in processes(site, parent).items() if alive}
    if not found:
        return "nothing"
    name = random.choice(list(found))
    # All of them, or only one: a server without its worker, a postmaster without its children, a lost backend.
    for process in found[name] if random.random() < 0.5 else [random.choice(found[name])]:
        with suppress(psutil.Error):
            process.kill()
    return name


def leader(site: Site) -> int:
    """The pid of the supervisor that runs this site; 0 while there is none."""
    return int((supervisor.running_site(site.env) or {}).get("pid", 0))


def index(site: Site) -> dict[str, dict[str, str]]:
    """Kind → code → digest of the row."""
    found: dict[str, dict[str, str]] = json.loads(said(site.python(INDEX), "INDEX"))
    return found


def open_jobs(site: Site) -> int:
    return int(said(site.python(OPEN_JOBS), "JOBS"))


def test_random_kills_leave_a_whole_site(site: Site) -> None:
    random.seed(SEED)
    print(f"KEQIAO_CRASH_SEED={SEED}")
    process = site.start("serve")
    kills: Counter[str] = Counter()
    try:
        wait_for(lambda: site.answers("/readyz") == 200, READY_WITHIN, "the first start")
        until = time.monotonic() + SECONDS
        with Trouble(site) as trouble:
            while time.monotonic() < until:
                time.sleep(random.uniform(0.2, 9))  # often before the last one is back
                assert process.poll() is None, "the supervisor ended"
                kills[kill_one(site, process.pid)] += 1
        print(f"kills {dict(kills)}, answers {dict(trouble.answers)}")

        wait_for(lambda: site.answers("/readyz") == 200, READY_WITHIN, "to be ready again")
        assert trouble.answers[200] > SECONDS / 4
        # A job of a dead worker is taken up again after a while; then everything is quiet.
        wait_for(lambda: open_jobs(site) == 0, 180, "the jobs to be done")
        after = index(site)
        assert site.keqiao("reindex").returncode == 0
        assert index(site) == after
        assert {kind: len(rows) > 20 for kind, rows in after.items()} == {"achievement": True, "need": True}
        assert site.keqiao("audit", "verify").returncode == 0
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0
    assert not postgres.status(site.env).running


def test_a_killed_site_starts_again_on_the_same_port(site: Site) -> None:
    """kill -9 of the supervisor itself."""
    first = site.start("serve")
    wait_for(lambda: site.answers("/readyz") == 200, READY_WITHIN, "the first start")
    first.kill()
    first.wait()
    second = site.start("serve")
    try:
        wait_for(lambda: leader(site) == second.pid, READY_WITHIN, "the second to take over")
        wait_for(lambda: site.answers("/readyz") == 200, READY_WITHIN, "the second start")
    finally:
        second.terminate()
        second.wait(60)
    assert second.returncode == 0


def test_two_sites_side_by_side(site: Site, tmp_path: Path) -> None:
    with new_site(tmp_path / "other") as other:
        processes: list[subprocess.Popen[str]] = [site.start("serve"), other.start("serve")]
        try:
            for one in (site, other):
                wait_for(lambda one=one: one.answers("/healthz") == 200, READY_WITHIN, "both to start")
        finally:
            for process in processes:
                process.terminate()
            codes = [process.wait(60) for process in processes]
        assert codes == [0, 0]
