"""Atom feeds of the newest needs and research results, and the sitemap. Public items only, whoever asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext_lazy as _

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel.replicas import may_lag
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties

NEWEST = 50
PER_SITEMAP = 10_000  # the protocol allows 50,000 addresses a file


class NewestItems(Feed):
    """The newest public items of one kind. Authors are left out: a need's publisher may be anonymous."""

    feed_type = Atom1Feed
    place = ""

    def link(self) -> str:
        return f"{settings.SITE_URL}/{self.place}"

    def feed_url(self) -> str:
        return f"{settings.SITE_URL}/feeds/{self.place}.atom"

    def item_title(self, item: Any) -> str:
        return _first_text(item).title

    def item_link(self, item: Any) -> str:
        return f"{settings.SITE_URL}/{self.place}/{item.code}"

    def item_guid(self, item: Any) -> str:
        return self.item_link(item)

    def item_pubdate(self, item: Any) -> datetime:
        return item.published_at

    def item_updateddate(self, item: Any) -> datetime:
        return item.updated_at


class NewestNeeds(NewestItems):
    title = _("最新需求")
    subtitle = _("刚公开的技术需求")
    place = "needs"

    def items(self) -> Any:
        return catalogue.newest_needs(parties.visitor())[:NEWEST]

    def item_description(self, item: Any) -> str:
        return _first_text(item).problem[:500]


class NewestAchievements(NewestItems):
    title = _("最新成果")
    subtitle = _("刚公开的科研成果")
    place = "achievements"

    def items(self) -> Any:
        return catalogue.newest_achievements(parties.visitor())[:NEWEST]

    def item_description(self, item: Any) -> str:
        return _first_text(item).summary[:500]


def _first_text(item: Any) -> Any:
    """Chinese if there is one."""
    return max(item.texts.all(), key=lambda text: text.lang)


LISTS = {
    "needs": lambda: catalogue.newest_needs(parties.visitor()),
    "achievements": lambda: catalogue.newest_achievements(parties.visitor()),
}


@may_lag
def sitemap_index(request: HttpRequest) -> HttpResponse:
    """One file per 10,000 items of each kind."""
    parts = [(name, n + 1) for name in LISTS for n in range(-(-_length(name) // PER_SITEMAP))]
    context = {"site_url": settings.SITE_URL, "parts": parts}
    return render(request, "sitemap_index.xml", context, content_type="application/xml")


def _length(name: str) -> int:
    ahead = matching.length_counted_ahead(name.removesuffix("s"))
    return LISTS[name]().count() if ahead is None else ahead


@may_lag
def sitemap(request: HttpRequest, name: str, part: str) -> HttpResponse:
    if name not in LISTS or int(part) < 1:
        raise Http404
    first = (int(part) - 1) * PER_SITEMAP
    rows = LISTS[name]().prefetch_related(None).select_related(None).values_list("code", "updated_at")
    items = list(rows[first : first + PER_SITEMAP])
    if not items:
        raise Http404
    context = {"site_url": settings.SITE_URL, "name": name, "items": items}
    return render(request, "sitemap.xml", context, content_type="application/xml")


def robots(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    lines = ["User-agent: *", "Disallow: /search", "Disallow: /me", f"Sitemap: {settings.SITE_URL}/sitemap.xml", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
