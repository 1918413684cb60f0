"""The pages: what they show, refuse and keep."""

import re

import pytest

from keqiao.kernel.models import Event
from keqiao.parties import selectors, services
from keqiao.parties.models import (
    Absence,
    Invitation,
    JoinRequest,
    Merge,
    Organisation,
    OrganisationChange,
    Person,
    Post,
)
from keqiao.parties.tests.factories import (
    PDF,
    again,
    make_actor,
    make_code,
    make_operator,
    make_organisation,
    make_paper,
    make_person,
    make_post,
    user_of,
)
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def sign_in(client):
    def act(actor):
        client.force_login(user_of(actor))
        return client

    return act


PLACES = [
    "/join",
    "/join/new",
    "/join/{code}",
    "/me/organisations",
    "/me/profile",
    "/organisations/{code}/manage",
    "/organisations/{code}/members",
    "/organisations/{code}/changes",
    "/verifications",
    "/join-requests",
    "/merges",
    "/invitation?t=x",
]


@pytest.mark.parametrize("place", PLACES)
def test_visitors_are_led_to_sign_in(client, place):
    organisation = make_organisation()
    answer = client.get(place.format(code=organisation.code))
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in")


@pytest.mark.parametrize(
    "place",
    [
        "/organisations/{code}/manage",
        "/organisations/{code}/members",
        "/organisations/{code}/changes",
        "/verifications",
        "/join-requests",
        "/merges",
        "/invitation?t=x",
        "/organisations/{code}/manage/evidence/tech_sme",
    ],
)
def test_what_is_not_ones_business_is_not_there(sign_in, place):
    organisation = make_organisation()
    client = sign_in(make_actor(organisation=make_organisation()))
    assert client.get(place.format(code=organisation.code)).status_code == 404


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_renders_for_an_operator(sign_in, client, language):
    operator = make_operator()
    organisation = Organisation.objects.get(pk=operator.acting_for)
    client = sign_in(operator)
    client.cookies["keqiao_language"] = language
    for place in PLACES[:-1]:
        assert client.get(place.format(code=organisation.code)).status_code == 200, place


def test_found_by_credit_code_or_alias(sign_in):
    organisation = make_organisation(name_zh="澜江膜业有限公司", credit_code=make_code())
    organisation.aliases.create(name="老膜厂")
    make_organisation(name_zh="别家公司")
    client = sign_in(make_actor())
    for wanted in (organisation.credit_code, "膜业", "老膜"):
        text = client.get("/join", {"q": wanted}).content.decode()
        assert ("澜江膜业" in text, "别家公司" in text) == (True, False)
    assert "登记新单位" in client.get("/join", {"q": "没有这家"}).content.decode()


def test_asking_answering_and_taking_back(sign_in):
    organisation = make_organisation(kind="university")
    officer = make_actor(organisation=organisation, role=Role.CONVERSION_OFFICER)
    newcomer = make_actor()
    client = sign_in(newcomer)
    refused = client.post(f"/join/{organisation.code}", {"role": "bank_officer"})
    assert (refused.status_code, "银行客户经理" in refused.content.decode()) == (422, True)
    answer = client.post(f"/join/{organisation.code}", {"role": "researcher", "text": "<script>alert(1)</script>"})
    assert answer["Location"] == "/me/organisations"
    request = JoinRequest.objects.get()
    client = sign_in(officer)
    page = client.get(f"/organisations/{organisation.code}/members").content.decode()
    assert ("&lt;script&gt;" in page, "<script>alert" in page) == (True, False)
    client.post(f"/join-requests/{request.code}", {"step": "approve", "next": "https://evil.example/"})
    assert again(newcomer).has_role(organisation.pk, "researcher")


def test_founding_on_the_page(sign_in):
    founder = make_actor()
    client = sign_in(founder)
    fields = {"kind": "enterprise", "name_zh": "新膜科技", "credit_code": "91350100M000100Y44", "role": "rd_manager"}
    refused = client.post("/join/new", {**fields, "licence": make_paper()})
    text = refused.content.decode()
    assert (refused.status_code, 'href="#found-credit_code"' in text, 'value="新膜科技"' in text) == (422, True, True)
    answer = client.post("/join/new", {**fields, "credit_code": make_code(), "licence": make_paper()})
    verification = selectors.own_verifications(founder).get()
    assert answer["Location"] == f"/verifications/{verification.code}"
    kept = client.get(f"/verifications/{verification.code}/licence")
    assert (b"".join(kept.streaming_content), kept["Content-Disposition"].split(";")[0]) == (PDF, "attachment")
    register = client.get(f"/organisations/{verification.organisation.code}").content.decode()
    assert "待核实" in register
    stranger = sign_in(make_actor(organisation=make_organisation()))
    assert stranger.get(f"/verifications/{verification.code}").status_code == 404
    assert stranger.get(f"/verifications/{verification.code}/licence").status_code == 404
    operator = sign_in(make_operator())
    assert verification.code in operator.get("/verifications").content.decode()
    assert operator.post(f"/verifications/{verification.code}", {"step": "ask", "text": " "}).status_code == 422
    operator.post(f"/verifications/{verification.code}", {"step": "approve"})
    assert Organisation.objects.get(pk=verification.organisation_id).is_verified


