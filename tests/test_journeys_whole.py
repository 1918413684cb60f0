"""The platform's main ways from end to end, each by mouse, by keyboard and on a phone, in Chinese and in English."""

from __future__ import annotations

import itertools
import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.driver import EVERY_WAY, Town, Visitor

pytestmark = pytest.mark.browser
slow = pytest.mark.slow  # of the main way, one is walked with every run of the tests

SECRET, NEW = "correct horse battery", "another long phrase"
CODE = re.compile(r"SB-[A-Z0-9]+")
_number = itertools.count(int(time.time()) % 100_000 * 100)
TEXTS = {
    "zh": {
        "name": "许知远", "title": "耐酸纳滤膜的卷对卷涂覆",
        "problem": "现用商品纳滤膜在 pH 1–2 的酸性浸出液里约三个月截留率跌破 85%，一年更换四次。要求水通量不低于 15 LMH/bar。",
        "background": "用于盐湖提锂的酸性浸出液。", "question": "测试温度是多少？", "answer": "25 ℃ 下测得。",
        "reply": "在 25 ℃、pH 1 下测得，可寄样品。",
    },
    "en": {
        "name": "Xu Zhiyuan", "title": "Roll-to-roll coating of an acid-resistant nanofiltration membrane",
        "problem": "Commercial nanofiltration membranes fail in acidic leach of pH 1 to 2 within three months. "
        "A water flux of at least 15 LMH/bar is needed.",
        "background": "For acidic leach in lithium extraction.", "question": "At what temperature is it measured?",
        "answer": "Measured at 25 °C.", "reply": "Measured at 25 °C and pH 1; samples can be sent.",
    },
}  # fmt: skip


@pytest.fixture(params=[EVERY_WAY[0], *(pytest.param(way, marks=slow) for way in EVERY_WAY[1:])], ids=str)
def town(request, browser, lanjiang, django_db_blocker):
    """Passkeys need a name: browsers offer them on localhost, not on 127.0.0.1."""
    from keqiao.accounts.models import AttemptCount

    found = Town(browser, lanjiang.replace("127.0.0.1", "localhost"), django_db_blocker, request.param)
    found.database(lambda: AttemptCount.objects.all().delete())  # everybody here comes from one place
    yield found
    found.leave()
    found.database(lambda: AttemptCount.objects.all().delete())


def new_address() -> str:
    return f"journey{next(_number)}@example.org"


def prove(visitor: Visitor, address: str, start: str) -> None:
    """That the address is one's own: the demo sends nothing and shows the code."""
    visitor.open(start)
    visitor.write("main [name=address]", address)
    visitor.press("main form:has([name=address]) button.btn--primary")
    visitor.sees("#demo-code")
    visitor.write("main [name=code]", visitor.page.locator("#demo-code").inner_text())
    visitor.press("main form:has([name=code]) button.btn--primary")


def sign_up_with_a_password(visitor: Visitor, address: str) -> None:
    prove(visitor, address, "/sign-up")
    visitor.at("/sign-up/details$")
    visitor.write("main [name=name]", TEXTS[visitor.way.language]["name"])
    visitor.write("main [name=password]", SECRET)
    visitor.tick("main [name=agreed]")
    visitor.press("main button[name=way][value=password]")
    visitor.at("/$")


def sign_in(visitor: Visitor, address: str, password: str) -> None:
    visitor.open("/sign-in")
    visitor.write("main [name=username]", address)
    visitor.write("main [name=password]", password)
    visitor.press("#sign-in-button")


def sign_out(visitor: Visitor) -> None:
    visitor.open("/me/security")
    visitor.press("main form[action='/sign-out'] button")
    visitor.at("/$")


# --- from sign-up to an answer ----------------------------------------------------------------------------------------


def test_from_sign_up_to_an_answer(town):
    newcomer, address = town.visitor(), new_address()
    name = f"{TEXTS[newcomer.way.language]['name']} {next(_number)}"  # others wait to be let in as well
    sign_up_with_a_passkey(newcomer, address, name)
    join_an_organisation(newcomer, town, name)
    code = write_a_need(newcomer, town, address)
    need = pass_review(newcomer, town, code)
    thread = contact_a_match(newcomer, need)
    answer_the_contact(newcomer, town, thread)


