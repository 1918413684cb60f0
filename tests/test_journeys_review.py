"""A result on its way: handed in, asked, answered, agreed, accepted, public. A need in every way: test_journeys_whole.py."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WORDS = {
    "zh": {
        "submit": "提交审核",
        "again": "再次提交",
        "send_back": "退回并提问",
        "confirm_back": "确认退回",
        "ask": "就此提问",
        "answer": "答复",
        "agree": "单位同意",
        "confirm_agree": "确认同意",
        "accept": "通过并公开",
        "confirm_accept": "确认通过并公开",
        "public": "看公开页",
    },
    "en": {
        "submit": "Submit for review",
        "again": "Submit again",
        "send_back": "Send back with questions",
        "confirm_back": "Confirm sending back",
        "ask": "Ask about this",
        "answer": "Answer",
        "agree": "Organisation agrees",
        "confirm_agree": "Confirm agreement",
        "accept": "Accept and publish",
        "confirm_accept": "Confirm and publish",
        "public": "See the public page",
    },
}


def content(title):
    return {
        "texts": {
            "zh": {"title": title, "summary": "界面聚合的复合膜，在强酸里稳定。"},
            "en": {"title": f"Membrane {title}", "summary": "A composite membrane that stands acid."},
        },
        "field": "materials",
        "trl": 5,
        "modes": ["license_nonexclusive"],
        "price_kind": "negotiable",
        "indicators": [{"name_zh": "水通量", "name_en": "flux", "comparator": ">=", "value": "18", "unit": "LMH"}],
    }


def actor_of(email):
    from django.contrib.auth import get_user_model

    from keqiao.parties.selectors import actor_for

    return actor_for(get_user_model().objects.get(email=email))


def a_draft(title):
    from keqiao.submissions import services

    author = actor_of("lin@lut.example")
    return services.start_draft(
        actor=author, kind="achievement", organisation_id=author.acting_for, content=content(title)
    )


def page_of(browser, home, email, language, **given):
    """A window in which this person is signed in."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.get(email=email), backend="django.contrib.auth.backends.ModelBackend")
    context = browser.new_context(locale="zh-CN" if language == "zh" else "en-GB", **given)
    context.set_default_timeout(15_000)
    context.add_cookies(
        [
            {"name": name, "value": value, "url": home}
            for name, value in (
                (settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value),
                ("keqiao_language", "zh-hans" if language == "zh" else "en"),
            )
        ]
    )
    return context.new_page()


def click(page, it):
    it.click()


def press(page, it):
    it.focus()
    page.keyboard.press("Enter")


def tap(page, it):
    it.tap()


WAYS = {
    "mouse": (click, {}),
    "keyboard": (press, {}),
    "phone": (tap, {"viewport": {"width": 390, "height": 844}, "has_touch": True}),
    "no_script": (click, {"java_script_enabled": False}),
}


@pytest.mark.parametrize(("way", "language"), [("phone", "zh"), ("no_script", "en")])
def test_from_draft_to_the_public_page(browser, lanjiang, way, language):
    act, given = WAYS[way]
    say = WORDS[language]
    title = f"耐酸膜 {way} {language}"
    draft = a_draft(title)
    author = page_of(browser, lanjiang, "lin@lut.example", language, **given)
    officer = page_of(browser, lanjiang, "shen@lut.example", language, **given)
    operator = page_of(browser, lanjiang, "admin@ltt.example", language, **given)
    theirs, ours = f"{lanjiang}/submissions/{draft.code}", f"{lanjiang}/review/{draft.code}"

    author.goto(theirs)
    author.locator('form.sub-hand-in input[name="agreed"]').check()
    act(author, author.get_by_role("button", name=say["submit"]))
    expect(stage_of(author)).to_contain_text(re.compile("单位审核|Organisation review"))

    # The officer finds it in the queue, asks about the indicator and sends it back.
    officer.goto(f"{lanjiang}/review")
    act(officer, officer.locator(f'a[href="/review/{draft.code}"]'))
    expect(officer).to_have_url(ours)
    place = officer.locator('[id="f-indicators.0"]')
    act(officer, place.locator("summary"))
    place.get_by_role("textbox").fill("测试温度是多少？")
    act(officer, officer.locator("summary", has_text=say["send_back"]))
    act(officer, officer.get_by_role("button", name=say["confirm_back"]))
    expect(stage_of(officer)).to_contain_text(re.compile("退回补充|Sent back"))

    # The author answers, and submits again.
    author.goto(theirs)
    asked = author.locator("form.sub-question")
    expect(asked).to_contain_text("测试温度是多少？")
    asked.get_by_role("textbox").fill("25 ℃。")
    act(author, asked.get_by_role("button"))
    expect(author.locator("form.sub-question")).to_have_count(0)
    author.locator('form.sub-hand-in input[name="agreed"]').check()
    act(author, author.get_by_role("button", name=say["again"]))
    expect(stage_of(author)).to_contain_text(re.compile("单位审核|Organisation review"))

    # The organisation agrees, the platform accepts.
    officer.goto(ours)
    expect(officer.get_by_role("main")).to_contain_text("25 ℃。")
    act(officer, officer.locator("summary", has_text=say["agree"]))
    act(officer, officer.get_by_role("button", name=say["confirm_agree"]))
    expect(stage_of(officer)).to_contain_text(re.compile("平台审核|Platform review"))
    operator.goto(ours)
    act(operator, operator.locator("summary", has_text=say["accept"]))
    act(operator, operator.get_by_role("button", name=say["confirm_accept"]))
    expect(stage_of(operator)).to_contain_text(re.compile("已通过|Accepted"))

    # And there it is, for everybody.
    author.goto(theirs)
    act(author, author.get_by_role("link", name=say["public"]))
    expect(author.get_by_role("heading", level=1)).to_contain_text(title)
    visitor = browser.new_context(locale="zh-CN").new_page()
    answer = visitor.goto(author.url)
    assert answer.status == 200
    if way == "phone":
        for page in (author, officer, operator):
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for page in (author, officer, operator, visitor):
        page.context.close()


def stage_of(page):
    return page.locator(".stages [aria-current]")