def test_acting_for_another_organisation(sign_in):
    here, there = make_organisation(name_zh="甲单位"), make_organisation(name_zh="乙单位")
    person = make_person(organisation=here)
    make_post(person, there, Role.RESEARCHER)
    actor = selectors.actor_for(person.user)
    assert (actor.acting_for, actor.posts) == (here.pk, {(here.pk, "rd_manager")})
    client = sign_in(actor)
    assert client.get(f"/organisations/{here.code}/manage").status_code == 200
    assert client.get(f"/organisations/{there.code}/manage").status_code == 404
    client.post("/me/organisation", {"code": there.code, "next": "//evil.example"})
    assert client.get(f"/organisations/{there.code}/manage").status_code == 200
    assert client.get(f"/organisations/{here.code}/manage").status_code == 404
    assert "乙单位" in re.search(r"acting__name.*?</span>", client.get("/rules").content.decode())[0]
    assert client.post("/me/organisation", {"code": make_organisation().code}).status_code == 404


def test_describing_the_organisation(sign_in):
    organisation = make_organisation(name_zh="旧名")
    client = sign_in(make_actor(organisation=organisation))
    place = f"/organisations/{organisation.code}/manage"
    fields = {
        "name_zh": "新名",
        "name_en": "New name",
        "short_zh": "新",
        "short_en": "",
        "region": "",
        "about_zh": "介绍",
        "about_en": "",
    }
    assert client.post(place, fields)["Location"] == f"{place}?saved=1"
    client.post(f"{place}/aliases", {"name": "旧名"})
    assert client.post(f"{place}/identifiers", {"scheme": "lei", "value": "529900T8BM49AURSDO56"}).status_code == 422
    client.post(f"{place}/identifiers", {"scheme": "lei", "value": "529900T8BM49AURSDO55"})
    client.post(
        f"{place}/qualifications",
        {"kind": "tech_sme", "number": "ZS-4711", "valid_until": "2099-01-01", "evidence": make_paper()},
    )
    assert client.post(f"{place}/qualifications", {"kind": "tech_sme", "valid_until": "2020"}).status_code == 422
    scan = client.get(f"{place}/evidence/tech_sme")
    assert (b"".join(scan.streaming_content), scan["Content-Type"]) == (PDF, "application/pdf")
    shown = client.get(f"/organisations/{organisation.code}").content.decode()
    assert ("旧名" in shown, "529900T8BM49AURSDO55" in shown, "ZS-4711" in shown) == (True, True, False)
    operator = sign_in(make_operator())
    diff = operator.get(f"/organisations/{organisation.code}/changes").content.decode()
    assert ("<del>旧名</del>" in diff, "<ins>新名</ins>" in diff) == (True, True)
    assert OrganisationChange.objects.count() == 4


def test_members_and_invitations(sign_in, settings):
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    client = sign_in(manager)
    place = f"/organisations/{organisation.code}"
    post = Post.objects.get(person_id=manager.person_id)
    refused = client.post(f"{place}/members/{post.number}", {"step": "end"})
    assert (refused.status_code, "最后一位" in refused.content.decode(), Post.objects.get(pk=post.pk).ended_on) == (
        409,
        True,
        None,
    )
    client.post(f"{place}/invitations", {"role": "researcher", "email": ""})
    page = client.get(f"{place}/members").content.decode()
    token = re.search(r"/invitation\?t=([0-9a-f]{64})", page)[1]
    assert token not in client.get(f"{place}/members").content.decode()
    newcomer = make_actor()
    client = sign_in(newcomer)
    assert "邀请您加入" in client.get("/invitation", {"t": token}).content.decode()
    assert client.post("/invitation", {"t": token}).status_code == 302
    assert again(newcomer).has_role(organisation.pk, "researcher")
    again_used = sign_in(make_actor()).post("/invitation", {"t": token})
    assert (again_used.status_code, "已经用过" in again_used.content.decode()) == (409, True)
    client = sign_in(again(manager))
    client.post(f"{place}/invitations", {"role": "researcher", "email": "wang@example.org"})
    client.post(f"{place}/invitations/{Invitation.objects.get(email='wang@example.org').code}/withdraw")
    assert Invitation.objects.get(email="wang@example.org").state == "withdrawn"


