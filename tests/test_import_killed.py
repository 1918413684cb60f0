"""kill -9 in the middle of an import, again and again: what comes in is whole, once, and nothing is lost."""

import csv
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_sites import ROOT, Site, new_site

pytestmark = pytest.mark.slow
ROWS = 3_000
KILLS = 6
PREPARE = f"""
import sys
sys.path.insert(0, {str(ROOT / "bench")!r})
import importing
importing.prepare(is_draft=False)
"""
COUNT = """
from keqiao.catalogue.models import Achievement, AchievementIndicator, AchievementText
ids = list(Achievement.objects.values_list("external_id", flat=True))
print(len(ids), len(set(ids)), AchievementText.objects.count(), AchievementIndicator.objects.count())
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(PREPARE)
        yield found


def test_a_killed_import_goes_on_without_doubles_or_loss(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["外部编号", "完成单位", "成果名称", "成果简介", "产业领域", "指标"])
        for n in range(ROWS):
            writer.writerow([f"K-{n}", "DW-BENCH", f"膜 {n}", "稳定。", "materials", "水通量≥15 LMH/bar"])
    said = site.env.data.parent / f"{site.env.data.name}.out"
    command = ("import", str(file), "--kind", "achievements", "--publish")
    process = site.start(*command)
    code = _code(said)
    for kill in range(KILLS):
        time.sleep(1.0 + 0.7 * kill)  # in another place each time: reading, checking, applying
        process.kill()
        process.wait()
        process = site.start("import", "--resume", code)
    assert process.wait(timeout=300) == 0, said.read_text()[-2_000:]
    assert site.python(COUNT).split() == [str(ROWS), str(ROWS), str(ROWS), str(ROWS)]


def _code(said: Path) -> str:
    for _n in range(600):
        if found := re.search(r"import (DR-[A-Z0-9]+)", said.read_text() if said.exists() else ""):
            return found[1]
        time.sleep(0.2)
    raise AssertionError(said.read_text())
