"""The workbench: whose turn it is, and everything else that waits for one person. Composes several contexts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from keqiao.alerts import selectors as alerts
from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import selectors as engagement
from keqiao.engagement import services, views, watching
from keqiao.engagement.selectors import Names
from keqiao.kernel import clock, notices
from keqiao.kernel.pages import actor_of, counted, counted_and_cut, cut, is_htmx, page, signed_in
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors as submissions
from keqiao.web import presentation

SHOWN = 5


@dataclass(frozen=True)
class Draft:
    """What is being written: its title, whether it came back with questions."""

    code: str
    kind: str
    title: presentation.Said
    state_label: str
    is_returned: bool
    saved_at: Any


@page
@signed_in
def me(request: HttpRequest) -> HttpResponse:
    """Works without script; with it the list of contacts and the tasks are changed in place."""
    if is_htmx(request) and request.headers.get("HX-Target") == "contact-list":
        return views.varying(render(request, "engagement/_contact_list.html", views.contact_list(request)))
    actor = actor_of(request)
    context = {
        "tab": "me",
        "side": "bench",
        "day": dateformat.format(clock.today(), pgettext("date format", "n 月 j 日，l")),
        "posts": list(parties.posts_of(actor)),
        "live": watching.address(request, actor, watching.workbench_topic(actor.person_id)),
        **views.contact_list(request),
        **views.task_list(request),
        **_matches(request),
        **_writing(actor),
        **_own(actor),
    }
    return views.varying(render(request, "workbench/workbench.html", context))


def _matches(request: HttpRequest) -> dict[str, Any]:
    """Matches that appeared since the last visit. Staff who stand in for somebody leave no stamp."""
    actor = actor_of(request)
    if actor.only_reads or request.headers.get("X-Requested-With") == "follow":  # the page asks again: no new visit
        visit = engagement.visit_of(actor)
    else:
        visit = services.note_visit(actor=actor)
    if not alerts.wants_recommendations(actor.person_id):
        return {"recommends": False, "newest": _newest(actor), "new_match_count": 0}
    found, total = engagement.new_matches(actor, since=visit.match_seen if visit else 0, count=SHOWN)
    others = _others(found, actor)
    rows = [{"match": row, "other": other} for row, other in zip(found, others, strict=True)]
    shown = {"new_matches": rows, "new_match_count": total, "since": visit.previous_at if visit else None}
    return {"recommends": True, **shown}


def _newest(actor: Any) -> list[tuple[str, Any]]:
    """What everybody sees in the same order: for those who switched personal recommendation off."""
    items: list[tuple[str, Any]] = [("need", row) for row in catalogue.newest_needs(actor)[:SHOWN]]
    items += [("achievement", row) for row in catalogue.newest_achievements(actor)[:SHOWN]]
    return sorted(items, key=lambda row: row[1].published_at, reverse=True)[:SHOWN]


def _others(rows: list[Any], actor: Any) -> list[Any]:
    """Who stands on the other bank of each match, as the need's publisher allows."""
    names = Names(actor)
    matched = matching.matched_needs([row.need for row in rows if row.side != "need"], actor=actor)
    others = []
    for row in rows:
        if row.side == "need":
            others.append(row.achievement.owner)
            continue
        publisher = catalogue.publisher_seen_by(actor, row.need, is_matched=row.need.pk in matched)
        others.append(publisher or names.described(row.need))
    return others


def _writing(actor: Any) -> dict[str, Any]:
    """Drafts, and what waits for the actor's review."""
    drafts = submissions.open_drafts(actor)
    reviews = submissions.waiting_reviews(actor)
    return {
        "drafts": [_draft(row) for row in cut(drafts, 0, SHOWN)],
        "draft_count": counted(drafts),
        "reviews": [_draft(row) for row in cut(reviews, 0, SHOWN)],
        "review_count": counted(reviews),
        "reviews_at_all": bool(submissions.review_sides(actor)),
        "broker_count": counted(engagement.broker_requests_to_assign(actor)) if actor.is_operator else 0,
    }


def _draft(row: Any) -> Draft:
    texts = row.content.get("texts") or {}
    zh, en = ((texts.get(lang) or {}).get("title") or "" for lang in ("zh", "en"))
    title = presentation.either(str(zh), str(en))
    if not title:
        title = presentation.Said(_("还没有标题"), presentation.language())
    return Draft(row.code, row.kind, title, row.get_state_display(), row.state == "returned", row.saved_at)


def _own(actor: Any) -> dict[str, Any]:
    """What the person keeps, what they were told, what their organisation has published."""
    searches = engagement.saved_searches(actor)
    told = notices.notices_of(actor)
    stale_count, stale = counted_and_cut(alerts.own_stale(actor), 0, SHOWN)
    needs, achievements = catalogue.own_needs(actor), catalogue.own_achievements(actor)
    return {
        "searches": list(cut(searches, 0, SHOWN)),
        "search_count": counted(searches),
        "notices": list(cut(told, 0, SHOWN)),
        "stale": list(stale),
        "stale_count": stale_count,
        "needs": list(cut(needs, 0, SHOWN)),
        "need_count": counted(needs),
        "achievements": list(cut(achievements, 0, SHOWN)),
        "achievement_count": counted(achievements),
    }