def test_a_substitute_on_the_page(sign_in):
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    colleague = make_actor(organisation=organisation, role=Role.RESEARCHER)
    client = sign_in(manager)
    bad = client.post("/me/absences", {"substitute": colleague.person_id, "first_on": "x", "last_on": "2099-01-01"})
    assert (bad.status_code, Absence.objects.count()) == (422, 0)
    today = selectors.clock.today().isoformat()
    client.post("/me/absences", {"substitute": colleague.person_id, "first_on": today, "last_on": today})
    assert again(colleague).has_role(organisation.pk, "rd_manager")
    assert "您现在代办的同事" in sign_in(colleague).get("/me/organisations").content.decode()
    client.post(f"/me/absences/{Absence.objects.get().pk}/end")
    assert not again(colleague).has_role(organisation.pk, "rd_manager")


def test_the_profile_keeps_to_itself(sign_in):
    organisation = make_organisation()
    actor = make_actor(organisation=organisation)
    client = sign_in(actor)
    fields = {
        "name_zh": "林若川",
        "name_en": "Lin Ruochuan",
        "title_zh": "教授",
        "orcid": "0000-0002-1825-0097",
        "expertise": "膜分离，湿法冶金",
        "language": "en",
    }
    answer = client.post("/me/profile", fields)
    assert (answer.status_code, answer.cookies["keqiao_language"].value) == (302, "en")
    client.cookies["keqiao_language"] = "zh-hans"
    public = client.get(f"/organisations/{organisation.code}").content.decode()
    assert "湿法冶金" not in public
    client.post("/me/profile", {**fields, "language": "", "shown": ["name", "expertise"]})
    client.cookies["keqiao_language"] = "zh-hans"
    public = client.get(f"/organisations/{organisation.code}").content.decode()
    assert ("湿法冶金" in public, "0000-0002-1825-0097" in public, user_of(actor).email in public) == (
        True,
        False,
        False,
    )
    bad = client.post("/me/profile", {**fields, "orcid": "0000-0002-1825-0098"})
    assert (bad.status_code, Person.objects.get(pk=actor.person_id).orcid) == (422, "0000-0002-1825-0097")


def test_a_merged_code_leads_to_the_other(sign_in):
    kept, gone = make_organisation(), make_organisation()
    client = sign_in(make_operator())
    assert client.post("/merges", {"kept": kept.code, "gone": "DW-0"}).status_code == 422
    client.post("/merges", {"kept": kept.code, "gone": gone.code})
    answer = client.get(f"/organisations/{gone.code}")
    assert (answer.status_code, answer["Location"]) == (301, f"/organisations/{kept.code}")
    assert kept.code in client.get("/merges").content.decode()
    client.post(f"/merges/{Merge.objects.get().code}/undo")
    assert client.get(f"/organisations/{gone.code}").status_code == 200


def cost(django_assert_max_num_queries, client, place):
    with django_assert_max_num_queries(60) as seen:
        assert client.get(place).status_code == 200
    return len(seen.captured_queries)


@pytest.mark.parametrize(
    "place", ["/verifications", "/join-requests", "/merges", "/me/organisations", "{own}/members", "{own}/changes"]
)
@pytest.mark.slow
def test_one_row_costs_what_three_cost(sign_in, django_assert_max_num_queries, place):
    operator = make_operator()
    own = Organisation.objects.get(pk=operator.acting_for)
    client = sign_in(operator)

    def one_more():
        founder = make_actor()
        services.found_organisation(
            actor=founder, kind="enterprise", name_zh="新膜", credit_code=make_code(), licence=make_paper()
        )
        services.request_to_join(actor=make_actor(), code=make_organisation().code, role="researcher")
        services.request_to_join(actor=operator, code=make_organisation().code, role="researcher")
        services.request_to_join(actor=make_actor(), code=own.code, role="technology_manager")
        services.merge_organisations(
            actor=operator, kept_code=make_organisation().code, gone_code=make_organisation().code
        )
        services.add_alias(actor=operator, code=own.code, name=f"别名{Event.objects.count()}")
        services.invite(actor=operator, code=own.code, role="technology_manager")
        make_post(make_person(), own, Role.AGENCY_STAFF)

    one_more()
    where = place.format(own=f"/organisations/{own.code}")
    cost(django_assert_max_num_queries, client, where)
    first = cost(django_assert_max_num_queries, client, where)
    one_more()
    one_more()
    assert cost(django_assert_max_num_queries, client, where) == first
