"""Matches → contact → answer by the other side → thread with a file → declining and handing over.

By mouse, by keyboard, on a phone, without script, in Chinese and in English.
"""

import os
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.running_sites import two_free_ports, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NEED, RESULT = "XQ-2026-01873", "CG-2026-00642"
PASSWORD = "lanjiang-2026-demo"
PDF = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

ZH = {
    "contact": "一键联系", "send": "发送", "sent": "已发送", "accept": "接受，稍后答复", "answer": "发送答复", "decline": "谢绝", "confirm_decline": "确认谢绝",
    "reason": "技术上不对应", "hand_over": "转给同事", "to_colleague": "转给这位同事", "withdraw": "撤回联系", "confirm_withdraw": "确认撤回",
    "unfit": "不合适", "noted": "已记为不合适", "undo": "撤销", "close": "结束对接", "confirm_close": "确认结束", "text": "留言", "reply": "答复",
}  # fmt: skip
EN = {
    "contact": "Contact", "send": "Send", "sent": "Sent. An answer is promised", "accept": "Accept, answer later", "answer": "Send the answer", "decline": "Decline",
    "confirm_decline": "Decline this contact", "reason": "Not a technical fit", "hand_over": "Hand over to a colleague", "to_colleague": "Hand over", "withdraw": "Withdraw",
    "confirm_withdraw": "Withdraw this contact", "unfit": "Not a fit", "noted": "Noted as not a fit", "undo": "Undo", "close": "Close", "confirm_close": "Close this contact",
    "text": "Message", "reply": "Answer",
}  # fmt: skip


@contextmanager
def visitor(browser, home, email, *, language="zh-hans", **given):
    """Somebody who has signed in with a browser of their own."""
    context = browser.new_context(locale="zh-CN", reduced_motion="reduce", **given)
    context.add_cookies([{"name": "keqiao_language", "value": language, "url": home}])
    page = context.new_page()
    page.goto(f"{home}/sign-in")
    page.locator("input[name=username]").first.fill(email)
    page.locator("input[name=password]").first.fill(PASSWORD)
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    yield page
    context.close()


def click(it):
    it.click()


def tap(it):
    it.tap()


def open_details(page, summary, act):
    """Native <details>: opened the way this visitor does."""
    act(page.locator("summary", has_text=re.compile(f"^{summary}$")))


def send_first(page, home, words, act):
    """From the match to a sent contact."""
    page.goto(f"{home}/needs/{NEED}?match={RESULT}")
    act(page.locator("#fit").get_by_role("link", name=words["contact"], exact=True))
    box = page.get_by_label(words["text"], exact=True)
    expect(box).to_be_visible()
    expect(box).to_have_value(re.compile(NEED))
    act(page.locator("form.contact-form button.btn--primary"))
    expect(page).to_have_url(re.compile(r"/contacts/DJ-[^/]+\?sent=1$"))
    expect(page.get_by_role("main")).to_contain_text(words["sent"])
    return page.url.split("?")[0]


def journey(browser, home, words, act, **given):
    with visitor(browser, home, "xu@chengyuan.example", **given) as asker:
        thread = send_first(asker, home, words, act)
        with visitor(browser, home, "shen@lut.example", **given) as owner:
            owner.goto(f"{home}/me")
            code = thread.rsplit("/", 1)[1]
            act(owner.locator(f'#contact-list a[href="/contacts/{code}"]').first)
            expect(owner).to_have_url(thread)
            act(owner.get_by_role("button", name=words["accept"]))
            expect(owner.get_by_role("button", name=words["accept"])).to_have_count(0)
            owner.locator("#text").fill("在 25 ℃、pH 1 下测得。")
            owner.locator("#files").set_input_files(
                {"name": "检测报告.pdf", "mimeType": "application/pdf", "buffer": PDF}
            )
            act(owner.get_by_role("button", name=words["answer"]))
            expect(owner.locator("#m-2")).to_contain_text("检测报告.pdf")
        asker.goto(thread)
        expect(asker.locator("#m-2")).to_contain_text("在 25 ℃")
        with asker.expect_download() as download:
            act(asker.get_by_role("link", name="检测报告.pdf"))
        assert download.value.suggested_filename == "检测报告.pdf"
        asker.locator("#text").fill("谢谢。")
        act(asker.get_by_role("button", name=words["send"], exact=True))
        expect(asker.locator("#m-3")).to_contain_text("谢谢。")
        open_details(asker, words["close"], act)
        act(asker.get_by_role("button", name=words["confirm_close"]))
        expect(asker.locator("#text")).to_have_count(0)
        if given.get("viewport"):
            assert asker.evaluate("document.documentElement.scrollWidth") <= given["viewport"]["width"]


