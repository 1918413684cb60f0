"""Getting in: sign-up with a passkey, the second step, recovery codes, limits and the way back; no violation on the way."""

import itertools
import re
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from keqiao.accounts.tests.twins import OidcTwin
from keqiao.runtime.federation import read_providers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SECRET = "correct horse battery"
NEW = "another long phrase"
_number = itertools.count(int(time.time()) % 100_000 * 100)
WORDS = {
    "zh-hans": {
        "send": "发送验证码", "code": "验证码", "go": "继续", "name": "姓名", "agree": "我已阅读并同意",
        "by_passkey": "用通行密钥注册", "sign_up": "注册", "create": "创建通行密钥", "use": "使用通行密钥",
        "out": "退出", "password": "密码", "sign_in": "登录", "security": "账号安全", "turn_on": "开启",
        "kept": "已经保存好了", "second": "第二步验证", "address": "电子邮箱或手机号", "own": "许砚秋",
        "rename": "改名", "label": "名称", "save": "保存", "desk": "办公桌上的",
        "link": "关联", "linked": "单位账号已关联", "unlink": "解除关联", "unlinked": "未关联",
    },
    "en": {
        "send": "Send a code", "code": "Code", "go": "Continue", "name": "Name", "agree": "I have read and agree",
        "by_passkey": "Sign up with a passkey", "sign_up": "Sign up", "create": "Create a passkey",
        "use": "Use a passkey", "out": "Sign out", "password": "Password", "sign_in": "Sign in",
        "security": "Account security", "turn_on": "Turn on", "kept": "I have kept them", "second": "Second step",
        "address": "E-mail or mobile number", "own": "Xu Yanqiu",
        "rename": "Rename", "label": "Name", "save": "Save", "desk": "on my desk",
        "link": "Link", "linked": "The account elsewhere is linked", "unlink": "Unlink", "unlinked": "not linked",
    },
}  # fmt: skip


class Visitor:
    """Somebody at a browser, in one language, with a mouse, a keyboard or a finger."""

    def __init__(self, page: Page, home: str, language: str, hand: str) -> None:
        self.page, self.home, self.hand = page, home, hand
        self.say = WORDS[language]
        page.context.add_cookies([{"name": "keqiao_language", "value": language, "url": home}])

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def open(self, path: str) -> None:
        self.page.goto(self.home + path)

    def press(self, name: str, *, exact: bool = True) -> None:
        button = self.main.get_by_role("button", name=name, exact=exact)
        if self.hand == "keyboard":
            button.focus()
            self.page.keyboard.press("Enter")
        elif self.hand == "finger":
            button.tap()
        else:
            button.click()

    def follow(self, name: str) -> None:
        link = self.main.get_by_role("link", name=name, exact=True)
        if self.hand == "keyboard":
            link.press("Enter")
        elif self.hand == "finger":
            link.tap()
        else:
            link.click()

    def fill(self, label: str, text: str) -> None:
        box = self.main.get_by_label(label, exact=True)
        if self.hand == "keyboard":
            box.focus()
            self.page.keyboard.type(text)
        else:
            box.fill(text)

    def tick_agreement(self) -> None:
        box = self.main.get_by_role("checkbox", name=re.compile(self.say["agree"]))
        if self.hand == "keyboard":
            box.focus()
            self.page.keyboard.press("Space")
        else:
            box.check()
        expect(box).to_be_checked()

    def at(self, path: str) -> None:
        expect(self.page).to_have_url(re.compile(rf"{re.escape(path)}([?#].*)?$"))

    def is_clean(self) -> None:
        results = Axe().run(self.page, options={"runOnly": WCAG})
        assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in results.response["violations"]] == []
        width = self.page.viewport_size["width"]
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width

    def shown_code(self) -> str:
        """The demo sends nothing and shows the code."""
        return self.page.locator("#demo-code").inner_text()

    # --- ways ---------------------------------------------------------------------------------------------------------

    def prove(self, address: str, *, start: str, code_page: str) -> None:
        self.open(start)
        self.is_clean()
        self.fill(self.say["address"], address)
        self.press(self.say["send"])
        self.at(code_page)
        self.is_clean()
        self.fill(self.say["code"], self.shown_code())
        self.press(self.say["go"])

    def sign_up(self, address: str) -> None:
        self.prove(address, start="/sign-up", code_page="/sign-up/code")
        self.at("/sign-up/details")
        self.fill(self.say["name"], self.say["own"])
        self.fill(self.say["password"], SECRET)
        self.tick_agreement()
        self.press(self.say["sign_up"])
        self.at("/")

    def sign_in(self, address: str, password: str) -> None:
        self.open("/sign-in")
        self.fill(self.say["address"], address)
        self.fill(self.say["password"], password)
        self.press(self.say["sign_in"])

    def sign_out(self) -> None:
        self.open("/me/security")
        self.press(self.say["out"])
        self.at("/")

    def is_in(self) -> None:
        self.open("/me")
        expect(self.main).to_contain_text(self.say["own"])


