"""What every page knows: the site, the reader's language and theme, whether this is a demo."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from keqiao.accounts import selectors as accounts
from keqiao.accounts.views_privacy import LATER
from keqiao.kernel import clock, notices
from keqiao.kernel import site as own_site
from keqiao.kernel.pages import actor_of
from keqiao.web import presentation

THEMES = ("light", "dark")


def site(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("keqiao_theme", "")
    return {
        "lang": presentation.language(),
        "html_lang": presentation.TAGS[presentation.language()],
        "theme": theme if theme in THEMES else "",
        "site_url": settings.SITE_URL,
        "is_demo": (settings.DATA_DIR / "demo.json").exists(),
        "here": _here(request),
        "canonical": f"{settings.SITE_URL}{request.path}",
        "site": own_site.site(),
        "site_name": _site_name(),
        "has_one_language": len(own_site.languages()) == 1,
        "unread_count": lambda: notices.unread_count(actor_of(request)),
        "standing_in": SimpleLazyObject(lambda: _standing_in(request)),
        "asks_consent": SimpleLazyObject(lambda: _asks_consent(request)),
    }


def _standing_in(request: HttpRequest) -> Any:
    """The standing-in that goes on; worked out together with the actor."""
    actor = getattr(request, "actor", None)  # none on the answer to a request that was refused before it was asked
    return getattr(request, "standing_in", None) if actor is not None and actor.only_reads else None


def _asks_consent(request: HttpRequest) -> bool:
    """A newer agreement waits for this person, who has not put it off in this session. Nobody is asked for another."""
    actor = getattr(request, "actor", None)
    if actor is None or actor.person_id is None or actor.only_reads or request.session.get(LATER):
        return False
    return bool(accounts.missing_consents(actor.person_id, clock.machine_today()))


def _here(request: HttpRequest) -> str:
    """Where preferences lead back to: this page without its `lang`, or the home page after a form."""
    if request.method != "GET":
        return "/"
    query = request.GET.copy()
    query.pop("lang", None)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _site_name() -> str:
    """Both names on Chinese pages, where the Latin one is part of how it is written."""
    row = own_site.site()
    if presentation.language() == "en":
        return row.name_en
    return row.name_zh if row.name_zh == row.name_en else f"{row.name_zh} {row.name_en}"
