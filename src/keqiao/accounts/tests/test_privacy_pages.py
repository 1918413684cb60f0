"""Pages of agreements, consents, export, erasure and standing in."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from keqiao.accounts import confirming, selectors, services, tasks
from keqiao.accounts.models import Consent, DataExport, ErasureRequest, StandingIn
from keqiao.accounts.tests.privacy_factories import agree, load_agreements, make_agreement
from keqiao.kernel import clock
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_operator, make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
REASON = "用户来电称看不到已提交的需求，核对页面显示。"


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def me(client):
    load_agreements()
    person = make_person(name_zh="许砚秋", organisation=make_organisation())
    client.force_login(person.user)
    return person


def html(answer, status=200):
    assert answer.status_code == status, answer.content.decode()[:500]
    return answer.content.decode()


def operator_client(operator):
    client = Client()
    from keqiao.parties.models import Person

    client.force_login(Person.objects.get(pk=operator.person_id).user)
    return client


# --- agreements -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["agreement", "privacy", "digest", "learning", "translation"])
def test_texts_are_public_in_both_languages(client, kind):
    rows = load_agreements()
    assert "2026-11-01" in html(client.get(f"/about/{kind}"))
    title = rows[kind].text_en.splitlines()[0].removeprefix("# ")
    assert f"<h1>{title}</h1>" in html(client.get(f"/about/{kind}?lang=en"))
    assert client.get(f"/agreements/{kind}").headers["Location"] == f"/about/{kind}"


def test_older_and_coming_versions_stay_readable(client):
    load_agreements()
    make_agreement("privacy")
    assert "第二版" in html(client.get("/about/privacy"))
    old = html(client.get("/about/privacy?version=2026-11-01"))
    assert "旧版本" in old
    assert "第二版" not in old
    make_agreement("privacy", clock.today().replace(year=2030, month=1, day=1), text_zh="# 隐私政策\n\n将来的。\n")
    assert "将来的" not in html(client.get("/about/privacy"))
    assert "尚未生效" in html(client.get("/about/privacy?version=2030-01-01"))


@pytest.mark.parametrize(
    "address", ["/about/privacy?version=2020-01-01", "/about/privacy?version=x", "/about/cookies", "/about/agreement"]
)
def test_a_version_that_is_not_there(client, address):
    assert client.get(address).status_code == 404


def test_a_text_carries_no_markup_of_its_own(client):
    make_agreement("privacy", text_zh="# 隐私<script>\n\n<img src=x onerror=alert(1)> [x](javascript:alert(1))\n")
    page = html(client.get("/about/privacy"))
    assert "<script>\n" not in page
    assert "<img src=x" not in page
    assert 'href="javascript' not in page


def test_a_newer_version_is_asked_for_once_and_reading_goes_on(client, me):
    agree(parties.actor_for(me.user))
    assert "/me/agreements" not in html(client.get("/about/data"))
    make_agreement("agreement", text_zh="# 用户协议\n\n新增一条。\n")
    assert "/me/agreements?next=/about/data" in html(client.get("/about/data"))
    asked = html(client.get("/me/agreements?next=/about/data"))
    assert "新增一条" in asked
    answer = client.post("/me/agreements", {"next": "/about/data", "later": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/about/data")
    assert "/me/agreements" not in html(client.get("/about/data"))
    answer = client.post("/me/agreements", {"next": "https://evil.example/", "document": ["agreement-2026-11-15"]})
    assert answer.headers["Location"] == "/"
    assert selectors.missing_consents(me.pk, clock.today()) == []
    assert "没有待阅读的协议" in html(client.get("/me/agreements"))


# --- my privacy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["/me/privacy", "/me/agreements", "/me/privacy/erase", "/me/privacy/export/1", "/admin/standing-in"]
)
def test_pages_ask_who_one_is(client, address):
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/sign-in")


@pytest.mark.parametrize("address", ["/me/privacy/consents", "/me/privacy/export", "/me/privacy/erase/cancel"])
def test_actions_ask_who_one_is(client, address):
    assert client.post(address).status_code == 302
    assert client.get(address).status_code == 405
    assert (DataExport.objects.count(), Consent.objects.count()) == (0, 0)


def test_consents_are_given_and_withdrawn_on_the_page(client, me):
    assert "没有同意" in html(client.get("/me/privacy"))
    client.post("/me/privacy/consents", {"document": "digest-2026-11-01", "answer": "give"})
    assert selectors.has_consent(me.pk, "digest", clock.today())
    client.post("/me/privacy/consents", {"document": "digest-2026-11-01", "answer": "withdraw"})
    assert not selectors.has_consent(me.pk, "digest", clock.today())
    page = html(client.post("/me/privacy/consents", {"document": "digest-2026-11-01", "answer": "withdraw"}), 409)
    assert "没有同意过这个版本" in page
    assert 'role="alert"' in page
    assert Consent.objects.count() == 2
    assert html(client.post("/me/privacy/consents", {"document": "nothing", "answer": "give"}), 422)


def test_a_copy_is_asked_for_made_and_downloaded(client, me):
    client.post("/me/privacy/export")
    assert "排队中" in html(client.get("/me/privacy"))
    assert "上一份还在整理" in html(client.post("/me/privacy/export"), 409)
    export = DataExport.objects.get()
    DataExport.objects.update(state="running", part_count=6, parts_done=2)
    assert '<progress max="6" value="2"' in html(client.get("/me/privacy"))
    tasks.make_export(export_id=export.pk)
    address = re.search(r'href="(/me/privacy/export/\d+)"', html(client.get("/me/privacy"))).group(1)
    answer = client.get(address)
    assert answer.headers["Content-Type"] == "application/zip"
    assert re.fullmatch(r'attachment; filename="keqiao-\d{4}-\d{2}-\d{2}\.zip"', answer.headers["Content-Disposition"])
    assert b"".join(answer.streaming_content)[:2] == b"PK"
    assert "no-store" in answer.headers["Cache-Control"]
    other = Client()
    other.force_login(make_person().user)
    assert other.get(address).status_code == 404
    assert operator_client(make_operator()).get(address).status_code == 404
    DataExport.objects.update(expires_at=clock.now())
    assert client.get(address).status_code == 404
    assert "已过期" in html(client.get("/me/privacy"))


def confirm(client):
    import time

    session = client.session
    session[confirming.STAMP] = time.time()
    session.save()


def test_erasure_asks_again_who_it_is(client, me):
    answer = client.get("/me/privacy/erase")
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/me/security/confirm?next=%2Fme%2Fprivacy%2Ferase",
    )
    assert client.post("/me/privacy/erase", {"word": "注销"}).status_code == 302
    assert ErasureRequest.objects.count() == 0


def test_erasure_is_asked_for_and_called_off(client, me):
    confirm(client)
    assert "冷静期" in html(client.get("/me/privacy/erase"))
    assert "请原样填写" in html(client.post("/me/privacy/erase", {"word": "好"}), 422)
    assert ErasureRequest.objects.count() == 0
    assert client.post("/me/privacy/erase", {"word": " 注销 "}).status_code == 302
    assert "撤销注销申请" in html(client.get("/me/privacy"))
    assert "已经申请过" in html(client.post("/me/privacy/erase", {"word": "erase"}), 422)
    client.post("/me/privacy/erase/cancel")
    assert ErasureRequest.objects.get().cancelled_at is not None
    assert "没有等待中" in html(client.post("/me/privacy/erase/cancel"), 409)


def cost(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        html(client.get(address))
    return len(queries)


@pytest.mark.slow
def test_lists_cost_the_same_for_one_and_for_three(client, me):
    actor, operator = parties.actor_for(me.user), make_operator()

    def grow():
        agree(actor, "digest")
        services.withdraw_consent(actor=actor, person_id=me.pk, document="digest-2026-11-01")
        services.begin_standing_in(actor=operator, person_id=me.pk, reason=REASON)
        tasks.make_export(export_id=services.ask_for_export(actor=actor).pk)

    staff = operator_client(operator)
    grow()
    one = (cost(client, "/me/privacy"), cost(staff, "/admin/standing-in"), cost(client, "/about/privacy"))
    grow()
    grow()
    make_agreement("privacy")
    assert (cost(client, "/me/privacy"), cost(staff, "/admin/standing-in"), cost(client, "/about/privacy")) == one


def test_long_ledgers_have_pages(client, me):
    actor = parties.actor_for(me.user)
    for _ in range(11):
        agree(actor, "digest")
        services.withdraw_consent(actor=actor, person_id=me.pk, document="digest-2026-11-01")
    assert "第 1–20 项，共 22 项" in html(client.get("/me/privacy"))
    assert "第 21–22 项，共 22 项" in html(client.get("/me/privacy?ledger=2"))


# --- standing in --------------------------------------------------------------------------------------------------------


@pytest.fixture
def standing(me):
    operator = make_operator()
    staff = operator_client(operator)
    answer = staff.post("/admin/standing-in", {"q": "砚秋", "person": me.pk, "reason": REASON, "minutes": "15"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/me")
    return staff


def test_operators_find_the_person_and_see_their_pages(standing, me):
    page = html(standing.get("/me"))
    assert "您正在代登录查看 许砚秋 的页面" in page
    assert "<h1>许砚秋</h1>" in page or "许砚秋" in page
    assert "您正在代登录查看" in html(standing.get("/about/data"))
    assert "没有人代登录过" not in html(standing.get("/me/privacy"))
    answer = standing.post("/standing-in/end")
    assert answer.headers["Location"] == "/admin/standing-in"
    assert "您正在代登录" not in html(standing.get("/me"))
    assert StandingIn.objects.get().ended_at is not None


@pytest.mark.parametrize(
    "address",
    [
        "/me/privacy/export",
        "/me/privacy/consents",
        "/me/agreements",
        "/admin/standing-in",
        "/admin/site",
        "/me/security/password",
    ],
)
def test_nothing_is_sent_while_standing_in(standing, address):
    before = (DataExport.objects.count(), Consent.objects.count(), StandingIn.objects.count())
    page = html(standing.post(address, {"document": "digest-2026-11-01", "answer": "give"}), 403)
    assert "代登录期间只能查看" in page
    assert (DataExport.objects.count(), Consent.objects.count(), StandingIn.objects.count()) == before
    assert standing.post("/preferences", {"theme": "dark"}).status_code == 302


@pytest.mark.parametrize(
    "address", ["/me/security", "/me/security/password", "/me/security/recovery-codes", "/me/tokens"]
)
def test_how_the_user_gets_in_stays_closed(standing, me, address):
    page = html(standing.get(address), 403)
    assert "代登录期间不显示账号安全和令牌" in page
    assert me.user.email not in page
    standing.post("/standing-in/end")
    assert standing.get("/me/security").status_code == 200


def test_the_api_refuses_too(standing):
    answer = standing.post("/api/v1/me/export", content_type="application/json")
    assert answer.status_code in {401, 403}
    assert DataExport.objects.count() == 0


def test_the_copy_of_the_data_stays_closed(standing, me):
    tasks.make_export(export_id=services.ask_for_export(actor=parties.actor_for(me.user)).pk)
    assert standing.get(f"/me/privacy/export/{DataExport.objects.get().pk}").status_code == 404


def test_when_the_time_is_over_the_page_is_ones_own_and_the_form_is_not_sent(standing, me):
    StandingIn.objects.update(ends_at=clock.now())
    assert "您正在代登录" not in html(standing.get("/about/data"))
    page = html(standing.post("/me/privacy/export"), 403)
    assert "代登录的时间已到" in page
    assert DataExport.objects.count() == 0
    assert standing.post("/me/privacy/export").status_code == 302  # knowingly, as oneself


def test_the_person_sees_who_and_why(standing, client, me):
    page = html(client.get("/me/privacy"))
    assert REASON in page


def test_others_find_no_such_page(client, me):
    assert client.get("/admin/standing-in").status_code == 404
    assert client.post("/admin/standing-in", {"person": me.pk, "reason": REASON, "minutes": "5"}).status_code == 404
    assert StandingIn.objects.count() == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [({"reason": "短"}, "请写明原因"), ({"minutes": "99"}, "1 到 30 分钟"), ({"minutes": "x"}, "1 到 30 分钟")],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(me, given, said):
    staff = operator_client(make_operator())
    page = html(
        staff.post("/admin/standing-in", {"q": "砚秋", "person": me.pk, "reason": REASON, "minutes": "5", **given}), 422
    )
    assert said in page
    assert given.get("reason", REASON) in page
    assert StandingIn.objects.count() == 0


def test_another_operator_is_not_offered_and_not_taken(me):
    staff, other = operator_client(make_operator()), make_operator()
    page = html(staff.post("/admin/standing-in", {"person": other.person_id, "reason": REASON, "minutes": "5"}), 403)
    assert "另一位平台管理员" in page
    assert StandingIn.objects.count() == 0


def test_ending_twice_is_no_mistake(standing, client):
    assert standing.post("/standing-in/end").status_code == 302
    assert standing.post("/standing-in/end").status_code == 302
    assert client.post("/standing-in/end").status_code == 302
    assert Client().post("/standing-in/end").status_code == 302
