"""kill -9 of the command that matches all pairs, and of the processes that compute for it: nothing lost, nothing twice."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.running_sites import ROOT, Site, new_site, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
KILLS = 4  # every second one of those who compute, too
SMALL_CITY = """
from keqiao.demo import loader
from keqiao.matching import indexing, services
from keqiao.parties import selectors as parties
loader.load(progress=lambda text: None, most=20)
indexing.rebuild(print)
services.begin_all_pairs(actor=parties.system(), needs_a_shard=2)
"""
STATE = """
import json
from keqiao.kernel.models import Event
from keqiao.matching.models import Match, PairsShard
told = [need for event in Event.objects.filter(name="matching.matches_computed") for need in event.data["ids"]]
rows = [list(map(str, row)) for row in Match.objects.order_by("need", "achievement").values_list("need", "achievement", "score", "arch")]
done = PairsShard.objects.exclude(done_at=None).count()
print("FOUND", json.dumps({"told": told, "rows": rows, "done": done, "shards": PairsShard.objects.count()}))
"""
FRESH = """
from keqiao.catalogue import selectors as catalogue
from keqiao.matching import services
from keqiao.matching.models import Match
from keqiao.parties import selectors as parties
Match.objects.all().delete()
for pk in catalogue.published_ids("need").values_list("pk", flat=True):
    services.compute_matches(actor=parties.system(), kind="need", item_id=pk)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(SMALL_CITY)
        yield found


def found(site: Site) -> dict[str, list[object]]:
    said = next(line for line in site.python(STATE).splitlines() if line.startswith("FOUND"))
    read: dict[str, list[object]] = json.loads(said.removeprefix("FOUND"))
    return read


def all_pairs(site: Site) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "keqiao", "matches", "all-pairs", "--processes", "2"]
    return subprocess.Popen(command, env=site.variables, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_whatever_is_killed_the_matches_are_those_of_a_fresh_computation(site: Site) -> None:
    drawn = random.Random(11)
    for kill in range(KILLS):
        process = all_pairs(site)
        assert process.stdout
        process.stdout.readline()
        if kill % 2:  # those who compute; the command begins others
            wait_for(partial(computing, process.pid), 60, "processes that compute")
            computing(process.pid)[0].kill()
            time.sleep(drawn.random() * 4)
        else:
            time.sleep(drawn.random() * 6)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert psutil.wait_procs([c for c in children if "postgres" not in c.name()], timeout=10)[1] == []  # no orphans
    last = all_pairs(site)
    said, _ = last.communicate(timeout=300)
    assert last.returncode == 0, said
    after = found(site)
    assert after["done"] == after["shards"]
    told = after["told"]
    assert len(told) == len(set(map(str, told)))  # each need once
    assert after["rows"]
    site.python(FRESH)
    assert found(site)["rows"] == after["rows"]


def computing(pid: int) -> list[psutil.Process]:
    """The processes of the pool: those that Python spawned."""
    children = psutil.Process(pid).children()
    return [child for child in children if any("spawn_main" in word for word in child.cmdline())]