def test_by_mouse(browser, lanjiang):
    journey(browser, lanjiang, ZH, click)


def test_on_a_phone_in_english(browser, lanjiang):
    journey(browser, lanjiang, EN, tap, language="en", viewport={"width": 390, "height": 844}, has_touch=True)


def test_without_script(browser, lanjiang):
    journey(browser, lanjiang, ZH, click, java_script_enabled=False)


def test_handing_over_then_declining(browser, lanjiang):
    with visitor(browser, lanjiang, "xu@chengyuan.example") as asker:
        thread = send_first(asker, lanjiang, ZH, click)
        with visitor(browser, lanjiang, "shen@lut.example") as owner:
            owner.goto(thread)
            open_details(owner, ZH["hand_over"], click)
            owner.get_by_label("本单位的同事").select_option(label="林若川")
            owner.get_by_role("button", name=ZH["to_colleague"]).click()
            expect(owner.get_by_role("main")).to_contain_text("已转给同事")
        with visitor(browser, lanjiang, "lin@lut.example") as colleague:
            colleague.goto(thread)
            open_details(colleague, ZH["decline"], click)
            colleague.get_by_label("原因").select_option(label=ZH["reason"])
            colleague.get_by_role("button", name=ZH["confirm_decline"]).click()
            expect(colleague.get_by_role("main")).to_contain_text("谢绝原因：")
        asker.goto(thread)
        expect(asker.get_by_role("main")).to_contain_text(ZH["reason"])


def test_unsuitable_is_one_click_and_one_click_back(browser, lanjiang):
    with visitor(browser, lanjiang, "xu@chengyuan.example") as page:
        page.goto(f"{lanjiang}/needs/{NEED}?match={RESULT}")
        page.locator("#fit").get_by_role("button", name=ZH["unfit"]).click()
        expect(page.locator("#fit")).to_contain_text(ZH["noted"])
        page.locator("#fit").get_by_role("button", name=ZH["undo"]).click()
        expect(page.locator("#fit").get_by_role("button", name=ZH["unfit"])).to_be_visible()


def test_a_search_is_saved_and_found_again(browser, lanjiang):
    with visitor(browser, lanjiang, "xu@chengyuan.example") as page:
        page.goto(f"{lanjiang}/search?kind=need&q=膜")
        page.get_by_role("button", name="保存检索").click()
        expect(page).to_have_url(re.compile(r"/me/searches\?saved=1$"))
        page.get_by_role("main").get_by_role("link", name="膜", exact=True).click()
        expect(page).to_have_url(re.compile(r"/search\?kind=need&q="))


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_have_no_violation(browser, lanjiang, width, theme):
    with visitor(browser, lanjiang, "xu@chengyuan.example", viewport={"width": width, "height": 900}) as page:
        page.context.add_cookies([{"name": "keqiao_theme", "value": theme, "url": lanjiang}])
        thread = send_first(page, lanjiang, ZH, click)
        addresses = [thread]
        addresses += [f"{lanjiang}{at}" for at in ("/me", "/contacts?box=all", "/me/unsuitable", "/me/searches")]
        addresses += [f"{lanjiang}/contacts/new?achievement={RESULT}", f"{lanjiang}/needs/{NEED}?match={RESULT}"]
        wrong = {address: found for address in addresses if (found := violations(page, address, width))}
        page.goto(thread)
        open_details(page, ZH["withdraw"], click)
        page.get_by_role("button", name=ZH["confirm_withdraw"]).click()
        expect(page.get_by_role("main")).to_contain_text("已结束")
        assert wrong == {}


