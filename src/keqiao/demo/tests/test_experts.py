"""Experts of the demo: they are found by what they did, and the plans have each answer."""

import pytest

from keqiao.accounts.tests.privacy_factories import agree, load_agreements
from keqiao.catalogue.tests.factories import make_need
from keqiao.demo import experts
from keqiao.experts.models import Assignment, AssignmentPlan, ExpertProfile, ExpertWord
from keqiao.parties.selectors import actor_for
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.mark.slow
def test_the_demo_loads_experts_and_plans_once():
    load_agreements()
    organisations = {key: make_organisation(kind="university").pk for key in ("lju", "dpu", "lut", "lmu")}
    organisations["ltt"] = make_organisation(kind="agency").pk
    operator = make_person(
        email=experts.OPERATOR, organisation=make_organisation(kind="agency"), role=Role.ADMINISTRATOR
    )
    agree(actor_for(operator.user))
    for text in (
        "三嗪类单体合成，耐酸纳滤膜分离层",
        "聚酰胺纳滤膜的清洗与修复",
        "卷对卷涂布线的厚度测量",
        "锂的选择性萃取，废电池浸出液",
    ):
        make_need(title=text, problem=text, is_fictional=True)
    for _again in range(2):
        experts.load(organisations, password="lanjiang-2026-demo", progress=lambda _text: None)
    assert ExpertProfile.objects.filter(is_listed=True).count() == len(experts.EXPERTS) + len(experts.BROKERS)
    assert ExpertWord.objects.exists()
    assert sorted(AssignmentPlan.objects.values_list("state", flat=True)) == ["confirmed", "ready"]
    assert {"accepted", "declined", "asked", "proposed"} <= set(Assignment.objects.values_list("state", flat=True))
