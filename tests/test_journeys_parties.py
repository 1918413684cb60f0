"""Into an organisation and about in it, in a browser: joining, founding, inviting, acting for another, standing in."""

import re
from contextlib import contextmanager
from itertools import count

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PDF = {"name": "营业执照.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n%%EOF\n"}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_number = count(1)


@pytest.fixture
def world(lanjiang, browser, django_db_blocker, settings, tmp_path):
    """Makes people, and opens a page as one of them."""
    settings.DATA_DIR = tmp_path
    from django.db import connections
    from django.test import Client

    from keqiao.accounts import services as consents
    from keqiao.accounts.types import REQUIRED, ConsentWay
    from keqiao.kernel.identifiers import make_credit_code
    from keqiao.parties import selectors as parties
    from keqiao.parties import services
    from keqiao.parties.models import Organisation, Person

    opened = []

    @contextmanager
    def database():
        """For a moment: what stays open would keep the test database from being dropped."""
        with django_db_blocker.unblock():
            try:
                yield
            finally:
                connections.close_all()

    class World:
        address = lanjiang

        def newcomer(self):
            with database():
                system, number = parties.system(), next(_number)
                person = services.register_person(
                    actor=system,
                    email=f"arriving{number}@lanjiang.example",
                    password="lanjiang-2026-demo",
                    name_zh=f"新来的{number}",
                    name_en=f"Newcomer {number}",
                )
                consents.give_consents(actor=system, person_id=person.pk, documents=REQUIRED, how=ConsentWay.DEMO)
                return person.user.email

        def organisation(self, kind="enterprise", manager=None):
            with database():
                number = next(_number)
                code = f"DW-J{number:04d}"
                row = services.register_organisation(
                    actor=parties.system(),
                    code=code,
                    kind=kind,
                    name_zh=f"澜江旅程单位{number}",
                    name_en=f"Journey {number}",
                )
                if manager:
                    person = Person.objects.get(user__email=manager)
                    services.appoint(
                        actor=parties.system(), person_id=person.pk, organisation_id=row.pk, role="rd_manager"
                    )
                return code, row.name_zh

        def credit_code(self):
            return make_credit_code(f"journey {next(_number)}")

        def is_verified(self, name):
            with database():
                return Organisation.objects.get(name_zh=name).is_verified

        @contextmanager
        def page(self, email, *, lang="zh-hans", width=1440):
            client = Client()
            with database():
                client.force_login(Person.objects.get(user__email=email).user)
            context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
            cookies = {"keqiao_session": client.cookies["keqiao_session"].value, "keqiao_language": lang}
            context.add_cookies([{"name": name, "value": value, "url": lanjiang} for name, value in cookies.items()])
            opened.append(context)
            yield context.new_page()

    yield World()
    for context in opened:
        context.close()


