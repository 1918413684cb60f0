"""kill -9 of the worker while it trains: what is learned is what a quiet run learns, once."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running_sites import Site, new_site, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
KILLS = 4
SMALL_CITY = """
from keqiao.demo import loader
loader.load(progress=lambda text: None, most=8)
"""
START = """
from keqiao.learning import services
from keqiao.parties import selectors as parties
print("CODE", services.start_training(actor=parties.system()).code)
"""
# Of everything that the loading set going.
WAITING = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(
        "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        " AND (scheduled_at IS NULL OR scheduled_at < now())"
    )
    print("WAITING", cursor.fetchone()[0])
"""
STATE = """
import json
from keqiao.kernel.models import Event
from keqiao.learning.models import LearnedModel
found = LearnedModel.objects.get()
finished = Event.objects.filter(name="learning.training_finished").count()
print("STATE", json.dumps({"state": found.state, "points": found.points, "finished": finished}))
"""
# The same, worked out here without a worker.
AGAIN = """
import json
from keqiao.learning import learner, training
from keqiao.learning.models import LearnedModel
gathered = training.gather(LearnedModel.objects.get().asked_at)
eta = learner.position_bias(gathered.examples)
points = learner.learn(learner.preferences(gathered.examples, eta), training.read_rules())
print("AGAIN", json.dumps(training.by_stone(points)))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        found.python(SMALL_CITY)
        yield found


def test_a_killed_training_ends_as_a_quiet_one(site: Site) -> None:
    quiet_down(site)
    site.python(START)
    for kill in range(KILLS):
        worker = site.start("worker")
        time.sleep(3 + 2 * kill)  # in another place each time: while it loads, gathers, learns, compares
        worker.kill()
        worker.wait()
    worker = site.start("worker")
    try:
        wait_for(lambda: state(site)["state"] != "training", 300, "the training to end")
    finally:
        worker.terminate()
        worker.wait(60)
    trained = state(site)
    assert (trained["state"], trained["finished"]) == ("ready", 1)
    assert trained["points"] == json.loads(said(site.python(AGAIN), "AGAIN"))


def quiet_down(site: Site) -> None:
    """What the city's people did has reached the rows: an answer that comes later belongs to the next training."""
    worker = site.start("worker")
    try:
        wait_for(lambda: said(site.python(WAITING), "WAITING") == "0", 300, "the events of the loading to be heard")
    finally:
        worker.terminate()
        worker.wait(60)


def state(site: Site) -> dict[str, Any]:
    return json.loads(said(site.python(STATE), "STATE"))


def said(output: str, word: str) -> str:
    return next(line.removeprefix(word).strip() for line in output.splitlines() if line.startswith(word))
