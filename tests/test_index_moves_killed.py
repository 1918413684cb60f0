"""kill -9 while a site's index is carried to a Milvus server, and while it switches: both sides equal the rows."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keqiao.matching.tests.milvus_server import MilvusServer
from tests.running_sites import Site, new_site

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
KILLS = 3
SMALL_CITY = """
from keqiao.demo import loader
from keqiao.matching import indexing
loader.load(progress=lambda text: None, most=8)
indexing.rebuild(print)
"""
# A chunk is small and takes its time, so that a kill finds it at work; one item changes after each.
CARRY = """
import time
from keqiao.catalogue.models import Achievement
from keqiao.matching import index_moves, indexing
indexing.CHUNK = 20
def tell(text):
    print(text, flush=True)
    item = Achievement.objects.filter(state="published").order_by("?").first()
    Achievement.objects.filter(pk=item.pk).update(revision=item.revision + 1)
    indexing.update("achievement", [item.pk])
    time.sleep(0.2)
index_moves.carry("milvus", tell)
"""
SWITCH = """
from keqiao.matching import index_moves
while True:
    print(index_moves.switch_over(back=index_moves.under_way().has_switched).engine, flush=True)
"""
# As the worker takes up the job of a killed one; then what each side holds beside the rows.
DIFFERENCES = """
import json
from keqiao.catalogue import selectors as catalogue
from keqiao.matching import index_state, indexing
found = {}
for kind in indexing.KINDS:
    indexing.update(kind, list(catalogue.published_ids(kind).values_list("pk", flat=True)))
    revisions = dict(catalogue.published_ids(kind).values_list("code", "revision"))
    for side in index_state.ENGINES:
        *right, held = indexing.held_of(kind, side, revisions)
        found[f"{kind} {side}"] = [len(revisions) - sum(right), held - sum(right)]
print("FOUND", json.dumps(found))
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with MilvusServer(tmp_path / "milvus") as server, new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(SMALL_CITY)
        monkeypatch.setenv("MILVUS_URI", server.uri)
        monkeypatch.setenv("MILVUS_CONSISTENCY", "Strong")
        yield Site(replace(found.env, milvus_uri=server.uri))


def kill_after(site: Site, script: str, lines: int, more: float) -> None:
    """Let it say so many lines, then a little time, then end it as a power cut would."""
    process = site.start_python(script)
    assert process.stdout
    for _line in range(lines):
        if not process.stdout.readline():
            break  # at its end already
    time.sleep(more)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def agree(site: Site) -> bool:
    said = next(line for line in site.python(DIFFERENCES).splitlines() if line.startswith("FOUND"))
    found = json.loads(said.removeprefix("FOUND"))
    return len(found) == 4 and set(map(tuple, found.values())) == {(0, 0)}


def test_a_killed_move_goes_on_and_a_killed_switch_leaves_one_side_serving(site: Site) -> None:
    for kill in range(KILLS):
        kill_after(site, CARRY, 1 + kill, 0.13 * kill)
    assert "keqiao index move --switch" in moved(site, "--to", "milvus")
    assert agree(site)
    kill_after(site, SWITCH, 3, 0.05)
    # Whichever side serves, the other can.
    site.python(SWITCH.replace("while True", "for _ in range(2)"))
    assert agree(site)
    moved(site, "--finish")


def moved(site: Site, *arguments: str) -> str:
    done = site.keqiao("index", "move", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
