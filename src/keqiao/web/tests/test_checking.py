"""The check of a draft before it is handed in, through its page."""

import pytest
from django.test import Client

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.matching import indexing
from keqiao.matching.tests.factories import forget_everything
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.submissions.tests.factories import make_draft, make_field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
PROBLEM = "酸性浸出液提锂，现用纳滤膜三个月失效，要"
FLUX = {"name_zh": "纯水通量", "unit": "LMH/bar", "value": "18"}
VAGUE = ("高性能", "低成本", "长寿命")
OTHER_FIELDS = ("猪蓝耳病的检测试剂", "桥梁拉索的振动监测", "方言语音的识别", "高炉煤气的余热回收", "苹果的低温贮藏")


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    forget_everything()
    yield
    forget_everything()


@pytest.fixture
def organisation():
    return make_organisation(name_zh="澄源膜材料")


@pytest.fixture
def actor(organisation):
    make_field()
    return make_actor(organisation=organisation)


@pytest.fixture
def client(actor):
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    return client


def drafted(actor, organisation, problem, rows):
    content = {"texts": {"zh": {"title": "耐酸纳滤膜的涂覆", "problem": problem}}, "indicators": rows}
    return make_draft(actor=actor, organisation=organisation, content=content)


def test_a_check_names_what_is_vague_and_which_unit_does_not_fit(client, actor, organisation):
    """Before there is an index, too, and with a link to each field."""
    draft = drafted(actor, organisation, "需要高性能的膜。", [{"name_zh": "工作温度", "unit": "MPa", "value": "3"}])
    page = client.get(f"/post/{draft.code}/check").content.decode()
    assert "<mark>高性能</mark>" in page
    assert f'href="/post/{draft.code}/2#f-indicators-0-unit"' in page
    assert f'href="/post/{draft.code}/check"' in client.get(f"/post/{draft.code}/2").content.decode()


def test_three_findings_cost_what_one_costs(client, actor, organisation, django_assert_max_num_queries):
    """With an index of the field: vague words, units that do not fit, and similar items."""
    for title in OTHER_FIELDS:
        make_achievement(title=title, summary=title)
    counts = []
    for many, more in ((1, 1), (3, 2)):
        for _number in range(more):
            make_need(title="耐酸纳滤膜的涂覆", problem=PROBLEM)
            make_achievement(title="耐酸纳滤膜", summary="用于酸性浸出液提锂的纳滤膜。", indicators=[FLUX])
        indexing.rebuild(lambda text: None)
        rows = [{"name_zh": f"{n} 号釜工作温度", "unit": "MPa", "value": "3"} for n in range(many)]
        draft = drafted(actor, organisation, PROBLEM + "、".join(VAGUE[:many]) + "。", rows)
        client.get(f"/post/{draft.code}/check")  # the rules and the index are opened
        with django_assert_max_num_queries(30) as counted:
            said = client.get(f"/post/{draft.code}/check").context
        assert [len(each) for each in (said["vague"], said["advice"].misfits, said["similar"])] == [many] * 3
        counts.append(len(counted))
    assert counts[0] == counts[1]
