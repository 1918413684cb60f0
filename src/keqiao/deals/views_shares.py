"""The page of a result's shares: officers propose, contributors sign."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as commands
from keqiao.catalogue.types import Choice
from keqiao.deals import forms
from keqiao.deals.papers import paper
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.pages import actor_of, form_page, page, signed_in
from keqiao.parties import selectors as parties

VERSIONS = 20
MOST_PEOPLE = 500


@form_page
@signed_in
def shares(request: HttpRequest, code: str) -> HttpResponse:
    """Versions of who contributed what: all of it to the owners' officers, their own line to contributors."""
    actor = actor_of(request)
    versions = catalogue.share_versions_visible_to(actor).filter(achievement__code=code)
    own = catalogue.own_shares(actor).filter(version__achievement__code=code)
    proposes = catalogue.proposes_shares(actor, code)
    if not proposes and not own.exists() and not versions.exists():
        raise NotFound
    problem = _posted(request, code) if request.method == "POST" else None
    if request.method == "POST" and problem is None:
        return redirect("achievement_shares", code=code)
    rows = list(
        versions.prefetch_related(
            "contributors__person", "contributors__evidence", "owners__organisation", "assigned__person"
        )[:VERSIONS]
    )
    context = {
        "tab": "me",
        "code": code,
        "versions": rows,
        "own": list(own[:VERSIONS]),
        "newest": catalogue.newest_number(code),
        "proposes": proposes,
        **(_form(request, code) if proposes else {}),
        "form": request.POST,
        "problem": problem,
    }
    return render(request, "deals/shares.html", context, status=problem.status if problem else 200)


def _form(request: HttpRequest, code: str) -> dict[str, Any]:
    """What an officer writes the next version in: as typed, else as the last version has it."""
    actor, given, wanted = actor_of(request), request.POST, request.GET.get("q", "").strip()
    people, last = _people(actor, code, wanted), catalogue.newest_version(code)
    rows = forms.rows_of(given, ("person", "share", "main"), forms.PEOPLE)
    owners = forms.rows_of(given, ("owner", "owner_share"), forms.OWNERS)
    if last is not None and request.method != "POST":
        rows = [
            {"person": catalogue.contributor_key(code, row.person_id), "share": _percent(row.share_bp),
             "main": "main" if row.is_main else "other"}
            for row in last.contributors.all()
        ] + rows[:2]  # fmt: skip
        owners = [
            {"owner": row.organisation.code, "owner_share": _percent(row.share_bp)} for row in last.owners.all()
        ] + owners[:1]
        people |= {catalogue.contributor_key(code, row.person_id): row.person for row in last.contributors.all()}
    heads = [row.person_id for row in last.contributors.all() if row.is_head] if last else []
    head = given.get("head", catalogue.contributor_key(code, heads[0]) if heads else "")
    assigned = forms.rows_of(given, forms.ASSIGNED, forms.OWNERS)
    if last is not None and request.method != "POST":
        assigned = [
            {"assigned": catalogue.contributor_key(code, row.person_id), "assigned_share": _percent(row.share_bp),
             "choice_kind": row.choice}
            for row in last.assigned.all()
        ] + assigned[:1]  # fmt: skip
        people |= {catalogue.contributor_key(code, row.person_id): row.person for row in last.assigned.all()}
    return {
        "people": people,
        "head": head,
        "assigned_rows": assigned,
        "choices": Choice,
        "rows": rows,
        "owner_rows": owners,
        "wanted": wanted,
        **_named(actor, code, last),
    }


def _named(actor: Any, code: str, last: Any) -> dict[str, Any]:
    """Contributors without an account, how they join, and whose signature still misses: key → person."""
    named = catalogue.named_contributors(catalogue.get_achievement(code, actor=actor))
    unsigned = [row for row in last.contributors.all() if not row.signed_at and not row.refused_at] if last else []
    absent = catalogue.out_of_reach([row.person_id for row in unsigned])
    return {
        "named": [(row, f"{settings.SITE_URL}{catalogue.joining_path(row)}") for row in named],
        "absent": {
            catalogue.contributor_key(code, row.person_id): row.person for row in unsigned if row.person_id in absent
        },
    }


@page
@signed_in
def signature_evidence(request: HttpRequest, code: str, number: int, key: str) -> HttpResponse:
    """The document by which somebody was signed for: for who sees the whole version."""
    return paper(catalogue.get_signature_evidence(code, number, key, actor=actor_of(request)))


@form_page
@signed_in
def join(request: HttpRequest) -> HttpResponse:
    """What a contributor without an account was named for, and the button by which they join as themselves."""
    actor, given = actor_of(request), request.POST if request.method == "POST" else request.GET
    code, token = given.get("c", "")[:24], given.get("t", "")[:200]
    try:
        row = catalogue.get_naming(code, token, actor=actor)
        if request.method == "POST":
            commands.join_as_contributor(actor=actor, code=code, token=token)
            mine = catalogue.own_shares(actor).filter(version__achievement=row.achievement)
            return redirect("achievement_shares", code=row.achievement.code) if mine.exists() else redirect("own_money")
    except DomainError as error:
        context = {"title": _("链接用不了"), "message": str(error)}
        return render(request, "error.html", context, status=error.status)
    answer = render(request, "deals/join.html", {"tab": "me", "row": row, "code": code, "token": token})
    answer["Referrer-Policy"] = "same-origin"  # no-referrer would also take the Origin of the form
    answer["Cache-Control"] = "no-store"
    return answer


def _percent(bp: int) -> str:
    return f"{bp / 100:.2f}".rstrip("0").rstrip(".")


def _people(actor: Any, code: str, wanted: str) -> dict[str, Any]:
    """Key of the form → person; of a large institution those whose name has `wanted` in it."""
    found = catalogue.contributors_to_choose(actor, code)
    named = {key: person for key, person in found.items() if wanted in f"{person.name_zh} {person.name_en}"}
    return dict(islice(named.items(), MOST_PEOPLE))


def _posted(request: HttpRequest, code: str) -> DomainError | None:
    actor, given = actor_of(request), request.POST
    number = given.get("number", "")
    version = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
    try:
        if given.get("step") == "name":
            commands.name_contributor(
                actor=actor, achievement_code=code, name_zh=given.get("name_zh", ""), name_en=given.get("name_en", ""),
                email=given.get("email", ""),
            )  # fmt: skip
        elif given.get("step") == "sign_for":
            commands.sign_shares_for(
                actor=actor, achievement_code=code, number=version, key=given.get("key", ""),
                evidence=request.FILES.get("evidence"),
            )  # fmt: skip
        elif given.get("step") == "sign":
            commands.sign_shares(actor=actor, achievement_code=code, number=version)
        elif given.get("step") == "refuse":
            commands.refuse_shares(actor=actor, achievement_code=code, number=version, reason=given.get("reason", ""))
        else:
            people = {key: person.pk for key, person in catalogue.contributors_to_choose(actor, code).items()}
            commands.propose_shares(
                actor=actor,
                achievement_code=code,
                contributors=forms.read_shares(given, people),
                owners=forms.read_owners(given, parties.organisations_visible_to(actor)),
                assigned=forms.read_assigned(given, people, actor.acting_for or 0),
                based_on=version,
            )
    except DomainError as problem:
        if problem.status in {403, 404}:
            raise
        return problem
    return None
