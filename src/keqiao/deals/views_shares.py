"""The page of a result's shares: officers propose, contributors sign."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as commands
from keqiao.deals import forms
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.pages import actor_of, form_page, signed_in
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
    rows = list(versions.prefetch_related("contributors__person", "owners__organisation")[:VERSIONS])
    context = {
        "tab": "me",
        "code": code,
        "versions": rows,
        "own": list(own[:VERSIONS]),
        "newest": catalogue.newest_number(code),
        "proposes": proposes,
        "people": _people(actor, code) if proposes else {},
        "rows": forms.rows_of(request.POST, ("person", "share"), forms.PEOPLE) if proposes else [],
        "form": request.POST,
        "problem": problem,
    }
    return render(request, "deals/shares.html", context, status=problem.status if problem else 200)


def _people(actor: Any, code: str) -> dict[str, Any]:
    """Key of the form → person. The key is the place in the list: ids do not leave the house."""
    people = sorted(catalogue.contributors_to_choose(actor, code))[:MOST_PEOPLE]
    return {
        f"c{place}": person for place, (_pk, person) in enumerate(sorted(parties.people_by_id(people).items()), start=1)
    }


def _posted(request: HttpRequest, code: str) -> DomainError | None:
    actor, given = actor_of(request), request.POST
    number = given.get("number", "")
    version = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
    try:
        if given.get("step") == "sign":
            commands.sign_shares(actor=actor, achievement_code=code, number=version)
        elif given.get("step") == "refuse":
            commands.refuse_shares(actor=actor, achievement_code=code, number=version, reason=given.get("reason", ""))
        else:
            people = {key: person.pk for key, person in _people(actor, code).items()}
            commands.propose_shares(
                actor=actor, achievement_code=code, contributors=forms.read_shares(given, people), based_on=version
            )
    except DomainError as problem:
        if problem.status in {403, 404}:
            raise
        return problem
    return None