def violations(page, address, width):
    page.goto(address)
    results = Axe().run(page, options={"runOnly": WCAG})
    found = [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in results.response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth")
    return found + ([("scrolls sideways", wide)] if wide > width else [])


@pytest.fixture
def live(lanjiang, django_db_blocker, settings):
    """The live process of the site, on the tests' database. What the worker does after an event is done by `tell`."""
    from django.db import connection

    given = connection.settings_dict
    keys = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "password": given["PASSWORD"]}
    address = " ".join(f"{key}={value}" for key, value in {**keys, "dbname": given["NAME"]}.items() if value)
    port = two_free_ports()
    script = (
        f"from keqiao.web import server; server.main(['keqiao.web.live:application', '127.0.0.1', '{port}', '1', '1'])"
    )
    variables = {**os.environ, "DATABASE_URL": address, "KEQIAO_SITE_URL": lanjiang}
    settings.SITE_URL, settings.LIVE_URL = lanjiang, f"http://127.0.0.1:{port}"
    running = []

    def stop():
        for process in running:
            process.terminate()
            process.wait(20)
        running.clear()

    def start():
        running.append(subprocess.Popen([sys.executable, "-c", script], env=variables))
        wait_for(lambda: is_well(settings.LIVE_URL), 60, "the live process listens")

    start()
    yield SimpleNamespace(start=start, stop=stop)
    stop()


def is_well(address):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{address}/healthz", timeout=2
        ) as answer:
            return answer.status == 200
    except OSError:
        return False


def tell(thread, blocker):
    """What the worker does when it hears of the newest event of the thread."""
    from django.db import connections

    from keqiao.engagement import watching
    from keqiao.engagement.models import Contact

    with blocker.unblock():
        watching.wake_readers(Contact.objects.get(code=thread.rsplit("/", 1)[1]).pk)
        connections.close_all()


def test_a_thread_follows_what_happens(browser, lanjiang, live, django_db_blocker):
    """New messages and the next step appear; what somebody is writing stays."""
    with (
        visitor(browser, lanjiang, "xu@chengyuan.example") as asker,
        visitor(browser, lanjiang, "shen@lut.example") as owner,
    ):
        thread = send_first(asker, lanjiang, ZH, click)
        asker.goto(thread)
        expect(asker.locator("[data-follow-said]")).to_be_visible()
        expect(asker.locator("[data-follow-link]")).to_be_hidden()
        owner.goto(thread)
        expect(owner.locator("[data-follow-said]")).to_be_visible()
        owner.get_by_role("button", name=ZH["accept"]).click()
        tell(thread, django_db_blocker)
        expect(asker.locator("#thread-head")).to_contain_text("已接受")
        owner.locator("#text").fill("在 25 ℃ 下测得。")
        owner.get_by_role("button", name=ZH["answer"]).click()
        expect(owner.locator("#m-2")).to_be_visible()
        tell(thread, django_db_blocker)
        expect(asker.locator("#m-2")).to_contain_text("在 25 ℃ 下测得。")
        expect(asker.locator("#m-2")).to_have_count(1)
        owner.locator("#text").fill("写到一半")
        asker.locator("#text").fill("谢谢。")
        asker.get_by_role("button", name=ZH["send"], exact=True).click()
        tell(thread, django_db_blocker)
        expect(owner.locator("#m-3")).to_contain_text("谢谢。")
        expect(owner.locator("#text")).to_have_value("写到一半")
        # Lost and found again: what came meanwhile is asked for.
        live.stop()
        expect(asker.locator("[data-follow-link]")).to_be_visible(timeout=30_000)
        owner.locator("#text").fill("样品今天寄出。")
        owner.get_by_role("button", name=ZH["send"], exact=True).click()
        expect(owner.locator("#m-4")).to_be_visible()
        live.start()
        expect(asker.locator("#m-4")).to_contain_text("样品今天寄出。", timeout=30_000)
        open_details(asker, ZH["close"], click)
        asker.get_by_role("button", name=ZH["confirm_close"]).click()
        expect(asker.locator("#text")).to_have_count(0)
