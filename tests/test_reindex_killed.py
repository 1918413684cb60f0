"""A rebuild by several processes: the same index as by one, nobody left behind by kill -9, and the one before serves on."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.running_sites import Site, new_site, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
SMALL_CITY = """
from keqiao.demo import loader
loader.load(progress=lambda text: None, most=8)
"""
REBUILD = """
import time
from keqiao.matching import building, indexing
building.PIECE = 20
def tell(text):
    print(text, flush=True)
    time.sleep(PAUSE)
indexing.rebuild(tell)
"""
CONTENT = """
import hashlib, json
from keqiao.matching import index_state, indexing
state = index_state.serving()
found = {"version": state.version}
for kind in indexing.KINDS:
    name = index_state.index_name(kind, state.version)
    rows = index_state.engine()._table(name).search().limit(None).to_arrow().to_pylist()
    counts = index_state.engine()._frequencies_file(name).read_bytes()
    found[kind] = [len(rows), hashlib.sha256(repr(rows).encode() + counts).hexdigest()]
print("FOUND", json.dumps(found))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(SMALL_CITY)
        yield found


def content(site: Site) -> dict[str, object]:
    said = next(line for line in site.python(CONTENT).splitlines() if line.startswith("FOUND"))
    return dict(json.loads(said.removeprefix("FOUND")))


def test_by_several_processes_and_after_a_kill(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEQIAO_INDEX_PROCESSES", "1")
    site.python(REBUILD.replace("PAUSE", "0"))
    alone = content(site)
    assert alone["version"] == 1

    monkeypatch.setenv("KEQIAO_INDEX_PROCESSES", "2")
    process = site.start_python(REBUILD.replace("PAUSE", "0.5"))
    assert process.stdout
    for line in process.stdout:
        if line.startswith("achievements"):
            break
    others = psutil.Process(process.pid).children(recursive=True)
    assert len(others) >= 2
    process.kill()
    process.communicate()
    wait_for(lambda: not any(map(psutil.Process.is_running, others)), 15, "an orphan goes on")
    assert content(site) == alone

    site.python(REBUILD.replace("PAUSE", "0"))
    assert content(site) == {**alone, "version": 2}
