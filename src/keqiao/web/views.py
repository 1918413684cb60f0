"""Pages that compose several contexts: parse, ask a selector, render."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from keqiao.alerts import selectors as alerts
from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import selectors as engagement
from keqiao.engagement import showing as contacting
from keqiao.joining import selectors as joining
from keqiao.kernel import clock, parameters
from keqiao.kernel.errors import NotFound
from keqiao.kernel.pages import (
    LANGUAGE_COOKIE,
    LANGUAGES,
    LongList,
    actor_of,
    counted,
    page,
    page_number,
    remember,
    safe_next,
)
from keqiao.kernel.replicas import may_lag
from keqiao.matching import measured, scoring
from keqiao.matching import search as searching
from keqiao.matching import selectors as matching
from keqiao.matching.gathering import ACHIEVEMENT_PARTS, NEED_PARTS
from keqiao.matching.types import Stone
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, OrganisationKind
from keqiao.web import (
    about,
    budgets,
    presentation,
    presentation_compare,
    presentation_figures,
    presentation_reasons,
    presentation_rules,
    presentation_schema,
    presentation_search,
    problems,
    reasons,
    recording,
)
from keqiao.web.context import THEMES
from keqiao.web.forms import ASKED, read_search
from keqiao.web.presentation import Words

MATCHES_SHOWN = 8
PER_PAGE = 20
RULES_PER_PAGE = 100
GOOD_MATCH = 80


def words() -> Words:
    return Words(catalogue.table)


# --- home -------------------------------------------------------------------------------------------------------------


@page
@may_lag
def home(request: HttpRequest) -> HttpResponse:
    actor, terms = actor_of(request), words()
    bridges = matching.best_bridges(actor=actor)
    _name_publishers([match.need for match in bridges], actor, terms)
    counts = matching.open_counts_by_field()
    context = {
        "tab": "home",
        "bridge": presentation.bridge(bridges),
        "computed_at": matching.latest_computation(),
        "good_pairs": matching.count_pairs_from(GOOD_MATCH),
        "good_match": GOOD_MATCH,
        "need_count": sum(n for n, _a in counts.values()),
        "achievement_count": sum(a for _n, a in counts.values()),
        "organisation_count": counted(parties.organisations_visible_to(actor)),
        "fields": presentation.butterfly(counts, terms),
        "newest": _named(catalogue.newest_needs(actor)[:6], actor, terms),
        "schema": [presentation_schema.website()],
    }
    return render(request, "home.html", context)


# --- search -----------------------------------------------------------------------------------------------------------


@page
@may_lag
def search(request: HttpRequest, kind: str = "") -> HttpResponse:
    actor, terms = actor_of(request), words()
    read = read_search(request.GET, terms, kind)
    result = searching.search(read.request, actor=actor)
    if read.request.kind == "need":
        _name_publishers([found.item for found in result.items], actor, terms)
    context = {
        **_place(read.request.kind),
        "kind": read.request.kind,
        "result": result,
        "wanted": read.request,
        "ignored": read.ignored,
        "is_cut": read.is_cut,
        "chips": presentation_search.search_chips(result),
        "facets": presentation_search.facets(result.facets, terms),
        "chosen": presentation_search.count_chosen(read.request),
        "sorts": presentation_search.sorts(read.request.kind),
        "line_at": presentation.line_at(result.items),
        "first": (result.page - 1) * searching.PER_PAGE + 1,
        "last": (result.page - 1) * searching.PER_PAGE + len(result.items),
        "pages": presentation.window(result.page, result.page_count),
        "is_question": bool(read.request.q),
        **_picks(request, [found.item.code for found in result.items]),
    }
    return render(request, "search.html", context)


def _picks(request: HttpRequest, shown: Sequence[str]) -> dict[str, Any]:
    """What was picked to be compared: on this page of the results, and elsewhere."""
    picked = reasons.chosen_codes(request)
    asked = [(name, value) for name, values in request.GET.lists() for value in values if name in ASKED]
    return {
        "picked": picked,
        "picked_elsewhere": [code for code in picked if code not in shown],
        "asked": asked,
    }


def _found_again(request: HttpRequest) -> str:
    """The results that a comparison was picked from, with what was picked."""
    query = request.GET.copy()
    query.pop("lang", None)
    return f"/search?{query.urlencode()}" if query else "/search"


@page
def compare_found(request: HttpRequest) -> HttpResponse:
    """Two to four results of a search side by side. A plain address, so that it can be kept, sent and printed."""
    actor, terms = actor_of(request), words()
    read, codes = read_search(request.GET, terms), reasons.chosen_codes(request)
    kind = read.request.kind
    context = {**_place(kind), "kind": kind, "wanted": read.request, "count": len(codes), "back": _found_again(request)}
    if not reasons.is_comparable(codes):
        return render(request, "compare_found.html", context, status=400)
    found = searching.side_by_side(read.request, codes, actor=actor)
    if kind == "need":
        _name_publishers([one.item for one in found], actor, terms)
    columns = [
        presentation_compare.Column(
            one.item, one.arch, one.arch.score if one.arch else None, f"/{kind}s/{one.item.code}"
        )
        for one in found
    ]
    context |= {
        "columns": columns,
        "blocks": presentation_compare.side_by_side(columns) if all(one.arch for one in columns) else [],
        "traits": presentation_compare.traits(columns, kind, terms),
        "figures": presentation_compare.figures(columns),
    }
    return render(request, "compare_found.html", context)


def _place(kind: str) -> dict[str, str]:
    """Which entries of the navigation are marked."""
    return {"tab": f"{kind}s", "nav": f"{kind}s"}


def _name_publishers(needs: Iterable[Any], actor: Actor, terms: Words) -> None:
    """Give each need `shown_name`: its publisher as this actor may know it."""
    rows = list(needs)
    matched = matching.matched_needs(rows, actor=actor)
    for need in rows:
        publisher = catalogue.publisher_seen_by(actor, need, is_matched=need.pk in matched)
        anonymous = presentation.anonymous_name(need, terms)
        need.shown_name = presentation.organisation_name(publisher) if publisher else anonymous


def _named(needs: Iterable[Any], actor: Actor, terms: Words) -> list[Any]:
    rows = list(needs)
    _name_publishers(rows, actor, terms)
    return rows


# --- a need and its matches -------------------------------------------------------------------------------------------


@page
def need(request: HttpRequest, code: str) -> HttpResponse:
    actor, terms = actor_of(request), words()
    found = catalogue.get_need(code, actor=actor)
    publisher = catalogue.publisher_seen_by(actor, found, is_matched=matching.is_matched(found, actor=actor))
    hidden = engagement.unsuitable_for_need(found, actor=actor)
    shown = matching.matches_of_need(found, actor=actor, count=MATCHES_SHOWN, without=hidden)
    recording.of_need(found, shown, actor=actor)
    total, unmet = matching.count_matches_of_need(found, actor=actor, without=hidden)
    chosen = _chosen_match(found, shown, request.GET.get("match", ""), actor)
    budgets.show([found], actor)
    version = presentation.version_of(found, request.GET.get("text", ""))
    context = {
        **_place("need"),
        "need": found,
        "watched": alerts.watch_on(actor, subject="need", need=found),
        **_shared(found, found.publisher_id, actor),
        "version": version,
        "cited": presentation_reasons.read_cited(request.GET.get("cite", "")),
        "keywords": presentation_reasons.keywords(found, version.lang),
        "publisher": publisher,
        "anonymous": presentation.anonymous_name(found, terms),
        "read": presentation_figures.read_of(version.text, NEED_PARTS, found.indicators.all()),
        "field": terms.field(found.field),
        "region": terms.region(found.region),
        "days_left": presentation.days_left(found.deadline),
        "matches": shown,
        "line_at": presentation.line_at(shown),
        "chosen": chosen,
        "budget_fit": budgets.fit(found, chosen.achievement) if chosen else "",
        **(contacting.fit(actor, found, chosen.achievement) if chosen else {}),
        "total": total,
        "unmet": unmet,
        "rest": max(0, total - len(shown)),
        "combinations": matching.combinations_of(found, actor=actor, without=hidden)[:1],
        "changes": presentation_reasons.changes(found, matching.relaxations_of(found, actor=actor, without=hidden)),
        "classes": presentation.classes(found.ipc, catalogue.codes_of("ipc", presentation.subclasses(found.ipc))),
        "schema": [
            presentation_schema.need(found, version, publisher),
            presentation_schema.crumbs([(_("首页"), "/"), (_("需求"), "/needs"), (version.title, f"/needs/{code}")]),
        ],
    }
    return render(request, "need.html", context)


def _shared(item: Any, owner_id: int, actor: Actor) -> dict[str, Any]:
    """Who shares it; for its own people also what else in public says the same."""
    is_ours = actor.works_for(owner_id)
    return {
        "shared": joining.shared_by(item),
        "joined": joining.own_joining(item, actor=actor),
        "same": matching.same_items(item, actor=actor) if is_ours and item.state == "published" else [],
        "may_join": item.state == "published" and actor.acting_for is not None and not is_ours,
    }


def _chosen_match(found: Any, shown: Sequence[Any], wanted: str, actor: Actor) -> Any:
    """The match of the panel: the one asked for, wherever it stands in the list, else the first."""
    if not wanted:
        return shown[0] if shown else None
    listed = next((match for match in shown if match.achievement.code == wanted), None)
    return listed or matching.get_match(found.code, wanted, actor=actor)


@page
def matches(request: HttpRequest, code: str) -> HttpResponse:
    """All matches of a need, in pages."""
    actor, number = actor_of(request), page_number(request.GET)
    found = catalogue.get_need(code, actor=actor)
    hidden = engagement.unsuitable_for_need(found, actor=actor)
    total, unmet = matching.count_matches_of_need(found, actor=actor, without=hidden)
    rows = matching.matches_of_need(found, actor=actor, first=(number - 1) * PER_PAGE, count=PER_PAGE, without=hidden)
    recording.of_need(found, rows, actor=actor, first=(number - 1) * PER_PAGE + 1)
    page_count = max(1, -(-total // PER_PAGE))
    context = {
        **_place("need"),
        "need": found,
        "matches": rows,
        "line_at": presentation.line_at(rows),
        "total": total,
        "unmet": unmet,
        "page": number,
        "page_count": page_count,
        "pages": presentation.window(number, page_count),
        "first": (number - 1) * PER_PAGE + 1,
        "last": (number - 1) * PER_PAGE + len(rows),
    }
    return render(request, "matches.html", context)


@page
def why(request: HttpRequest, code: str, achievement_code: str) -> HttpResponse:
    """Why one achievement matches: a page of its own, or the panel for the list beside it."""
    actor = actor_of(request)
    match = matching.get_match(code, achievement_code, actor=actor)
    budgets.show([match.need], actor)
    context = {
        "chosen": match,
        "budget_fit": budgets.fit(match.need, match.achievement),
        **contacting.fit(actor, match.need, match.achievement),
    }
    if request.headers.get("HX-Request") == "true":
        response = render(request, "_why.html", context)
    else:
        _name_publishers([match.need], actor, words())
        response = render(request, "why.html", {**_place("need"), **context, "need": match.need})
    patch_vary_headers(response, ["HX-Request"])
    return response


# --- an achievement ---------------------------------------------------------------------------------------------------


@page
def achievement(request: HttpRequest, code: str) -> HttpResponse:
    actor, terms = actor_of(request), words()
    found = catalogue.get_achievement(code, actor=actor)
    hidden = engagement.unsuitable_for_achievement(found, actor=actor)
    needs = matching.matches_of_achievement(found, actor=actor, count=MATCHES_SHOWN, without=hidden)
    recording.of_achievement(found, needs, actor=actor)
    _name_publishers([match.need for match in needs], actor, terms)
    version = presentation.version_of(found, request.GET.get("text", ""))
    context = {
        **_place("achievement"),
        "achievement": found,
        "watched": alerts.watch_on(actor, subject="achievement", achievement=found),
        **_shared(found, found.owner_id, actor),
        "version": version,
        "read": presentation_figures.read_of(version.text, ACHIEVEMENT_PARTS, found.indicators.all()),
        "cited": presentation_reasons.read_cited(request.GET.get("cite", "")),
        "keywords": presentation_reasons.keywords(found, version.lang),
        "field": terms.field(found.field),
        "region": terms.region(found.region),
        "needs": needs,
        "need_count": matching.count_matches_of_achievement(found, actor=actor, without=hidden)[0],
        "similar": matching.similar_achievements(code, actor=actor, count=4),
        "comparison": presentation.comparison(found),
        "price_for": presentation.mode_name(found.price_for),
        "trl_evidence": presentation.trl_evidence(found),
        "classes": presentation.classes(found.ipc, catalogue.codes_of("ipc", presentation.subclasses(found.ipc))),
        "schema": [
            presentation_schema.achievement(found, version),
            presentation_schema.crumbs(
                [(_("首页"), "/"), (_("成果"), "/achievements"), (version.title, f"/achievements/{code}")]
            ),
        ],
    }
    return render(request, "achievement.html", context)


# --- organisations ----------------------------------------------------------------------------------------------------


@page
@may_lag
def organisations(request: HttpRequest) -> HttpResponse:
    kind, name = request.GET.get("kind", ""), presentation.plain(request.GET.get("name", ""))[:60]
    kind = kind if kind in OrganisationKind.values else ""
    rows = parties.find_organisations(actor_of(request), kind=kind, name=name)
    shown = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    context = {
        "nav": "organisations",
        "page": shown,
        "kind": kind,
        "name": name,
        "kinds": OrganisationKind.choices,
        "words": words(),
        "pages": presentation.window(shown.number, shown.paginator.num_pages),
    }
    return render(request, "organisations.html", context)


@page
def organisation(request: HttpRequest, code: str) -> HttpResponse:
    actor, terms = actor_of(request), words()
    try:
        found = parties.get_described(code, actor=actor)
    except NotFound:
        successor = parties.successor_of(code)
        if not successor:
            raise
        return redirect("organisation", code=successor, permanent=True)
    found.qualifications = parties.qualifications_in_force(found)
    lists = {
        "needs": catalogue.needs_of_organisation(found.pk, actor=actor),
        "achievements": catalogue.achievements_of_organisation(found.pk, actor=actor),
        "assets": catalogue.assets_of_organisation(found.pk),
    }
    shown = {name: LongList(rows, PER_PAGE).get_page(page_number(request.GET, name)) for name, rows in lists.items()}
    context = {
        "nav": "organisations",
        "organisation": found,
        "watched": alerts.watch_on(actor, subject="organisation", organisation=found),
        "region": terms.region(found.region),
        "qualifications": presentation.qualifications(found),
        "people": parties.shown_people(found)[:PER_PAGE],
        "may_join": not actor.works_for(found.pk),
        "answers": engagement.answer_record(found.pk),
        **shown,
        "schema": [presentation_schema.organisation(found)],
    }
    return render(request, "organisation.html", context)


# --- accounts and preferences -----------------------------------------------------------------------------------------


# No token: it changes nothing but how pages look in this browser, and so readers need no cookie to read.
@csrf_exempt
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Theme and language, kept in cookies for a year."""
    response = HttpResponseRedirect(safe_next(request, request.POST.get("next", "/")))
    theme, language = request.POST.get("theme", ""), LANGUAGES.get(request.POST.get("language", ""))
    if theme in THEMES:
        remember(request, response, "keqiao_theme", theme)
    elif theme == "system":
        response.delete_cookie("keqiao_theme")
    if language:
        remember(request, response, LANGUAGE_COOKIE, language)
    return response


