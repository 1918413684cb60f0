"""Contributors without an account: named, signed and confirmed for with a document, paid when they have joined."""

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as sharing
from keqiao.catalogue.models import NamedContributor, SignatureEvidence
from keqiao.catalogue.types import Part
from keqiao.deals import selectors, services, subscribers
from keqiao.deals.models import Evidence
from keqiao.deals.states import PayeeNotJoined, VouchedForSomebody
from keqiao.deals.tests.factories import end_notice, make_world, pay_all, prepare
from keqiao.kernel import personal
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Event
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_organisation, user_of
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def world(rules):
    return make_world()


def scan():
    return SimpleUploadedFile("同意书.pdf", b"%PDF-1.7 signed", content_type="application/pdf")


def name(world, **more):
    return sharing.name_contributor(
        actor=world.officer, achievement_code=world.result.code, **{"name_zh": "韩墨言", **more}
    )


def share_with(world, row, *, sign=True):
    """Version 2: half for the first of the team, half for somebody without an account."""
    parts = [Part(world.team[0].person_id, 5000), Part(row.person_id, 5000)]
    sharing.propose_shares(actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=1)
    if sign:
        sharing.sign_shares(actor=world.team[0], achievement_code=world.result.code, number=2)
        sign_for(world, row)


def sign_for(world, row, *, actor=None, evidence=None):
    return sharing.sign_shares_for(
        actor=actor or world.officer, achievement_code=world.result.code, number=2,
        key=catalogue.contributor_key(world.result.code, row.person_id), evidence=evidence or scan(),
    )  # fmt: skip


def payable_for(world):
    """Confirmed by the one, for the other, approved by another officer, and shown."""
    distribution = prepare(world)
    services.confirm_line(actor=world.team[0], code=distribution.code)
    services.confirm_line_for(actor=world.officer, code=distribution.code, confirmation_number=2, evidence=scan())
    services.approve(actor=world.second_officer, code=distribution.code)
    distribution.refresh_from_db()
    end_notice(distribution)
    return distribution


def link(row):
    return {"code": row.code, "token": catalogue.joining_token(row.code)}


def hear_of_joining():
    for event in Event.objects.filter(name="catalogue.contributor_joined"):
        subscribers.contributor_joined(event)


def test_signed_and_confirmed_for_and_paid_after_joining(world):
    row = name(world)
    share_with(world, row)
    version = catalogue.shares_of([world.result.pk])[world.result.pk]
    assert (version.number, SignatureEvidence.objects.get().made_by_id) == (2, world.officer.person_id)
    distribution = payable_for(world)
    states = {payment.person_id: payment.state for payment in distribution.payments.all() if payment.person_id}
    assert states == {world.team[0].person_id: "waiting", row.person_id: "held"}
    held = distribution.payments.get(person_id=row.person_id)
    with pytest.raises(PayeeNotJoined):
        services.pay(actor=world.finance, code=held.code)
    assert pay_all(world, distribution).state == "payable"  # what is held is still to be paid
    himself = make_actor()
    sharing.join_as_contributor(actor=himself, **link(row))
    hear_of_joining()
    hear_of_joining()  # a job may run twice
    held.refresh_from_db()
    assert held.state == "waiting"
    assert selectors.own_confirmations(himself).get().person_id == row.person_id
    assert selectors.own_totals(himself) == [("CNY", "waiting", 658_000_00)]
    assert pay_all(world, distribution).state == "paid"


