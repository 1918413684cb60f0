"""Somebody at a browser: in one language, with a mouse, a keyboard or a finger on a phone.

A journey is written once against this and walked in every way. It finds things by what they are (a form's field, a
button's value, a link's address), so that one text serves both languages; each page is asked for its language instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
PATIENCE = 20_000  # milliseconds: a busy machine matches a draft anew with every page
COOKIE = {"zh": "zh-hans", "en": "en"}
HTML_LANG = {"zh": "zh-CN", "en": "en"}
SAVED = re.compile(r"\d\d:\d\d")


@dataclass(frozen=True)
class Way:
    """How one visits."""

    hand: str
    language: str

    def __str__(self) -> str:
        return f"{self.hand}-{self.language}"


HANDS = ("mouse", "keyboard", "phone")
EVERY_WAY = [Way(hand, language) for hand in HANDS for language in ("zh", "en")]


class Visitor:
    """One person with one browser."""

    def __init__(self, context: BrowserContext, home: str, way: Way) -> None:
        self.context, self.home, self.way = context, home, way
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)

    # --- looking

    def find(self, what: str | Locator) -> Locator:
        """The first that can be seen: a phone hides what a desk shows, and the other way round."""
        if not isinstance(what, str):
            return what
        return self.page.locator(what).locator("visible=true").first

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.home + path)
        self.is_readable()

    def is_readable(self) -> None:
        """In the visitor's language, and nothing beside the screen of a phone."""
        expect(self.page.locator("html")).to_have_attribute("lang", HTML_LANG[self.way.language])
        if self.way.hand == "phone":
            assert self.width() <= PHONE["viewport"]["width"], self.page.url

    def width(self) -> int:
        """Of the page as it stands when it has come; one that is just being replaced is asked again."""
        self.page.wait_for_load_state()
        try:
            return self.page.evaluate("document.documentElement.scrollWidth")
        except Error:
            self.page.wait_for_load_state()
            return self.page.evaluate("document.documentElement.scrollWidth")

    def at(self, pattern: str) -> None:
        expect(self.page).to_have_url(re.compile(pattern), timeout=PATIENCE)
        self.is_readable()

    def sees(self, what: str | Locator, text: str | re.Pattern[str] = "") -> None:
        if text:
            expect(self.page.locator(what) if isinstance(what, str) else what).to_contain_text(text, timeout=PATIENCE)
        else:
            expect(self.find(what)).to_be_visible(timeout=PATIENCE)

    def lacks(self, what: str) -> None:
        expect(self.page.locator(what)).to_have_count(0, timeout=PATIENCE)

    # --- doing

    def press(self, what: str | Locator) -> None:
        it = self.find(what)
        if self.way.hand == "keyboard":
            self._focus(it)
            self.page.keyboard.press("Enter")
        elif self.way.hand == "phone":
            it.tap()
        else:
            it.click()

    def write(self, what: str | Locator, text: str) -> None:
        it = self.find(what)
        if self.way.hand == "keyboard":
            self._focus(it)
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.insert_text(text)
        else:
            it.fill(text)

    def tick(self, what: str | Locator) -> None:
        """A checkbox or a radio button; its label is what a finger meets."""
        it = self.page.locator(what).first if isinstance(what, str) else what
        if self.way.hand == "keyboard":
            self._focus(it)
            if not it.is_checked():
                self.page.keyboard.press("Space")
        elif not it.is_checked():
            it.check()
        expect(it).to_be_checked()

    def choose(self, what: str | Locator, value: str) -> None:
        self.find(what).select_option(value)

    def _focus(self, it: Locator) -> None:
        """As the Tab key would: what it passes over cannot be reached by keyboard."""
        expect(it).to_be_enabled(timeout=PATIENCE)
        it.focus()
        assert it.evaluate("element => element === document.activeElement && element.tabIndex >= 0"), it

    # --- the device

    def has_passkeys(self) -> None:
        """A device that can make passkeys and whose owner always agrees."""
        cdp = self.context.new_cdp_session(self.page)
        cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    @contextmanager
    def offline(self) -> Iterator[None]:
        self.page.wait_for_load_state()  # with its script
        self.context.set_offline(True)
        yield
        self.context.set_offline(False)

    def is_saved(self) -> None:
        line = self.page.locator("#saved")
        expect(line).not_to_have_class(re.compile("is-(busy|off)"), timeout=PATIENCE)
        expect(line).to_contain_text(SAVED)


class Town:
    """The city's site, with its people, for visitors who come in one way."""

    def __init__(self, browser: Browser, home: str, blocker: Any, way: Way) -> None:
        self.browser, self.home, self.way = browser, home, way
        self._blocker = blocker
        self._contexts: list[BrowserContext] = []

    def database(self, ask: Callable[[], Any]) -> Any:
        """Look at or change the city behind the site's back, and leave no connection open."""
        from django.db import connections

        with self._blocker.unblock():
            try:
                return ask()
            finally:
                connections.close_all()

    def visitor(self, email: str = "", way: Way | None = None) -> Visitor:
        """Somebody new, or somebody known who has signed in on this device."""
        way = way or self.way
        given: dict[str, Any] = {**PHONE} if way.hand == "phone" else {"viewport": {"width": 1440, "height": 900}}
        context = self.browser.new_context(locale="zh-CN", reduced_motion="reduce", **given)
        self._contexts.append(context)
        cookies = {"keqiao_language": COOKIE[way.language]}
        if email:
            cookies |= self.database(lambda: self._session(email))
        context.add_cookies([{"name": name, "value": value, "url": self.home} for name, value in cookies.items()])
        return Visitor(context, self.home, way)

    @staticmethod
    def _session(email: str) -> dict[str, str]:
        from django.conf import settings
        from django.contrib.auth import get_user_model
        from django.test import Client

        client = Client()
        backend = "django.contrib.auth.backends.ModelBackend"
        client.force_login(get_user_model().objects.get(email=email), backend=backend)
        return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}

    def leave(self) -> None:
        for context in self._contexts:
            context.close()