def sign_up_with_a_passkey(newcomer: Visitor, address: str, name: str) -> None:
    newcomer.has_passkeys()
    prove(newcomer, address, "/sign-up?next=/join")
    newcomer.at("/sign-up/details$")
    newcomer.write("main [name=name]", name)
    newcomer.press("main button[name=way][value=passkey]")
    newcomer.sees("main [role=alert]")  # the agreement is not ticked
    newcomer.tick("main [name=agreed]")
    newcomer.press("main button[name=way][value=passkey]")
    newcomer.at("/me/security/passkeys/add")
    newcomer.press("main [data-passkey-button]")
    newcomer.at("/join$")
    sign_out(newcomer)
    newcomer.open("/sign-in?next=/join")
    newcomer.press("main [data-passkey-button]")
    newcomer.at("/join$")


def join_an_organisation(newcomer: Visitor, town: Town, name: str) -> None:
    newcomer.write("main [name=q]", "澄源膜")
    newcomer.press("main form[role=search] button")
    newcomer.at(r"\?q=")
    newcomer.press("main a[href^='/join/DW-']")
    newcomer.at("/join/DW-")
    organisation = newcomer.page.url.rsplit("/", 1)[1]
    newcomer.choose("main [name=role]", "rd_manager")
    newcomer.press("main form[method=post] button.btn--primary")
    newcomer.at("/me/organisations$")
    newcomer.sees(".status.is-wait")
    colleague = town.visitor("xu@chengyuan.example")
    colleague.open(f"/organisations/{organisation}/members")
    approve = f'main button[name=step][value=approve]:has-text("{name}")'
    colleague.press(approve)
    colleague.lacks(approve)
    newcomer.open("/me/organisations")
    newcomer.sees(f"a[href='/organisations/{organisation}/members']")


def write_a_need(newcomer: Visitor, town: Town, address: str) -> str:
    """Five steps, with a lost connection, another device and an error on the way."""
    page, say, lang = newcomer.page, TEXTS[newcomer.way.language], newcomer.way.language
    newcomer.open("/post")
    newcomer.press("main button[name=kind][value=need]")
    newcomer.at(r"/post/SB-[A-Z0-9]+/1$")
    code = CODE.search(page.url)[0]
    newcomer.write(f"[name='texts.{lang}.title']", say["title"])
    newcomer.is_saved()
    with newcomer.offline():
        newcomer.write(f"[name='texts.{lang}.problem']", say["problem"])
        expect(page.locator("#saved")).to_have_class(re.compile("is-off"))
        newcomer.press("button[name=go][value=next].btn--primary")
        newcomer.at("/1$")  # nothing is sent, nothing is lost
    newcomer.is_saved()

    other = town.visitor(address)
    other.open(f"/post/{code}")
    expect(other.page.locator(f"[name='texts.{lang}.problem']")).to_have_value(say["problem"])
    other.choose("[name=field]", "materials")
    other.write(f"[name='texts.{lang}.background']", say["background"])
    other.press("button[name=go][value=next].btn--primary")
    other.at("/2$")

    newcomer.open(f"/post/{code}")
    newcomer.at("/2$")
    newcomer.write("[name='indicators.0.name_zh']", "水通量")
    newcomer.press("button[name=go][value=next].btn--primary")
    newcomer.sees("#errs[role=alert]")
    expect(page.locator("#errs")).to_be_focused()
    value = page.locator("[name='indicators.0.value']")
    expect(value).to_have_attribute("aria-invalid", "true")
    newcomer.press("#errs a")
    expect(value).to_be_focused()
    newcomer.write("[name='indicators.0.value']", "15")
    newcomer.write("[name='indicators.0.unit']", "LMH/bar")
    newcomer.press("button[name=go][value=next].btn--primary")
    newcomer.at("/3$")
    newcomer.tick("[name=price_kind][value=amount]")
    newcomer.write("[name=price_low]", "300")
    newcomer.write("[name=price_high]", "500")
    newcomer.tick("[name=modes][value=license_nonexclusive]")
    newcomer.write("[name=deadline]", "2099-01-31")
    newcomer.press("button[name=go][value=next].btn--primary")
    newcomer.at("/4$")
    newcomer.tick("[name=budget_shown][value=matched]")
    newcomer.press("button[name=go][value=next].btn--primary")
    newcomer.at("/5$")
    newcomer.sees("main .reviewed", "2099-01-31")
    newcomer.tick("[name=agreed]")
    newcomer.press("button[name=go][value=submit]")
    newcomer.at(rf"/submissions/{code}$")
    return code


