"""The API as programs use it: the guide's code against a real server, and tokens made and withdrawn in the browser."""

import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GUIDE = Path(__file__).parent.parent / "docs" / "guides" / "use-the-api.md"
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PASSWORD = "lanjiang-2026-demo"


@pytest.fixture
def database(django_db_blocker):
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def token(lanjiang, database):
    """Of the R&D manager of the enterprise 澄源, with every scope; taken away afterwards with what it made."""
    from keqiao.integrations.models import Token, Webhook
    from keqiao.integrations.tests.factories import make_token
    from keqiao.parties.models import Person

    person = Person.objects.get(user__email="xu@chengyuan.example")
    row, secret = make_token(person=person)
    yield row, secret
    Webhook.objects.filter(made_by=person).delete()
    Token.objects.filter(pk=row.pk).delete()


def test_the_guide_does_what_it_says(lanjiang, token, monkeypatch):
    from keqiao.integrations.gateways import signature
    from keqiao.integrations.selectors import actor_of_token

    row, secret = token
    organisation = actor_of_token(row).workplaces[0].code
    for name, value in (("URL", lanjiang), ("TOKEN", secret), ("ORGANISATION", organisation)):
        monkeypatch.setenv(f"KEQIAO_{name}", value)
    pieces = CODE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(pieces) >= 7
    known = {}
    for piece in pieces:
        exec(compile(piece, GUIDE.name, "exec"), known)
    known["keqiao"].close()
    is_from_keqiao, at = known["is_from_keqiao"], int(time.time())
    header = signature(["new", "old"], "{}", at)
    assert [is_from_keqiao(header, b"{}", word, at) for word in ("new", "old", "other")] == [True, True, False]
    assert not is_from_keqiao(header, b"{ }", "new", at)
    assert not is_from_keqiao(header, b"{}", "new", at + 301)


def sign_in(page, lanjiang, address="xu@chengyuan.example"):
    page.goto(f"{lanjiang}/sign-in?next=/me/tokens")
    page.locator("input[name=username], input[name=login], input[type=email]").first.fill(address)
    page.locator("input[type=password]").first.fill(PASSWORD)
    page.locator("input[type=password]").first.press("Enter")
    expect(page).to_have_url(re.compile(r"/me/tokens$"))


def test_a_token_is_made_used_and_withdrawn(page, lanjiang):
    sign_in(page, lanjiang)
    page.get_by_label("名字").fill("夜间同步")
    page.locator("input[name=scopes][value='me:read']").check()
    page.locator("#make-token").click()
    expect(page.locator("#secret")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=f"{lanjiang}/api/v1", headers=headers) as client:
        assert client.get("/me/notices").status_code == 200
        assert client.get("/webhooks").status_code == 403
        page.get_by_role("button", name="停用令牌 夜间同步").first.click()
        expect(page.locator("#secret")).to_have_count(0)
        expect(page.get_by_text("已停用").first).to_be_visible()
        assert client.get("/me/notices").status_code == 401


def test_the_bell_leads_to_the_notices_and_their_settings(page, lanjiang):
    sign_in(page, lanjiang)
    page.locator("a.bell").click()
    expect(page).to_have_url(re.compile(r"/me/notices$"))
    page.get_by_role("link", name="消息设置").first.click()
    expect(page).to_have_url(re.compile(r"/me/notices/settings$"))
    choice = page.locator("select[name='email:other']")
    choice.select_option("daily")
    page.locator("#save-wishes").click()
    expect(page).to_have_url(re.compile(r"saved=1"))
    expect(page.locator("select[name='email:other']")).to_have_value("daily")