def test_who_has_joined_answers_for_themselves(world):
    row = name(world)
    share_with(world, row, sign=False)
    himself = make_actor()
    sharing.join_as_contributor(actor=himself, **link(row))
    sharing.join_as_contributor(actor=himself, **link(row))  # twice is once
    with pytest.raises(NotAllowed):
        sign_for(world, row)
    for actor in (world.team[0], himself):
        sharing.sign_shares(actor=actor, achievement_code=world.result.code, number=2)
    distribution = prepare(world)
    with pytest.raises(NotAllowed):
        services.confirm_line_for(actor=world.officer, code=distribution.code, confirmation_number=2, evidence=scan())
    services.contest_line(actor=himself, code=distribution.code, reason="应为 60%")
    services.confirm_line(actor=himself, code=distribution.code)
    services.confirm_line(actor=world.team[0], code=distribution.code)
    distribution.refresh_from_db()
    assert (distribution.state, Evidence.objects.count()) == ("confirmed", 0)


def test_a_document_releases_what_waits(world):
    row = name(world)
    share_with(world, row)
    distribution = payable_for(world)
    held = distribution.payments.get(person_id=row.person_id)
    with pytest.raises(NotAllowed):
        services.release_payment(actor=world.finance, code=held.code, evidence=scan())
    with pytest.raises(BadInput):
        services.release_payment(actor=world.officer, code=held.code, evidence=None)
    for _twice in range(2):
        services.release_payment(actor=world.officer, code=held.code, evidence=scan())
    assert Evidence.objects.filter(payment=held).count() == 1
    assert pay_all(world, distribution).state == "paid"


def test_whoever_vouched_does_not_approve_and_others_do_not_vouch(world):
    row = name(world)
    share_with(world, row, sign=False)
    sharing.sign_shares(actor=world.team[0], achievement_code=world.result.code, number=2)
    for actor in (world.finance, world.auditor, world.team[0]):
        with pytest.raises((NotAllowed, NotFound)):
            sign_for(world, row, actor=actor)
    with pytest.raises(BadInput) as refused:
        sign_for(world, row, evidence=SimpleUploadedFile("x.pdf", b"<html>"))
    assert (refused.value.field, SignatureEvidence.objects.count()) == ("evidence", 0)
    sign_for(world, row)
    distribution = prepare(world)
    services.confirm_line(actor=world.team[0], code=distribution.code)
    for actor in (world.finance, world.auditor):
        with pytest.raises(NotAllowed):
            services.confirm_line_for(actor=actor, code=distribution.code, confirmation_number=2, evidence=scan())
    services.confirm_line_for(actor=world.officer, code=distribution.code, confirmation_number=2, evidence=scan())
    with pytest.raises(VouchedForSomebody):
        services.approve(actor=world.officer, code=distribution.code)
    services.approve(actor=world.second_officer, code=distribution.code)


def test_who_has_an_account_confirms_in_person(world):
    distribution = prepare(world)
    with pytest.raises(NotAllowed):
        services.confirm_line_for(actor=world.officer, code=distribution.code, confirmation_number=1, evidence=scan())
    for number in (0, 4):
        with pytest.raises(NotFound):
            services.confirm_line_for(
                actor=world.officer, code=distribution.code, confirmation_number=number, evidence=scan()
            )


def test_only_whose_link_it_is_joins(world):
    mine = make_actor()
    address = Person.objects.get(pk=mine.person_id).user.email
    row = name(world, email=address)
    with pytest.raises(NotFound):
        sharing.join_as_contributor(actor=make_actor(), **link(row))
    with pytest.raises(NotFound):
        sharing.join_as_contributor(actor=mine, code=row.code, token="0" * 64)
    sharing.join_as_contributor(actor=mine, **link(row))
    other = name(world)
    with pytest.raises(NotAllowed):  # officers do not join by the links they hand out
        sharing.join_as_contributor(actor=world.officer, **link(other))
    sharing.join_as_contributor(actor=make_actor(), **link(other))
    with pytest.raises(NotFound):
        sharing.join_as_contributor(actor=make_actor(), **link(other))


@pytest.mark.parametrize(
    ("given", "field"),
    [({"name_zh": " "}, "name_zh"), ({"name_zh": "长" * 81}, "name_zh"), ({"email": "无"}, "email")],
)
def test_a_name_that_cannot_be(world, given, field):
    with pytest.raises(BadInput) as refused:
        name(world, **given)
    assert (refused.value.field, NamedContributor.objects.count()) == (field, 0)