def pass_review(newcomer: Visitor, town: Town, code: str) -> str:
    """The organisation asks back, is answered, agrees; the platform accepts. The need's code."""
    say = TEXTS[newcomer.way.language]
    colleague = town.visitor("xu@chengyuan.example")
    colleague.open("/review")
    colleague.press(f"main a[href='/review/{code}']")
    place = colleague.page.locator('[id="f-indicators.0"]')
    colleague.press(place.locator("summary"))
    colleague.write(place.locator("textarea"), say["question"])
    colleague.press(colleague.page.locator("details:has(#return) > summary"))
    colleague.press("#return button")
    colleague.lacks("#return")

    newcomer.open(f"/submissions/{code}")
    newcomer.sees("form.sub-question", say["question"])
    newcomer.write("form.sub-question textarea", say["answer"])
    newcomer.press("form.sub-question button")
    newcomer.lacks("form.sub-question")
    newcomer.tick("form.sub-hand-in [name=agreed]")
    newcomer.press("form.sub-hand-in button")
    newcomer.lacks("form.sub-hand-in")

    colleague.open(f"/review/{code}")
    colleague.sees("main", say["answer"])
    agree(colleague, "approve")
    operator = town.visitor("admin@ltt.example")
    operator.open(f"/review/{code}")
    agree(operator, "accept")

    need = town.database(lambda: after_publication(code))
    newcomer.open(f"/submissions/{code}")
    newcomer.press(f"main a[href='/needs/{need}']")
    newcomer.at(f"/needs/{need}$")
    newcomer.sees("h1", say["title"])
    return need


def agree(reviewer: Visitor, step: str) -> None:
    form = f"form[action$='/{step}']"
    reviewer.press(reviewer.page.locator(f"details:has({form}) > summary"))
    confirms = reviewer.page.locator(f"{form} [name=confirms]")
    if confirms.count():
        reviewer.tick(confirms)
    reviewer.press(reviewer.page.locator(f"{form} button"))
    reviewer.lacks(form)


def after_publication(code: str) -> str:
    """What the worker does, done at once."""
    from keqiao.matching import indexing, services
    from keqiao.parties import selectors as parties
    from keqiao.submissions.models import Submission

    need = Submission.objects.get(code=code).need
    indexing.update("need", [need.pk])
    services.compute_matches(actor=parties.system(), kind="need", item_id=need.pk)
    return need.code


def contact_a_match(newcomer: Visitor, need: str) -> str:
    newcomer.open(f"/needs/{need}")
    newcomer.sees("#why")
    newcomer.press("#fit a[data-contact]")
    expect(newcomer.page.locator(".contact-form [name=text]")).to_have_value(re.compile(need))
    newcomer.press("form.contact-form button.btn--primary")
    newcomer.at(r"/contacts/DJ-[^/]+\?sent=1$")
    return newcomer.page.url.split("?")[0].removeprefix(newcomer.home)


def answer_the_contact(newcomer: Visitor, town: Town, thread: str) -> None:
    say = TEXTS[newcomer.way.language]
    email = town.database(lambda: somebody_asked(thread.rsplit("/", 1)[1]))
    owner = town.visitor(email)
    owner.open("/me")
    owner.press(f"#contact-list a[href='{thread}']")
    owner.at(f"{thread}$")
    owner.sees("main", "300–500" if newcomer.way.language == "zh" else "3–5")  # the budget, told to whom one talks with
    owner.write("#text", say["reply"])
    owner.press("form.composer button.btn--primary")
    owner.sees("#m-2", say["reply"])
    newcomer.open(thread)
    newcomer.sees("#m-2", say["reply"])


def somebody_asked(code: str) -> str:
    from keqiao.engagement.models import Contact

    contact = Contact.objects.get(code=code)
    rows = contact.participants.filter(place=contact.to_side).exclude(person__user=None)
    return rows.values_list("person__user__email", flat=True)[0]


# --- being forgotten --------------------------------------------------------------------------------------------------