def new_address() -> str:
    return f"visitor{next(_number)}@example.org"


def totp(secret: str) -> str:
    return format_hotp_value(hotp_value(secret.replace(" ", ""), int(time.time()) // 30))


def with_passkeys(page: Page) -> None:
    """A device that can make passkeys and whose owner always agrees."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.fixture
def home(lanjiang):
    """Passkeys need a name: browsers offer them on localhost, not on 127.0.0.1."""
    return lanjiang.replace("127.0.0.1", "localhost")


@pytest.fixture
def fresh_limits(lanjiang, django_db_blocker):
    """All tests come from one place: what others tried does not stop this one, nor this one others."""
    from keqiao.accounts.models import AttemptCount

    def forget():
        with django_db_blocker.unblock():
            AttemptCount.objects.all().delete()

    forget()
    yield
    forget()


@pytest.fixture
def visitor(request, browser, home, fresh_limits):
    language, hand = getattr(request, "param", ("zh-hans", "mouse"))
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True} if hand == "finger" else {}
    context = browser.new_context(locale="zh-CN", reduced_motion="reduce", **phone)
    yield Visitor(context.new_page(), home, language, hand)
    context.close()


HANDS = [("zh-hans", "mouse"), ("en", "mouse"), ("zh-hans", "keyboard"), ("en", "keyboard"), ("zh-hans", "finger")]


@pytest.mark.parametrize("visitor", HANDS[3:], indirect=True, ids="-".join)
def test_sign_up_with_a_passkey_and_in_with_it(visitor):
    with_passkeys(visitor.page)
    visitor.prove(new_address(), start="/sign-up?next=/needs", code_page="/sign-up/code")
    visitor.at("/sign-up/details")
    visitor.is_clean()
    visitor.fill(visitor.say["name"], visitor.say["own"])
    visitor.press(visitor.say["by_passkey"], exact=False)
    visitor.at("/sign-up/details")
    expect(visitor.main.get_by_role("alert")).to_be_visible()  # the tick is missing
    visitor.is_clean()
    visitor.tick_agreement()
    visitor.press(visitor.say["by_passkey"], exact=False)
    visitor.at("/me/security/passkeys/add")
    visitor.is_clean()
    visitor.press(visitor.say["create"])
    visitor.at("/needs")
    visitor.open("/me/security")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(visitor.say["security"])
    visitor.is_clean()
    visitor.main.get_by_role("link", name=re.compile(visitor.say["rename"])).press("Enter")
    visitor.is_clean()
    visitor.fill(visitor.say["label"], visitor.say["desk"])
    visitor.press(visitor.say["save"])
    visitor.at("/me/security")
    expect(visitor.main.get_by_role("rowheader", name=visitor.say["desk"])).to_be_visible()
    visitor.press(visitor.say["out"])
    visitor.at("/")
    visitor.open("/sign-in?next=/me")
    visitor.is_clean()
    visitor.press(visitor.say["use"])
    visitor.at("/me")
    expect(visitor.main).to_contain_text(visitor.say["own"])


@pytest.mark.parametrize("visitor", HANDS[1:3], indirect=True, ids="-".join)
def test_the_second_step_and_a_recovery_code(visitor):
    address = new_address()
    visitor.sign_up(address)
    visitor.open("/me/security/totp")
    visitor.is_clean()
    secret = visitor.page.locator("#secret").inner_text()
    visitor.fill(visitor.say["code"], totp(secret))
    visitor.press(visitor.say["turn_on"])
    expect(visitor.page.locator("#codes code")).to_have_count(10)
    visitor.is_clean()
    codes = visitor.page.locator("#codes code").all_inner_texts()
    visitor.sign_out()
    visitor.sign_in(address, SECRET)
    visitor.at("/sign-in/second-step")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(visitor.say["second"])
    visitor.is_clean()
    visitor.page.locator("#id_code").fill(codes[0])
    visitor.press(visitor.say["go"])
    visitor.at("/")
    visitor.is_in()
    visitor.sign_out()
    # The same recovery code is void; the app's next code opens.
    visitor.sign_in(address, SECRET)
    visitor.at("/sign-in/second-step")
    visitor.page.locator("#id_code").fill(codes[0])
    visitor.press(visitor.say["go"])
    expect(visitor.main.get_by_role("alert")).to_be_visible()
    visitor.is_clean()
    later = format_hotp_value(hotp_value(secret.replace(" ", ""), int(time.time()) // 30 + 1))
    visitor.page.locator("#id_code").fill(later)
    visitor.press(visitor.say["go"])
    visitor.at("/")
    visitor.is_in()


def test_throttled_and_recovered(visitor):
    address = new_address()
    visitor.sign_up(address)
    visitor.sign_out()
    for _ in range(5):
        visitor.sign_in(address, "wrong password")
        expect(visitor.main.get_by_role("alert")).to_be_visible()
    visitor.sign_in(address, SECRET)
    expect(visitor.main.get_by_role("alert")).to_contain_text(re.compile("分钟后再试|Try again in"))
    visitor.is_clean()
    way = visitor.main.locator("a[href^='/reset-password']").first
    way.focus()
    visitor.page.keyboard.press("Enter")
    visitor.at("/reset-password")
    visitor.prove(address, start="/reset-password", code_page="/reset-password/code")
    visitor.at("/reset-password/new")
    visitor.is_clean()
    visitor.page.locator("#id_password").fill(NEW)
    visitor.page.keyboard.press("Enter")
    visitor.at("/")
    visitor.is_in()
    visitor.sign_out()
    visitor.sign_in(address, NEW)
    visitor.at("/")
    visitor.is_in()


def test_without_script_everything_but_passkeys_works(browser, home, fresh_limits):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    visitor = Visitor(context.new_page(), home, "zh-hans", "mouse")
    visitor.is_clean = lambda: None  # axe is a script
    address = new_address()
    visitor.open("/sign-in")
    assert "通行密钥需要浏览器脚本" in visitor.page.locator("main noscript").inner_text()
    expect(visitor.main.get_by_role("button", name="使用通行密钥")).to_be_hidden()
    visitor.sign_up(address)
    visitor.is_in()
    visitor.open("/me/security/passkeys/add")
    assert "创建通行密钥需要浏览器脚本" in visitor.page.locator("main noscript").inner_text()
    visitor.sign_out()
    visitor.prove(address, start="/sign-in/code", code_page="/sign-in/code/enter")
    visitor.at("/")
    visitor.is_in()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_security_pages_are_clean(browser, home, fresh_limits, theme, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    context.add_cookies([{"name": "keqiao_theme", "value": theme, "url": home}])
    visitor = Visitor(context.new_page(), home, "en", "mouse")
    visitor.sign_in("lin@lut.example", "lanjiang-2026-demo")
    visitor.at("/")
    for path in ("", "/password", "/address", "/passkeys/add", "/totp", "/confirm"):
        visitor.open(f"/me/security{path}")
        expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
        visitor.is_clean()
    context.close()


def test_a_device_that_refuses_leaves_the_other_ways(visitor):
    visitor.open("/sign-in")
    cdp = visitor.page.context.new_cdp_session(visitor.page)
    cdp.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})
    visitor.press(visitor.say["use"])
    expect(visitor.page.locator("[data-passkey-problem]")).to_be_visible()
    visitor.is_clean()
    expect(visitor.main.get_by_role("button", name=visitor.say["use"])).to_be_enabled()


@pytest.fixture
def university(settings, tmp_path, monkeypatch):
    """An OpenID provider that the site takes sign-ins from, on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    twin = OidcTwin()
    row = (
        f'[[oidc]]\nid = "lut"\nname = "澜江理工大学"\nserver_url = "{twin.url}"\nclient_id = "keqiao"\nsecret = "s"\n'
    )
    (tmp_path / "providers.toml").write_text(row, encoding="utf-8")
    settings.SOCIALACCOUNT_PROVIDERS = read_providers(tmp_path, "providers.toml")
    twin.claims = {"sub": f"pairwise-{next(_number)}", "name": "许砚秋"}
    yield "澜江理工大学"
    twin.stop()


@pytest.mark.parametrize("visitor", [HANDS[0], HANDS[3], HANDS[4]], indirect=True, ids="-".join)
def test_the_university_account_is_linked_signs_in_and_is_unlinked(visitor, university):
    visitor.sign_up(new_address())
    visitor.open("/me/security")
    visitor.follow(f"{visitor.say['link']} {university}")
    visitor.at("/me/security")
    expect(visitor.main).to_contain_text(visitor.say["linked"])
    visitor.is_clean()
    visitor.sign_out()
    visitor.open("/sign-in?next=/me")
    visitor.is_clean()
    visitor.follow(university)
    visitor.at("/me")
    expect(visitor.main).to_contain_text(visitor.say["own"])
    visitor.open("/me/security")
    visitor.press(f"{visitor.say['unlink']} {university}")
    visitor.at("/me/security")
    expect(visitor.main).to_contain_text(visitor.say["unlinked"])
    visitor.is_clean()
