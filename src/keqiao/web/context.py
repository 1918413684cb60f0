"""What every page knows: the site, the reader's language and theme, whether this is a demo."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

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
    }


def _here(request: HttpRequest) -> str:
    """Where preferences lead back to: this page without its `lang`, or the home page after a form."""
    if request.method != "GET":
        return "/"
    query = request.GET.copy()
    query.pop("lang", None)
    return f"{request.path}?{query.urlencode()}" if query else request.path