# --- about the platform -----------------------------------------------------------------------------------------------


@page
def rules(request: HttpRequest) -> HttpResponse:
    """The dated numbers of law and policy."""
    known = parameters.known_jurisdictions()
    jurisdiction, on, problem = request.GET.get("jurisdiction", ""), None, ""
    jurisdiction = jurisdiction if jurisdiction in known else ""
    if text := presentation.plain(request.GET.get("on", "")):
        try:
            on = date.fromisoformat(text[:10])
        except ValueError:
            problem = _("日期写成 2026-11-20 的样子。")
    rows = parameters.rules(on=on, jurisdiction=jurisdiction)
    shown = LongList(rows, RULES_PER_PAGE).get_page(page_number(request.GET))
    context = {
        "nav": "rules",
        "page": shown,
        "packs": presentation_rules.packs(shown),
        "jurisdiction": jurisdiction,
        "on": on,
        "problem": problem,
        "jurisdictions": [(code, presentation_rules.jurisdiction(code)) for code in known],
        "today": clock.today(),
        "unconfirmed": rows.filter(is_confirmed=False).count(),
        "pages": presentation.window(shown.number, shown.paginator.num_pages),
    }
    return render(request, "rules.html", context)


@page
def how_matching_works(request: HttpRequest) -> HttpResponse:
    held, today = matching.points_in_force(), clock.today()
    context = {
        "nav": "matching",
        "held": held,
        "stones": [
            (presentation.STONES[stone], held.points[stone], about.stone_rule(stone))
            for stone in Stone
            if stone in held.points
        ],
        "trimmed": parameters.parameter("learning.trimmed_percent", on=today),
        "most_change": parameters.parameter("learning.most_change_points", on=today),
        "least": parameters.parameter("learning.least_organisations", on=today),
        "version": scoring.version(held),
        "quality": measured.quality(),
        "rounds": measured.rounds(),
        "latest_round": measured.rounds()[-1],
        "example": presentation.telling(matching.best_bridges(actor=parties.visitor(), count=20)),
    }
    return render(request, "about/matching.html", context)


