"""kill -9 in the middle of computing a plan, again and again: it ends whole, once, and nobody was told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_sites import Site, new_site

pytestmark = pytest.mark.slow
NEEDS, EXPERTS = 24, 12
KILLS = (1, 4, 9)  # after so many needs, each time
PREPARE = f"""
from keqiao.kernel import parameters
from keqiao.parties import selectors as parties
parameters.load_packs(actor=parties.system())
from keqiao.catalogue.tests.factories import make_need
from keqiao.experts.tests.factories import make_expert, make_plan
from keqiao.parties.tests.factories import make_operator
topics = ["耐酸纳滤膜的界面聚合与连续涂覆", "滚动轴承早期故障的振动诊断", "固态电池的硫化物电解质与界面阻抗"]
for n in range({EXPERTS}):
    make_expert(topics[n % 3] + f"，第{{n}}种工艺的长期运行数据。", capacity=3)
needs = [make_need(title=topics[n % 3], problem=topics[n % 3] + f"，现用的第{{n}}种做法三个月失效。") for n in range({NEEDS})]
print(make_plan(needs, actor=make_operator(), computed=False).code)
"""
# What the worker's job does; it says when it begins with a need, so that a kill finds it there.
WORK = """
from keqiao.experts import services, tasks
from keqiao.experts.models import AssignmentPlan
score = services.score_need
def aloud(**given):
    print("need", flush=True)
    return score(**given)
services.score_need = aloud
plan = AssignmentPlan.objects.get()
tasks.compute_plan(plan_id=plan.pk)
"""
LOOK = """
from keqiao.experts.models import Assignment, AssignmentPlan, Pair
from keqiao.kernel.models import Notice
plan = AssignmentPlan.objects.get()
rows = list(Assignment.objects.values_list("need_id", "candidate_id"))
kinds = sorted(set(Notice.objects.values_list("kind", flat=True)))
print(plan.state, plan.scored, plan.total, len(rows), len(set(rows)), Pair.objects.count(), *kinds)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as found:
        assert found.keqiao("migrate").returncode == 0
        yield found


def test_a_killed_computation_goes_on_without_doubles_or_loss(site: Site) -> None:
    site.python(PREPARE)
    for after in KILLS:
        with site.start_python(WORK) as process:
            for _need in range(after):
                assert process.stdout.readline() == "need\n"
            process.kill()
            process.communicate()
    before = int(site.python(LOOK).split()[1])
    assert 0 < before < NEEDS
    assert site.python(WORK).count("need") == NEEDS - before  # what was scored is not scored again
    site.python(WORK)  # a job may run twice
    state, scored, total, rows, different, pairs, *told = site.python(LOOK).split()
    assert (state, scored, total) == ("ready", str(NEEDS), str(NEEDS))
    assert rows == different == str(NEEDS)  # room for 36, one for each need
    assert int(pairs) <= NEEDS * EXPERTS
    assert told == ["experts.plan_ready"]
