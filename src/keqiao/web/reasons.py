"""Pages of the reasons beyond a single match: several side by side, and several together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import selectors as engagement
from keqiao.engagement.types import Side
from keqiao.kernel.pages import actor_of, page
from keqiao.matching import selectors as matching
from keqiao.web import presentation_compare, presentation_reasons
from keqiao.web.presentation_compare import Column

FEWEST, MOST = 2, 4  # items side by side: more do not fit on a page


@page
def compare(request: HttpRequest, code: str) -> HttpResponse:
    """Two to four matches of a need side by side. A plain address, so that it can be kept, sent and printed."""
    actor = actor_of(request)
    need = catalogue.get_need(code, actor=actor)
    codes = chosen_codes(request)
    context: dict[str, Any] = {"need": need, "tab": "needs", "nav": "needs"}
    if not is_comparable(codes):
        problem = _("请选 2 到 4 项匹配，现在选了 %(n)s 项。") % {"n": len(codes)}
        return render(request, "compare.html", {**context, "problem": problem}, status=400)
    matches = matching.matches_of_pair_codes(need, codes, actor=actor)
    columns = [
        Column(match.achievement, match.arch, match.score, f"/needs/{need.code}/matches/{match.achievement.code}")
        for match in matches
    ]
    context |= {"columns": columns, "blocks": presentation_compare.side_by_side(columns)}
    return render(request, "compare.html", context)


@page
def combination(request: HttpRequest, code: str) -> HttpResponse:
    """Why several achievements fill the arch together, and the way to each of their owners."""
    actor = actor_of(request)
    need = catalogue.get_need(code, actor=actor)
    hidden = engagement.unsuitable_for_need(need, actor=actor)
    one = matching.get_combination(need, chosen_codes(request), actor=actor, without=hidden)
    is_ours = engagement.side_of(actor, need, None) == Side.NEED
    parts = [
        (*part, engagement.open_contact_between(need.pk, part[1].pk, actor=actor) if is_ours else None)
        for part in presentation_reasons.parts(one)
    ]
    context = {"need": need, "one": one, "parts": parts, "is_ours": is_ours, "tab": "needs", "nav": "needs"}
    return render(request, "combination.html", {**context, "conflicts": presentation_reasons.conflicts(one)})


def is_comparable(codes: Sequence[str]) -> bool:
    return FEWEST <= len(codes) <= MOST


def chosen_codes(request: HttpRequest) -> list[str]:
    return list(dict.fromkeys(code for code in request.GET.getlist("with") if code))[: MOST + 1]
