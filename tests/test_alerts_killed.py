"""kill -9 of the worker while it finds and sends alerts: each is told once, mailed under one Message-ID, none is lost."""

import re
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_sites import ROOT, Site, new_site

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
PEOPLE, NEEDS, RESULTS, KILLS = 30, 5, 4, 8
PREPARE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from keqiao.alerts.tasks import find_alerts
from keqiao.alerts.tests.factories import agree_to_digests, watching
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock
from keqiao.matching.tests.factories import load_rules, make_match
from keqiao.parties.selectors import actor_for
from keqiao.parties.tests.factories import make_organisation, make_person
load_rules()
now = clock.now()
results = [make_achievement(published_at=now, updated_at=now) for _n in range({RESULTS})]
for _n in range({PEOPLE}):
    home = make_organisation()
    actor = actor_for(make_person(organisation=home).user)
    agree_to_digests(actor)
    watching(actor, "own", cadence="at_once")
    for _n in range({NEEDS}):
        need = make_need(publisher=home, published_at=now, updated_at=now)
        [make_match(need, result) for result in results]
        find_alerts.defer(kind="need", ids=[need.pk])
"""
COUNT = """
from django.db.models import Sum
from keqiao.alerts.models import Alert, Digest
from keqiao.kernel.models import Notice
from procrastinate.contrib.django.models import ProcrastinateJob
mine = Alert.objects.filter(watch__is_chosen=True)
print(mine.filter(state="sent").count(), mine.exclude(state="sent").count())
print(Digest.objects.aggregate(n=Sum("lines"))["n"] or 0, Digest.objects.count(), Notice.objects.count())
print(Notice.objects.exclude(mailed_at=None).count(), ProcrastinateJob.objects.exclude(status="succeeded").count())
"""


class Post(socketserver.StreamRequestHandler):
    """As much of SMTP as Django's backend speaks."""

    def handle(self) -> None:
        self.wfile.write(b"220 post\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                letter = b""
                while (row := self.rfile.readline()) not in {b".\r\n", b""}:
                    letter += row
                self.server.letters.append(letter.decode(errors="replace"))  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


@pytest.fixture
def letters() -> Iterator[tuple[str, list[str]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post) as server:
        server.daemon_threads = True
        server.letters = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}", server.letters  # type: ignore[attr-defined]
        server.shutdown()


@pytest.fixture
def site(tmp_path: Path, letters: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("EMAIL_URL", letters[0])
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(PREPARE)
        yield found


def test_a_killed_worker_tells_of_everything_once(site: Site, letters: tuple[str, list[str]]) -> None:
    for kill in range(KILLS):
        worker = site.start("worker")
        heard = len(letters[1])
        until = time.monotonic() + 5 + 0.5 * kill
        # In the middle of the work: while it finds, or a little after it has begun to send, each time a little later.
        while len(letters[1]) == heard and worker.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.02 * kill)
        worker.kill()
        worker.wait()
    worker = site.start("worker")
    try:
        for _n in range(90):
            counts = [int(word) for word in site.python(COUNT).split()]
            if counts[-1] == 0:
                break
            time.sleep(2)
    finally:
        worker.terminate()
        worker.wait(60)
    sent, waiting, lines, digests, notices, mailed, _jobs = counts
    assert (sent, waiting, lines) == (PEOPLE * NEEDS * RESULTS, 0, PEOPLE * NEEDS * RESULTS)
    assert (notices, mailed) == (digests, digests)
    ids = [re.search(r"^Message-ID: (\S+)", letter, re.MULTILINE | re.IGNORECASE)[1] for letter in letters[1]]  # type: ignore[index]
    assert len(set(ids)) == digests
    print(f"{digests} digests, {len(ids)} mails handed over, {KILLS} kills")
