"""kill -9 of the worker while it computes matches, combinations and relaxations: each need ends with those a quiet run gives."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_sites import Site, new_site, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
KILLS = 6
SMALL_CITY = """
from keqiao.demo import loader
loader.load(progress=lambda text: None, most=14)
"""
WAITING = """
from keqiao.matching import stale
from keqiao.matching.models import Study
print("STATE", len(stale.needs_to_compute()) + len(stale.needs_to_study()), Study.objects.exclude(version="").count())
"""
# What is stored, and the same worked out again here, one after another.
STUDIES = """
import json
from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.matching import studying
from keqiao.matching.models import Match, Study
least, stored, again = parameter("matching.least_score", on=clock.today()), {}, {}
for row in Study.objects.all():
    need = catalogue.item_by_id("need", row.need_id)
    codes = list(Match.objects.filter(need=need).values_list("achievement__code", flat=True))
    stored[need.code] = {"relaxations": row.relaxations, "combinations": row.combinations}
    again[need.code] = studying.study(need, codes, least)
print("STUDIES", json.dumps([stored, again]))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(SMALL_CITY)
        assert found.keqiao("reindex").returncode == 0
        yield found


def test_a_killed_worker_leaves_every_need_studied_as_a_quiet_one_does(site: Site) -> None:
    for kill in range(KILLS):
        worker = site.start("worker")
        time.sleep(4 + kill)  # in another place each time: while it loads, computes, studies
        worker.kill()
        worker.wait()
    worker = site.start("worker")
    try:
        wait_for(lambda: state(site)[0] == 0, 300, "the needs to be computed and studied")
    finally:
        worker.terminate()
        worker.wait(60)
    stored, again = json.loads(said(site.python(STUDIES), "STUDIES"))
    assert state(site)[1] == len(stored) > 20
    assert any(found["combinations"] for found in stored.values())
    assert any(found["relaxations"] for found in stored.values())
    assert stored == again


def state(site: Site) -> tuple[int, int]:
    """How many needs wait; how many are studied."""
    waiting, studied = said(site.python(WAITING), "STATE").split()
    return int(waiting), int(studied)


def said(output: str, word: str) -> str:
    return next(line.removeprefix(word).strip() for line in output.splitlines() if line.startswith(word))
