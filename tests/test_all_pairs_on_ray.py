"""All pairs on a Ray cluster of several local nodes, one of them killed on the way: the same matches as need by need."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_sites import Site, new_site
from tests.test_all_pairs_killed import FRESH, SMALL_CITY, found

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
# The head computes nothing; of the two that do, one is killed when the first shard is kept.
ON_RAY = """
import json
from ray.cluster_utils import Cluster
from keqiao.matching.all_pairs import driving, runners
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
nodes = [cluster.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(2)]
told = []
def tell(done, total):
    told.append(done)
    if done and len(nodes) == 2:
        cluster.remove_node(nodes.pop(), allow_graceful=False)
assert driving.drive(runners.OnRay(cluster.address), tell=tell)
cluster.shutdown()
print("TOLD", json.dumps([told, len(nodes)]))
"""
EMBEDDED = """
from keqiao.matching import services
from keqiao.matching.all_pairs import driving, runners
from keqiao.matching.models import Match, PairsRun
from keqiao.parties import selectors as parties
Match.objects.all().delete()
services.begin_all_pairs(actor=parties.system(), needs_a_shard=50)
assert driving.drive(runners.OnRay("local", 1))
print("DONE", PairsRun.objects.filter(state="done").count())
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as made:
        assert made.keqiao("migrate").returncode == 0
        made.python(SMALL_CITY)
        yield made


def test_a_killed_node_costs_nothing(site: Site) -> None:
    said = next(line for line in site.python(ON_RAY).splitlines() if line.startswith("TOLD"))
    told, nodes = json.loads(said.removeprefix("TOLD"))
    assert nodes == 1
    after = found(site)
    assert after["done"] == after["shards"]
    assert len(after["told"]) == len(set(map(str, after["told"])))
    assert told[-1] > 0
    site.python(FRESH)
    fresh = found(site)["rows"]
    assert fresh == after["rows"]
    assert "DONE 2" in site.python(EMBEDDED)
    assert found(site)["rows"] == fresh