def test_found_asked_and_let_in(world):
    newcomer = world.newcomer()
    with world.page(newcomer) as page:
        page.goto(f"{world.address}/join")
        page.get_by_role("textbox").first.fill("澜江理工")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"\?q="))
        page.get_by_role("link", name=re.compile("申请加入.*澜江理工大学")).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("澜江理工大学")
        page.get_by_label("角色").select_option("researcher")
        page.get_by_label("说明").fill("膜分离工程中心")
        page.get_by_role("button", name="送出申请").click()
        expect(page).to_have_url(f"{world.address}/me/organisations")
        expect(page.get_by_text("待答复")).to_be_visible()
    with world.page("shen@lut.example") as page:
        page.goto(f"{world.address}/me/organisations")
        page.get_by_role("link", name="成员", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("成员与邀请")
        page.locator("li", has_text="膜分离工程中心").get_by_role("button", name=re.compile("同意加入")).click()
        expect(page.get_by_role("table")).to_contain_text("新来的")
    with world.page(newcomer) as page:
        page.goto(f"{world.address}/me/organisations")
        expect(page.get_by_text("现在代表").first).to_be_visible()


@pytest.mark.parametrize(("lang", "width"), [("zh-hans", 390), ("en", 1440)])
def test_founded_asked_back_and_verified(world, lang, width):
    newcomer, name = world.newcomer(), f"澜江新陌材料{next(_number)}有限公司"
    with world.page(newcomer, lang=lang, width=width) as page:
        page.goto(f"{world.address}/join/new?kind=enterprise")
        page.locator("[name=name_zh]").fill(name)
        page.locator("[name=credit_code]").fill("91350100M000100Y44")
        page.locator("[name=licence]").set_input_files(PDF)
        page.locator("form[method=post] button.btn--primary").click()
        summary = page.get_by_role("alert")
        expect(summary).to_contain_text("91350100M000100Y44")
        summary.get_by_role("link").click()
        expect(page.locator("[name=credit_code]")).to_be_focused()
        expect(page.locator("[name=name_zh]")).to_have_value(name)
        page.locator("[name=credit_code]").fill(world.credit_code())
        page.locator("[name=licence]").set_input_files(PDF)
        page.locator("form[method=post] button.btn--primary").click()
        expect(page).to_have_url(re.compile(r"/verifications/RZ-"))
        place = page.url
    with world.page("admin@ltt.example") as page:
        page.goto(f"{world.address}/verifications")
        page.get_by_role("link", name=name).click()
        expect(page).to_have_url(place)
        page.locator("[name=text]").fill("执照照片看不清，请重新上传。")
        page.get_by_role("button", name="请对方补充").click()
        expect(page.get_by_text("待补充").first).to_be_visible()
    with world.page(newcomer, lang=lang, width=width) as page:
        page.goto(place)
        page.locator("[name=text]").fill("已重新上传。")
        page.locator("[name=licence]").set_input_files(PDF)
        page.locator("button[value=answer]").click()
        expect(page.locator("button[value=answer]")).to_have_count(0)
    with world.page("admin@ltt.example") as page:
        page.goto(place)
        page.get_by_role("button", name="通过核实").click()
        expect(page.locator("h1 + p .status")).to_have_text("已核实")
    assert world.is_verified(name)


def test_an_invitation_by_link_for_one_use(world):
    manager, newcomer, late = world.newcomer(), world.newcomer(), world.newcomer()
    code, name = world.organisation(manager=manager)
    with world.page(manager) as page:
        page.goto(f"{world.address}/organisations/{code}/members")
        page.locator("#invite-role").select_option("researcher")
        page.get_by_role("button", name="邀请", exact=True).click()
        link = page.get_by_label("邀请链接")
        expect(link).to_be_visible()
        path = "/" + link.input_value().split("/", 3)[3]
        page.reload()
        expect(page.get_by_label("邀请链接")).to_have_count(0)
    with world.page(newcomer) as page:
        page.goto(world.address + path)
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
        page.get_by_role("button", name="接受邀请").click()
        expect(page).to_have_url(f"{world.address}/me/organisations")
        expect(page.get_by_role("heading", level=3)).to_contain_text(name)
    with world.page(late) as page:
        answer = page.request.get(world.address + path)
        assert (answer.status, "已经用过" in answer.text()) == (409, True)


def test_acting_for_another_by_keyboard(world):
    somebody = world.newcomer()
    (_first, first), (second_code, second) = world.organisation(manager=somebody), world.organisation(manager=somebody)
    with world.page(somebody) as page:
        page.goto(f"{world.address}/rules")
        menu = page.locator("details.acting")
        expect(menu).to_contain_text(first)
        menu.locator("summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(menu.get_by_role("button", name=second)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{world.address}/me/organisations")
        expect(page.locator("details.acting .acting__name")).to_contain_text(second)
        page.goto(f"{world.address}/organisations/{second_code}/manage")
        expect(page.get_by_role("heading", level=1)).to_have_text("单位资料")


@pytest.mark.parametrize(("lang", "width"), [("zh-hans", 1440), ("en", 390)])
def test_a_logo_is_refused_put_and_taken_away(world, lang, width):
    from keqiao.demo.logos import png

    manager = world.newcomer()
    code, _name = world.organisation(manager=manager)
    logo = f"img[src^='/organisations/{code}/logo']"
    with world.page(manager, lang=lang, width=width) as page:
        page.goto(f"{world.address}/organisations/{code}/manage")
        form = page.locator("form[action$='/manage/logo']")
        svg = {"name": "logo.png", "mimeType": "image/png", "buffer": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
        form.locator("[name=logo]").set_input_files(svg)
        form.locator("button").click()
        expect(page.get_by_role("alert")).to_contain_text("SVG")
        drawn = {"name": "标志.png", "mimeType": "image/png", "buffer": png("lut")}
        form.locator("[name=logo]").set_input_files(drawn)
        form.locator("button").press("Enter")
        expect(page.locator(logo)).to_be_visible()
        # Not wait_for_function: where it must ask twice it evaluates text in the page, which the page's policy forbids.
        expect(page.locator("img.is-logo").first).to_have_js_property("naturalWidth", 192)
        page.goto(f"{world.address}/organisations/{code}")
        expect(page.locator(f"header.eh {logo}")).to_be_visible()
        page.goto(f"{world.address}/organisations/{code}/manage")
        page.locator("form[action$='/manage/logo/remove'] button").click()
        expect(page.locator(logo)).to_have_count(0)


def test_the_profile_and_what_is_public(world):
    manager = world.newcomer()
    code, _name = world.organisation(manager=manager)
    with world.page(manager, lang="en", width=390) as page:
        page.goto(f"{world.address}/me/profile")
        page.locator("[name=orcid]").fill("0000-0002-1825-0098")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("ORCID")
        page.locator("[name=orcid]").fill("0000-0002-1825-0097")
        page.locator("[name=expertise]").fill("membrane separation")
        page.locator("[name=shown][value=name]").check()
        page.locator("[name=shown][value=expertise]").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_be_visible()
        page.goto(f"{world.address}/organisations/{code}")
        expect(page.locator("main")).to_contain_text("membrane separation")
        expect(page.locator("main")).not_to_contain_text("0000-0002-1825-0097")
        expect(page.locator("main")).not_to_contain_text(manager)


PLACES = [
    "/join?q=澜江",
    "/join/new",
    "/me/organisations",
    "/me/profile",
    "/organisations/{code}/manage",
    "/organisations/{code}/members",
    "/organisations/{code}/changes",
    "/organisations/{code}",
]
OPERATORS_PLACES = ["/verifications", "/join-requests", "/merges"]


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width", "theme"), [("zh-hans", 1440, "light"), ("en", 390, "dark")])
def test_no_page_has_a_violation(world, lang, width, theme):
    manager = world.newcomer()
    code, _name = world.organisation(manager=manager)
    world.organisation(manager=manager)  # so that there is a menu to switch
    found = []
    for somebody, places in ((manager, PLACES), ("admin@ltt.example", OPERATORS_PLACES)):
        with world.page(somebody, lang=lang, width=width) as page:
            page.context.add_cookies([{"name": "keqiao_theme", "value": theme, "url": world.address}])
            for place in places:
                page.goto(world.address + place.format(code=code))
                results = Axe().run(page, options={"runOnly": WCAG})
                found += [
                    (place, v["id"], [node["target"] for node in v["nodes"]][:3])
                    for v in results.response["violations"]
                ]
                assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert found == []