@slow
def test_erasure(town):
    visitor, address = town.visitor(), new_address()
    sign_up_with_a_password(visitor, address)
    for calls_off in (True, False):
        visitor.open("/me/privacy")
        visitor.press("main a[href='/me/privacy/erase']")
        visitor.write("main [name=word]", "注销" if visitor.way.language == "zh" else "erase")
        visitor.press("main form[action='/me/privacy/erase'] button.btn--danger")
        visitor.sees("#erasure form[action='/me/privacy/erase/cancel']")
        if calls_off:
            visitor.press("#erasure form[action='/me/privacy/erase/cancel'] button")
            visitor.sees("main a[href='/me/privacy/erase']")
    person = town.database(lambda: erase_at_once(address))
    visitor.open("/me/privacy")
    visitor.at("/sign-in")
    sign_in(visitor, address, SECRET)
    visitor.sees("main [role=alert]")
    assert town.database(lambda: names_of(person)) == ("已注销用户", "Erased user", 0)


def erase_at_once(address: str) -> int:
    """The days of grace are over, and the nightly job runs."""
    from keqiao.accounts import tasks
    from keqiao.accounts.models import ErasureRequest
    from keqiao.kernel import clock

    waiting = ErasureRequest.objects.filter(person__user__email=address, cancelled_at=None)
    person_id = waiting.get().person_id
    waiting.update(due_at=clock.now() - timedelta(seconds=1))
    tasks.erase_people(timestamp=0)
    return person_id


def names_of(person_id: int) -> tuple[str, str, int]:
    from django.contrib.auth import get_user_model

    from keqiao.parties.models import Person

    person = Person.objects.get(pk=person_id)
    return (
        person.name_zh,
        person.name_en,
        get_user_model().objects.filter(email__startswith="journey", person=person).count(),
    )


# --- acting for another organisation ----------------------------------------------------------------------------------


@slow
def test_acting_for_another_organisation(town):
    address = new_address()
    first, second = town.database(lambda: works_in_two(address))
    visitor = town.visitor(address)
    for wanted, other in ((second, first), (first, second)):
        visitor.open("/me/organisations")
        if visitor.way.hand == "phone":  # the menu of the bar is a page there
            visitor.press(f"main button[name=code][value='{wanted}']")
        else:
            visitor.press("details.acting > summary")
            visitor.press(f".acting__menu button[name=code][value='{wanted}']")
        visitor.sees(f"main a[href='/organisations/{wanted}/manage']")
        visitor.lacks(f"main a[href='/organisations/{other}/manage']")
        assert visitor.page.goto(f"{town.home}/organisations/{wanted}/manage").status == 200
        assert visitor.page.goto(f"{town.home}/organisations/{other}/manage").status in {403, 404}


def works_in_two(address: str) -> list[str]:
    from keqiao.parties import selectors as parties
    from keqiao.parties import services

    system = parties.system()
    person = services.register_person(
        actor=system, email=address, password=SECRET, name_zh="两处任职", name_en="Two Posts"
    )
    codes = []
    for kind in ("enterprise", "agency"):
        number = next(_number)
        row = services.register_organisation(
            actor=system, code=f"DW-W{number}"[:12], kind=kind, name_zh=f"澜江甲乙单位{number}", name_en=f"Two {number}"
        )
        role = "rd_manager" if kind == "enterprise" else "agency_staff"
        services.appoint(actor=system, person_id=person.pk, organisation_id=row.pk, role=role)
        codes.append(row.code)
    return codes


# --- kept out, and back in --------------------------------------------------------------------------------------------


@slow
def test_throttled_and_recovered(town):
    visitor, address = town.visitor(), new_address()
    sign_up_with_a_password(visitor, address)
    sign_out(visitor)
    for _ in range(5):
        sign_in(visitor, address, "wrong password")
        visitor.sees("main [role=alert]")
    sign_in(visitor, address, SECRET)
    visitor.sees("main .errsum[role=alert]", re.compile("分钟后再试|Try again in"))
    visitor.press("main a[href^='/reset-password']")
    visitor.at("/reset-password")
    prove(visitor, address, "/reset-password")
    visitor.at("/reset-password/new")
    visitor.write("main [name=password]", NEW)
    visitor.press("main form:has([name=password]) button.btn--primary")
    visitor.at("/$")
    sign_out(visitor)
    sign_in(visitor, address, NEW)
    visitor.at("/$")
    visitor.open("/me")
    visitor.sees("main", TEXTS[visitor.way.language]["name"])
