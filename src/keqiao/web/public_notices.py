"""Pages of public notices (公示): what is open, one notice with its facts, objections and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.deals.types import Mode
from keqiao.kernel import public_notices as notices
from keqiao.kernel.errors import DomainError
from keqiao.kernel.models import ObjectionOutcome, PublicNotice
from keqiao.kernel.money import MINOR_DIGITS, Money
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor
from keqiao.web import presentation

PER_PAGE = 20
MOST_SHOWN = 200  # objections at once; those that are answered make room for those that wait


def within(actor: Actor) -> set[int]:
    """Whose notices to their own people the actor reads."""
    return parties.merged_into(actor.organisation_ids)


@page
def public_notices(request: HttpRequest) -> HttpResponse:
    """Those that are open to the reader now, newest first."""
    actor = actor_of(request)
    found = LongList(notices.visible_to(actor, within=within(actor)), PER_PAGE).get_page(page_number(request.GET))
    rows = [(row, notices.kind_of(row).label, notices.last_day(row)) for row in found]
    return render(request, "public_notices.html", {"page": found, "rows": rows})


@form_page
def public_notice(request: HttpRequest, code: str) -> HttpResponse:
    """One notice; whoever is signed in may object while it is open."""
    actor = actor_of(request)
    if request.method != "POST":
        return _shown(request, code)
    try:
        notices.object_to(actor=actor, code=code, text=request.POST.get("text", ""), within=within(actor))
    except DomainError as problem:
        if problem.status in {403, 404}:
            raise
        return _shown(request, code, problem)
    return redirect("public_notice", code=code)


@require_POST
@signed_in
def answer_objection(request: HttpRequest, code: str, objection: str) -> HttpResponse:
    try:
        notices.answer_objection(
            actor=actor_of(request),
            code=code,
            objection_code=objection,
            outcome=request.POST.get("outcome", ""),
            answer=request.POST.get("answer", ""),
        )
    except DomainError as problem:
        if problem.status in {403, 404}:
            raise
        return _shown(request, code, problem)
    return redirect("public_notice", code=code)


def _shown(request: HttpRequest, code: str, problem: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    notice = notices.get(code, actor=actor, within=within(actor))
    context = {
        "notice": notice,
        "kind": notices.kind_of(notice).label,
        "facts": facts_of(notice),
        "people": people_of(notice),
        "organisations": parties.organisations_by_id(notice.organisation_ids).values(),
        "last_day": notices.last_day(notice),
        "is_over": notices.is_over(notice),
        "objections": notices.objections_visible_to(actor, notice)[:MOST_SHOWN],
        "answers": notices.can_answer(actor, notice),
        "outcomes": ObjectionOutcome,
        "problem": problem,
        "form": request.POST,
    }
    return render(request, "public_notice.html", context, status=problem.status if problem else 200)


def facts_of(notice: PublicNotice) -> list[tuple[str, list[Any]]]:
    """(what it is called, what it says) of each fact that the rule has shown."""
    labels = notices.kind_of(notice).labels
    return [(str(labels.get(key, key)), _values(value)) for key, value in notice.facts]


def _values(value: dict[str, Any]) -> list[Any]:
    if "achievements" in value:
        rows = catalogue.public_achievements(value["achievements"])
        named = {row.pk: presentation.version_of(row).title for row in rows}
        if "text" in value:
            return list(dict.fromkeys([value["text"], *(named[pk] for pk in value["achievements"] if pk in named)]))
        return [named.get(pk, _("未公开的成果")) for pk in value["achievements"]]
    if "flag" in value:
        return [_("是") if value["flag"] else _("否")]
    if "minor" in value:
        return [amount(value["minor"], value["currency"])]
    if "mode" in value:
        return [str(Mode(value["mode"]).label)]
    return [value.get("day") or value.get("text") or _("未登记")]


def amount(minor: int, currency: str) -> str:
    if currency not in MINOR_DIGITS:
        return f"{minor:,}"
    return f"{Money(minor, currency).major:,} {currency}"


def people_of(notice: PublicNotice) -> list[tuple[Any, str]]:
    """Who gets how much, all of them: that is what is announced. Whoever has been erased since is nobody."""
    rows: Sequence[dict[str, Any]] = notice.people
    people = parties.people_by_id({row["person"] for row in rows})
    return [(people.get(row["person"]), amount(row["minor"], row["currency"])) for row in rows]
