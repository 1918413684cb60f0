"""Being let into an organisation: asking, founding, verification."""

import pytest

from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Notice, StoredFile
from keqiao.parties import selectors, services
from keqiao.parties.models import JoinRequest, Organisation, Post, Verification
from keqiao.parties.tests.factories import (
    again,
    make_actor,
    make_code,
    make_operator,
    make_organisation,
    make_paper,
    make_person,
    make_post,
)
from keqiao.parties.types import (
    FOUNDED_BY_ITSELF,
    PLATFORM_ROLES,
    JoinState,
    Role,
    VerificationState,
    founding_roles,
    roles_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def files(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def told(actor):
    return list(Notice.objects.filter(person_id=actor.person_id).order_by("created_at").values_list("kind", flat=True))


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_request_is_approved_by_somebody_of_the_organisation():
    organisation = make_organisation(kind="university")
    officer = make_actor(organisation=organisation, role=Role.CONVERSION_OFFICER)
    newcomer = make_actor()
    request = services.request_to_join(
        actor=newcomer, code=organisation.code, role="researcher", text="  膜分离团队，2019 年入职。 "
    )
    assert (request.state, request.text, again(newcomer).posts) == ("open", "膜分离团队，2019 年入职。", frozenset())
    assert told(officer) == ["parties.to_decide"]
    services.approve_join(actor=officer, code=request.code)
    assert again(newcomer).posts == {(organisation.pk, "researcher")}
    assert told(newcomer) == ["parties.membership"]
    assert [event.data for event in Event.objects.filter(name="parties.join_approved")] == [
        {"organisation_id": organisation.pk, "person_id": newcomer.person_id}
    ]


def test_a_declined_request_says_why():
    organisation = make_organisation()
    manager, newcomer = make_actor(organisation=organisation), make_actor()
    request = services.request_to_join(actor=newcomer, code=organisation.code, role="researcher")
    with pytest.raises(BadInput) as caught:
        services.decline_join(actor=manager, code=request.code, reason="  ")
    assert caught.value.field == "reason"
    services.decline_join(actor=manager, code=request.code, reason="没有查到您在本单位任职。")
    request.refresh_from_db()
    assert (request.state, request.reason, request.decided_by_id) == (
        "declined",
        "没有查到您在本单位任职。",
        manager.person_id,
    )
    assert again(newcomer).posts == frozenset()
    with pytest.raises(WrongState):
        services.approve_join(actor=manager, code=request.code)


def test_who_asks_twice_is_told_so():
    organisation, newcomer = make_organisation(), make_actor()
    services.request_to_join(actor=newcomer, code=organisation.code, role="researcher")
    with pytest.raises(BadInput):
        services.request_to_join(actor=newcomer, code=organisation.code, role="rd_manager")
    assert JoinRequest.objects.count() == 1


def test_who_took_it_back_may_ask_again():
    organisation, newcomer = make_organisation(), make_actor()
    first = services.request_to_join(actor=newcomer, code=organisation.code, role="researcher")
    with pytest.raises(NotFound):
        services.take_back_join(actor=make_actor(), code=first.code)
    services.take_back_join(actor=newcomer, code=first.code)
    services.request_to_join(actor=newcomer, code=organisation.code, role="rd_manager")
    assert list(JoinRequest.objects.order_by("id").values_list("state", flat=True)) == ["taken_back", "open"]


@pytest.mark.parametrize(
    ("kind", "role"),
    [("university", "bank_officer"), ("bank", "researcher"), ("enterprise", "administrator"), ("bank", "x")],
)
def test_a_role_that_makes_no_sense_there_is_refused(kind, role):
    organisation, newcomer = make_organisation(kind=kind), make_actor()
    with pytest.raises(BadInput) as caught:
        services.request_to_join(actor=newcomer, code=organisation.code, role=role)
    assert (caught.value.field, JoinRequest.objects.count(), Notice.objects.count()) == ("role", 0, 0)


def test_nobody_decides_about_themselves_or_elsewhere():
    organisation, elsewhere = make_organisation(), make_organisation()
    request = services.request_to_join(
        actor=(newcomer := make_actor(organisation=elsewhere)), code=organisation.code, role="rd_manager"
    )
    with pytest.raises(NotAllowed):
        services.approve_join(actor=newcomer, code=request.code)
    with pytest.raises(NotFound):
        services.approve_join(actor=make_actor(organisation=elsewhere), code=request.code)
    make_post(make_person(), organisation, Role.RESEARCHER)
    assert JoinRequest.objects.get().state == JoinState.OPEN


def test_a_researcher_of_it_does_not_decide():
    organisation = make_organisation()
    researcher = make_actor(organisation=organisation, role=Role.RESEARCHER)
    request = services.request_to_join(actor=make_actor(), code=organisation.code, role="researcher")
    with pytest.raises(NotFound):
        services.approve_join(actor=researcher, code=request.code)


def test_operators_decide_only_where_nobody_else_can():
    operator = make_operator()
    empty, staffed = make_organisation(), make_organisation()
    make_actor(organisation=staffed)
    for organisation in (empty, staffed):
        services.request_to_join(actor=make_actor(), code=organisation.code, role="rd_manager")
    assert [row.organisation for row in selectors.join_requests_for_operators(operator)] == [empty]
    with pytest.raises(NotAllowed):
        services.approve_join(actor=operator, code=JoinRequest.objects.get(organisation=staffed).code)
    services.approve_join(actor=operator, code=JoinRequest.objects.get(organisation=empty).code)
    assert told(operator) == ["parties.to_decide"]
    assert Post.objects.filter(organisation=empty).count() == 1


def test_visitors_ask_nothing():
    organisation = make_organisation()
    with pytest.raises(NotAllowed):
        services.request_to_join(actor=selectors.visitor(), code=organisation.code, role="researcher")


# --- founding ---------------------------------------------------------------------------------------------------------


def found(actor, **given):
    fields = {
        "kind": "enterprise",
        "name_zh": "澜江新膜科技有限公司",
        "credit_code": make_code(),
        "licence": make_paper(),
        **given,
    }
    return services.found_organisation(actor=actor, **fields)


@pytest.mark.usefixtures("files")
def test_founding_waits_for_the_operators():
    operator, founder = make_operator(), make_actor()
    verification = found(founder, name_en="Lanjiang New Membrane Co., Ltd.")
    organisation = verification.organisation
    assert (organisation.is_verified, selectors.may_publish(organisation.pk)) == (False, False)
    assert again(founder).posts == {(organisation.pk, "rd_manager")}
    assert told(operator) == ["parties.to_decide"]
    assert list(selectors.verification_queue(operator)) == [verification]
    services.ask_founder(actor=operator, code=verification.code, text="执照照片看不清，请重新上传。")
    assert list(selectors.verification_queue(operator)) == []
    founder = again(founder)
    services.answer_verification(
        actor=founder,
        code=verification.code,
        text="已重新上传。",
        licence=make_paper(b"\x89PNG\r\n\x1a\n....", "a.png"),
    )
    services.approve_verification(actor=operator, code=verification.code)
    organisation.refresh_from_db()
    verification.refresh_from_db()
    assert (organisation.is_verified, verification.state, verification.licence.media_type) == (
        True,
        VerificationState.APPROVED,
        "image/png",
    )
    assert told(founder) == ["parties.membership", "parties.membership"]
    assert told(operator) == ["parties.to_decide", "parties.to_decide"]


@pytest.mark.usefixtures("files")
def test_what_was_declined_leaves_the_register_and_frees_its_code():
    operator, founder = make_operator(), make_actor()
    code = make_code()
    verification = found(founder, credit_code=code)
    services.decline_verification(actor=operator, code=verification.code, reason="执照上的名称与填写的不一致。")
    assert again(founder).posts == frozenset()
    with pytest.raises(NotFound):
        selectors.get_organisation(verification.organisation.code, actor=make_actor())
    verification.refresh_from_db()
    assert (verification.credit_code, Organisation.objects.get(pk=verification.organisation_id).credit_code) == (
        code,
        None,
    )
    assert found(make_actor(), credit_code=code).organisation.credit_code == code
    assert selectors.get_verification(verification.code, actor=again(founder)).notes.get().text.startswith("执照")


@pytest.mark.usefixtures("files")
def test_the_founder_does_not_verify_and_strangers_do_not_look():
    operator = make_operator()
    verification = found(operator)
    assert verification.applicant_id == operator.person_id
    with pytest.raises(NotAllowed):
        services.approve_verification(actor=again(operator), code=verification.code)
    other = found(make_actor())
    with pytest.raises(NotFound):
        selectors.get_verification(other.code, actor=make_actor(organisation=make_organisation()))
    with pytest.raises(NotFound):
        services.approve_verification(actor=make_actor(), code=other.code)
    assert set(Verification.objects.values_list("state", flat=True)) == {"open"}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "club"}, "kind"),
        ({"kind": "repository"}, "kind"),
        ({"name_zh": " ", "name_en": ""}, "name_zh"),
        ({"name_zh": "名" * 201}, "name_zh"),
        ({"credit_code": "91350100M000100Y44"}, "credit_code"),
        ({"credit_code": ""}, "credit_code"),
        ({"kind": "channel", "credit_code": "", "registration": "12345"}, "registration"),
        ({"region": "<b>"}, "region"),
        ({"role": "researcher"}, "role"),
        ({"licence": None}, "licence"),
        ({"licence": make_paper(b"")}, "licence"),
        ({"licence": make_paper(b"<html>", "a.pdf")}, "licence"),
        ({"licence": make_paper(b"%PDF-" + b"0" * (11 * 1024 * 1024))}, "licence"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(given, field):
    founder = make_actor()
    with pytest.raises(BadInput) as caught:
        found(founder, **given)
    assert caught.value.field == field
    counts = (Organisation.objects.count(), Post.objects.count(), StoredFile.objects.count(), Event.objects.count())
    assert counts == (0, 0, 0, 0)


@pytest.mark.usefixtures("files")
def test_a_centre_abroad_gives_its_registration_instead():
    verification = found(
        make_actor(),
        kind="channel",
        credit_code="",
        registration="de  HRB 12345",
        name_zh="",
        name_en="Lanjiang Centre Munich",
    )
    assert [str(row) for row in verification.organisation.identifiers.all()] == ["registration DE HRB 12345"]
    with pytest.raises(BadInput) as caught:
        found(make_actor(), kind="channel", credit_code="", registration="DE-HRB 12345", name_en="Another")
    assert caught.value.field == "registration"


@pytest.mark.usefixtures("files")
def test_an_organisation_that_exists_is_not_founded_again():
    code = make_code()
    make_organisation(credit_code=code)
    with pytest.raises(BadInput) as caught:
        found(make_actor(), credit_code=code)
    assert (caught.value.field, Organisation.objects.count()) == ("credit_code", 1)


@pytest.mark.usefixtures("files")
def test_while_it_is_unverified_its_founder_lets_nobody_in():
    founder = make_actor()
    organisation = found(founder).organisation
    founder = again(founder)
    request = services.request_to_join(actor=make_actor(), code=organisation.code, role="researcher")
    with pytest.raises(NotAllowed):
        services.approve_join(actor=founder, code=request.code)
    with pytest.raises(WrongState):
        services.invite(actor=founder, code=organisation.code, role="researcher")


def test_every_kind_can_be_founded_by_somebody_who_may_let_others_in():
    for kind in FOUNDED_BY_ITSELF:
        assert founding_roles(kind), kind
        assert not PLATFORM_ROLES & set(roles_in(kind)), kind
    assert roles_in("repository") == ()


def test_operators_appoint_only_where_it_makes_sense():
    bank, person = make_organisation(kind="bank"), make_person()
    with pytest.raises(BadInput) as caught:
        services.appoint(actor=selectors.system(), person_id=person.pk, organisation_id=bank.pk, role="researcher")
    assert (caught.value.field, Post.objects.count()) == ("role", 0)


def test_people_read_notices_in_their_language():
    person = make_person(language="en")
    assert (selectors.language_of(person.pk), selectors.language_of(make_person().pk)) == ("en", "")
