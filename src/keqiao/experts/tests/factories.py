"""Plain functions that build experts rows, through the commands."""

from itertools import count

from keqiao.catalogue.models import TeamMember
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.experts import services, tasks
from keqiao.experts.models import AssignmentPlan, ExpertProfile
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_operator, make_organisation, make_person
from keqiao.parties.types import Role

_number = count(1)

MEMBRANE = "耐酸纳滤膜的界面聚合与卷对卷涂覆，在强酸废水里长期稳定。"
BEARING = "滚动轴承早期故障的振动诊断，用小波包与深度网络识别剥落。"
BATTERY = "固态电池的硫化物电解质与界面阻抗，低温下的离子电导率。"


def make_expert(*papers, statement="", organisation=None, role=Role.RESEARCHER, capacity=2, is_listed=True, **fields):
    """A listed expert with papers, indexed."""
    organisation = organisation or make_organisation(kind="university")
    person = make_person(organisation=organisation, role=role, **fields)
    actor = parties.actor_for(person.user)
    services.rewrite_expert(actor=actor, statement_zh=statement, capacity=capacity)
    for text in papers:
        services.add_paper(actor=actor, title=text[:40], abstract=text)
    if is_listed:
        services.list_expert(actor=actor)
    return index(ExpertProfile.objects.get(person=person))


def index(profile):
    services.index_expert(actor=parties.system(), profile_id=profile.pk)
    return ExpertProfile.objects.select_related("person").get(pk=profile.pk)


def actor_of(profile):
    return parties.actor_for(profile.person.user)


def make_work(profile, *, title="耐酸纳滤膜", summary=MEMBRANE, owner=None, claim=True):
    """A public achievement of the expert's organisation whose team names them."""
    actor = actor_of(profile)
    organisation = owner or parties.posts_of(actor).first().organisation
    work = make_achievement(owner=organisation, title=title, summary=summary)
    TeamMember.objects.create(achievement=work, position=0, name_zh=profile.person.name_zh)
    if claim:
        services.rewrite_expert(
            actor=actor, statement_zh=profile.statement_zh, capacity=profile.capacity, works=[work.code]
        )
    return work


def make_needs():
    """One about membranes, one about bearings, one about batteries."""
    return [
        make_need(title=text[:12], problem=text, publisher=make_organisation(name_zh=f"需求企业{next(_number)}"))
        for text in (MEMBRANE, BEARING, BATTERY)
    ]


def make_plan(needs, *, actor=None, computed=True, **given):
    given = {"kind": "experts", "title": "十一月派单", "key": f"key-{next(_number):08d}", **given}
    plan = services.make_plan(actor=actor or make_operator(), need_codes=[need.code for need in needs], **given)
    if computed:
        tasks.compute_plan(plan_id=plan.pk)
    return AssignmentPlan.objects.get(pk=plan.pk)