@page
def about_data(request: HttpRequest) -> HttpResponse:
    return render(request, "about/data.html", {"documents": about.documents(), "good_match": GOOD_MATCH})


@page
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "about/accessibility.html")


# --- refusals ---------------------------------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    return _refusal(request, 400, _("请求有误"), _("地址或内容里有不能处理的字符。请返回上一页重新填写。"))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    return _refusal(request, 403, _("没有权限"), _("您没有办理这一步的权限。"))


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    return _refusal(request, 404, _("没有找到"), _("没有找到，或者您不能查看。"))


def _refusal(request: HttpRequest, status: int, title: str, message: str) -> HttpResponse:
    from keqiao.web.middleware import problem

    if request.path.startswith("/api/"):
        return problem(status, {400: "BadRequest", 403: "NotAllowed"}.get(status, "NotFound"), message)
    return render(request, "error.html", {"title": title, "message": message}, status=status)


def broken(request: HttpRequest) -> HttpResponse:
    """A bug, or the database is away: a page that needs neither the database nor the session."""
    from django.template.loader import render_to_string

    if request.path.startswith("/api/"):
        return problems.problem(500)
    theme = request.COOKIES.get("keqiao_theme", "")
    lang = presentation.language()
    context = {"theme": theme if theme in THEMES else "", "lang": lang, "html_lang": presentation.TAGS[lang]}
    return HttpResponse(render_to_string("500.html", context), status=500)