def test_they_are_told_how_to_join_once(world, settings):
    from keqiao.catalogue.tasks import mail_naming

    row = name(world, email="han@elsewhere.example")
    for _twice in range(2):
        mail_naming(naming_id=row.pk)
    assert [(each.to, catalogue.joining_path(row) in each.body) for each in mail.outbox] == [
        (["han@elsewhere.example"], True)
    ]


def test_erasing_who_joined_erases_whom_they_were_named_as(world):
    row = name(world, email="")
    share_with(world, row)
    himself = make_actor()
    sharing.join_as_contributor(actor=himself, **link(row))
    distribution = prepare(world)
    assert personal.export_of(himself.person_id)["deals"]["distributions"][0]["distribution"] == distribution.code
    assert personal.export_of(himself.person_id)["catalogue"]["named_as"][0]["name"] == "韩墨言"
    personal.erase(himself.person_id)
    assert Person.objects.get(pk=row.person_id).name_zh == personal.ERASED_ZH


def test_on_the_pages(world, client):
    at = f"/achievements/{world.result.code}/shares"
    client.force_login(user_of(world.officer))
    assert client.post(at, {"step": "name", "name_zh": ""}).status_code == 422
    assert client.post(at, {"step": "name", "name_zh": "韩墨言"}).status_code == 302
    row = NamedContributor.objects.get()
    shown = client.get(at).content.decode()
    assert catalogue.joining_token(row.code) in shown
    share_with(world, row, sign=False)
    key = catalogue.contributor_key(world.result.code, row.person_id)
    sharing.sign_shares(actor=world.team[0], achievement_code=world.result.code, number=2)
    assert key in client.get(at).content.decode()
    given = {"step": "sign_for", "number": "2", "key": key}
    assert client.post(at, given).status_code == 422
    assert client.post(at, {**given, "evidence": scan()}).status_code == 302
    paper = client.get(f"{at}/2/evidence/{key}")
    assert (paper.getvalue(), paper["Content-Security-Policy"]) == (b"%PDF-1.7 signed", "sandbox; default-src 'none'")
    distribution = prepare(world)
    there = f"/distributions/{distribution.code}"
    assert client.post(f"{there}/confirmations/2", {"evidence": scan()}).status_code == 302
    services.confirm_line(actor=world.team[0], code=distribution.code)
    services.approve(actor=world.second_officer, code=distribution.code)
    distribution.refresh_from_db()
    end_notice(distribution)
    held = distribution.payments.get(state="held")
    assert "待收款人加入" in client.get(there).content.decode()
    assert client.post(f"/payments/{held.code}/release", {"evidence": scan()}).status_code == 302
    papers = [f"{there}/evidence/confirmation/2", f"{there}/evidence/payment/{held.code}"]
    assert [client.get(paper).getvalue() for paper in papers] == [b"%PDF-1.7 signed"] * 2
    assert client.get(f"{there}/evidence/confirmation/1").status_code == 404
    stranger = make_actor(organisation=make_organisation(kind="university"), role=Role.CONVERSION_OFFICER)
    for actor in (world.team[0], stranger):
        client.force_login(user_of(actor))
        assert [client.get(paper).status_code for paper in [*papers, f"{at}/2/evidence/{key}"]] == [404] * 3
    himself = make_actor()
    client.force_login(user_of(himself))
    path = catalogue.joining_path(row)
    assert client.get("/contributors/join?c=GX-NONE&t=x").status_code == 404
    assert "韩墨言" in client.get(path).content.decode()
    assert client.post("/contributors/join", {"c": row.code, "t": catalogue.joining_token(row.code)}).status_code == 302
    assert client.get("/me/money").status_code == 200
