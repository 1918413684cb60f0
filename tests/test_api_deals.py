"""The API of deals and public notices: the same commands by token, the same silence about what is hidden."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as sharing
from keqiao.catalogue.types import Part
from keqiao.deals import services
from keqiao.deals.models import Distribution
from keqiao.deals.tests.factories import end_notice, make_world
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.ledger.models import Entry
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
SCOPES = ("deals:read", "deals:write", "notices:read", "notices:write", "organisations:read")


@pytest.fixture
def world(rules):
    return make_world(receipt=False)


@pytest.fixture
def caller(client):
    def made(actor, scopes=SCOPES):
        headers = bearer(make_token(person=Person.objects.get(pk=actor.person_id), scopes=list(scopes))[1])

        def call(method, address, body=None):
            given = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
            answer = client.generic(method, f"/api/v1{address}", headers=headers, **given)
            return answer.status_code, answer.json()

        return call

    return made


RECEIPT = {
    "name": "入门费", "received_on": "2026-11-16", "amount_minor": 200_000_000, "milestone": 1, "key": "k",
    "charges": [
        {"kind": "vat", "amount_minor": 0}, {"kind": "venue", "amount_minor": 2_000_000},
        {"kind": "other", "amount_minor": 4_000_000},
    ],
}  # fmt: skip


def test_from_a_receipt_to_the_book(world, caller, client):
    officer, finance = caller(world.officer), caller(world.finance)
    at = f"/deals/{world.deal.code}"
    assert finance("POST", f"{at}/receipts", RECEIPT) == finance("POST", f"{at}/receipts", RECEIPT)
    assert finance("POST", f"{at}/receipts", {**RECEIPT, "amount_minor": 1})[0] == 422
    status, sheet = officer("GET", f"{at}/receipts/1/simulation?rule={world.rule.code}")
    rewards = [line["amount"] for line in sheet["lines"] if line["step"] == "reward"]
    assert (status, rewards, Distribution.objects.count()) == (200, [131_600_000], 0)
    status, whole = officer("POST", f"{at}/receipts/1/distributions", {"rule": world.rule.code})
    assert (status, len(whole["confirmations"])) == (201, 3)
    there = f"/distributions/{whole['code']}"
    mine = [caller(actor) for actor in world.team]
    assert mine[1]("POST", f"/me/money/{whole['code']}/contest", {"reason": "应为 40%"})[0] == 200
    assert officer("POST", f"{there}/contests/2/reply", {"reply": "按签署的比例"})[1]["confirmations"][1]["reply"]
    for call in mine:
        status, own = call("POST", f"/me/money/{whole['code']}/confirmation")
        assert status == 200
    assert {line["name"] for line in own["lines"]} == {"", str(Person.objects.get(pk=world.team[2].person_id))}
    assert finance("POST", f"{there}/approval")[0] == 403
    assert officer("POST", f"{there}/approval")[1]["state"] == "in_notice"
    notice = officer("GET", there)[1]["notice"]
    colleague = caller(make_actor(organisation=world.home, role=Role.RESEARCHER))
    assert len(colleague("GET", f"/public-notices/{notice}")[1]["people"]) == 3
    status, made = colleague("POST", f"/public-notices/{notice}/objections", {"text": "份额不对"})
    answer = f"/public-notices/{notice}/objections/{made['code']}/answer"
    assert colleague("POST", answer, {"outcome": "dismissed", "answer": "x"})[0] == 404
    assert officer("POST", answer, {"outcome": "dismissed", "answer": "无误"})[1]["outcome"] == "dismissed"
    end_notice(Distribution.objects.get())
    payments = finance("GET", there)[1]["payments"]
    for payment in payments:
        assert finance("POST", f"/payments/{payment['code']}/payment", {})[1]["state"] == "paid"
    assert finance("GET", there)[1]["state"] == "paid"
    headers = bearer(make_token(person=Person.objects.get(pk=world.finance.person_id), scopes=["deals:read"])[1])
    sheet = client.get(f"/api/v1{there}/payroll?as=csv", headers=headers)
    assert {row.split(",")[0] for row in sheet.content.decode("utf-8-sig").splitlines()[1:]} <= {
        payment["code"] for payment in payments
    }
    assert client.get(f"/api/v1{there}/payroll", headers=headers).content[:2] == b"PK"
    assert (mine[0]("GET", f"{there}/payroll")[0], colleague("GET", f"{there}/payroll")[0]) == (404, 404)
    assert Entry.objects.count() == 1 + len(payments)
    assert officer("POST", f"{there}/reversal", {"reason": "更正"})[1]["state"] == "reversed"
    assert mine[0]("GET", "/me/money")[1]["items"][0]["payment"]["state"] == "paid"


def test_documents_by_which_somebody_was_answered_for(world, client, caller, settings, tmp_path):
    settings.DATA_DIR = tmp_path

    def scan():
        return SimpleUploadedFile("同意书.pdf", b"%PDF-1.7 signed", content_type="application/pdf")

    whose, at = {"actor": world.officer, "achievement_code": world.result.code}, f"/achievements/{world.result.code}"
    absent = sharing.name_contributor(**whose, name_zh="韩墨言").person_id
    parts = [Part(world.team[0].person_id, 5_000), Part(absent, 5_000)]
    sharing.propose_shares(**whose, contributors=parts, based_on=1)
    sharing.sign_shares(actor=world.team[0], achievement_code=world.result.code, number=2)
    key = catalogue.contributor_key(world.result.code, absent)
    sharing.sign_shares_for(**whose, number=2, key=key, evidence=scan())
    assert caller(world.finance)("POST", f"/deals/{world.deal.code}/receipts", RECEIPT)[0] == 201
    officer, given = caller(world.officer), {"rule": world.rule.code}
    code = officer("POST", f"/deals/{world.deal.code}/receipts/1/distributions", given)[1]["code"]
    services.confirm_line_for(actor=world.officer, code=code, confirmation_number=2, evidence=scan())
    services.confirm_line(actor=world.team[0], code=code)
    services.approve(actor=world.second_officer, code=code)
    end_notice(Distribution.objects.get())
    held = Distribution.objects.get().payments.get(state="held")
    services.release_payment(actor=world.officer, code=held.code, evidence=scan())
    papers = [
        f"/distributions/{code}/confirmations/2/evidence",
        f"/payments/{held.code}/evidence",
        f"{at}/shares/2/signatures/{key}/evidence",
    ]
    person = Person.objects.get(pk=world.officer.person_id)
    headers = bearer(make_token(person=person, scopes=["deals:read"])[1])
    got = [client.get(f"/api/v1{paper}", headers=headers) for paper in papers]
    assert [(answer.getvalue(), answer["Cache-Control"]) for answer in got] == [
        (b"%PDF-1.7 signed", "private, no-store")
    ] * 3
    for actor in (world.team[0], make_actor(organisation=make_organisation(), role=Role.CONVERSION_OFFICER)):
        assert [caller(actor)("GET", paper)[0] for paper in papers] == [404] * 3


def test_what_is_hidden_is_missing(world, caller):
    stranger = caller(make_actor(organisation=make_organisation(kind="university"), role=Role.CONVERSION_OFFICER))
    scopeless = caller(world.officer, ["me:read"])
    buyer = caller(make_actor(organisation=world.buyer))
    at = f"/deals/{world.deal.code}"
    caller(world.finance)("POST", f"{at}/receipts", RECEIPT)
    code = caller(world.officer)("POST", f"{at}/receipts/1/distributions", {"rule": world.rule.code})[1]["code"]
    addresses = [at, f"{at}/receipts/1/simulation", f"/distributions/{code}", f"/me/money/{code}"]
    addresses.append(f"/achievements/{world.result.code}/shares")
    for call in (stranger, scopeless):
        assert {call("GET", address)[0] for address in addresses} == {404}
        assert call("GET", "/deals")[1]["total"] == 0
    assert [buyer("GET", address)[0] for address in addresses] == [200, 404, 404, 404, 404]
    assert buyer("GET", at)[1]["receipts"][0]["amount_minor"] == 200_000_000
    mine = caller(world.team[0])
    assert mine("GET", at)[1]["receipts"] == []
    assert mine("GET", f"/achievements/{world.result.code}/shares")[1]["versions"] == []
    reader = caller(world.officer, ["deals:read"])
    assert reader("POST", f"{at}/settlement")[0] == 403


def test_a_deal_a_rule_and_signatures(world, caller):
    officer = caller(world.officer)
    body = {
        "title_zh": "第二份", "mode": "licence", "pricing": "listing", "other_party": world.buyer.code,
        "signed_on": "2026-09-01", "results": [{"achievement": world.result.code, "weight_bp": 10_000}],
        "milestones": [{"name": "首付", "amount_minor": 5}],
    }  # fmt: skip
    status, deal = officer("POST", "/deals", body)
    assert (status, deal["owners"]) == (201, [world.home.code])
    assert officer("POST", "/deals", {**body, "mode": "barter"})[0] == 422
    registered = officer("POST", f"/deals/{deal['code']}/registration", {"number": "X", "registered_on": "2026-09-02"})
    assert registered[1]["registered_on"] == "2026-09-02"
    rule = {
        "organisation": world.home.code, "name": "新", "published_on": "2026-01-01", "reward_bp": 8000,
        "parts": [{"kind": "school", "name": "学校", "of_net_bp": 2000}],
    }  # fmt: skip
    assert officer("POST", "/reward-rules", rule)[0] == 201
    assert officer("POST", "/reward-rules", {**rule, "reward_bp": 7999})[0] == 422
    at = f"/achievements/{world.result.code}/shares"
    assert caller(world.team[0])("POST", f"{at}/1/signature")[0] == 200
    assert caller(world.team[0])("POST", f"{at}/1/refusal", {"reason": "x"})[0] == 409
    assert caller(world.officer)("POST", f"{at}/1/signature")[0] == 404
    assert officer("POST", f"/deals/{deal['code']}/settlement")[1]["state"] == "settled"


def test_shares_and_fractions_are_proposed_by_the_api(world, caller):
    officer, at = caller(world.officer), f"/achievements/{world.result.code}"
    other = make_organisation(kind="institute")
    status, found = officer("GET", f"{at}/contributors")
    people = [row["key"] for row in found["items"]]
    assert (status, len(people)) == (200, found["total"])
    name = Person.objects.get(pk=world.team[0].person_id).name_zh
    assert [row["name_zh"] for row in officer("GET", f"{at}/contributors?name={name}")[1]["items"]].count(name) == 1
    body = {
        "based_on": 1, "contributors": [{"key": people[0], "share_bp": 6000}, {"key": people[1], "share_bp": 4000, "is_main": False}],
        "owners": [{"organisation": world.home.code, "share_bp": 7000}, {"organisation": other.code, "share_bp": 3000}],
        "assigned": [{"key": people[2], "organisation": world.home.code, "share_bp": 2000, "choice": "both"}],
    }  # fmt: skip
    status, shares = officer("POST", f"{at}/shares", body)
    newest = shares["versions"][0]
    assert (status, newest["number"], newest["is_in_force"]) == (201, 2, False)
    assert [(row["share_bp"], row["is_main"]) for row in newest["contributors"]] == [(6000, True), (4000, False)]
    assert newest["owners"] == body["owners"]
    assert [(row["share_bp"], row["choice"]) for row in newest["assigned"]] == [(2000, "both")]
    assert officer("POST", f"{at}/shares", body)[0] == 409
    bad = [
        {**body, "based_on": 2, "contributors": [{"key": people[0], "share_bp": 9999}]},
        {**body, "based_on": 2, "contributors": [{"key": "0" * 16, "share_bp": 10_000}]},
        {**body, "based_on": 2, "assigned": [{**body["assigned"][0], "share_bp": 7001}]},
        {**body, "based_on": 2, "assigned": [{**body["assigned"][0], "choice": "gift"}]},
        {**body, "based_on": 2, "owners": [{"organisation": "DW-NONE", "share_bp": 10_000}]},
        {**body, "based_on": 2, "contributors": [{"key": people[0], "share_bp": 5000}] * 2},
    ]
    assert [officer("POST", f"{at}/shares", each)[0] for each in bad] == [422] * 6
    for actor in (world.team[0], world.finance, make_actor(organisation=world.buyer)):
        assert caller(actor)("GET", f"{at}/contributors")[0] == 404
        assert caller(actor)("POST", f"{at}/shares", body)[0] in {403, 404}
    assert caller(world.officer, ["deals:read"])("POST", f"{at}/shares", body)[0] == 403


def test_a_contributor_estimates_the_tax_by_the_api(world, caller):
    caller(world.finance)("POST", f"/deals/{world.deal.code}/receipts", RECEIPT)
    given = {"rule": world.rule.code}
    code = caller(world.officer)("POST", f"/deals/{world.deal.code}/receipts/1/distributions", given)[1]["code"]
    wages = {"income": 25_000_000, "deductions": 4_000_000, "months": 11}
    status, estimate = caller(world.team[0])("POST", f"/me/money/{code}/tax", wages)
    assert (status, estimate["tax"], estimate["is_halved"]) == (200, 7_820_000, True)
    assert caller(world.team[0])("POST", f"/me/money/{code}/tax", {})[1]["assumes_no_wages"]
    assert caller(world.team[0])("POST", f"/me/money/{code}/tax", {"months": 13})[0] == 422
    assert caller(world.officer)("POST", f"/me/money/{code}/tax", wages)[0] == 404
