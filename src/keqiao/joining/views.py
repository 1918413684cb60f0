"""Pages of joining: ask, and what was asked by and of one's organisation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from keqiao.joining import selectors, services
from keqiao.joining.workflow import joining_workflow
from keqiao.kernel.errors import DomainError
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in

PER_PAGE = 20
BOXES = ("theirs", "ours")


@form_page
@signed_in
def join(request: HttpRequest, kind: str, code: str) -> HttpResponse:
    """Ask to join; `?draft=` is the draft that one was writing when this was found."""
    actor, problem = actor_of(request), None
    item = selectors.get_item(kind, code, actor=actor)
    if request.method == "POST":
        try:
            services.ask_to_join(
                actor=actor,
                kind=kind,
                code=code,
                shows_name=request.POST.get("shows_name") == "1",
                note=request.POST.get("note", ""),
            )
            return redirect("/me/joins?box=ours&done=asked")
        except DomainError as error:
            problem = error
    context = {
        "kind": kind,
        "item": item,
        "own": selectors.own_joining(item, actor=actor),
        "shared": selectors.shared_by(item),
        "home": actor.workplace,
        "problem": problem,
        "typed": request.POST,
        "tab": f"{kind}s",
        "nav": f"{kind}s",
    }
    return render(request, "joining/join.html", context, status=problem.status if problem else 200)


@page
@signed_in
def joins(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    box = request.GET.get("box", "")
    box = box if box in BOXES else "theirs"
    rows = selectors.asked_of(actor) if box == "theirs" else selectors.asked_by(actor)
    found = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    near = found.paginator.get_elided_page_range(found.number, on_each_side=2, on_ends=1)
    context = {
        "tab": "me",
        "side": "joins",
        "box": box,
        "rows": [_shown(row, actor) for row in found],
        "waiting": selectors.waiting_count(actor),
        "done": request.GET.get("done", ""),
        "pager": {
            "total": found.paginator.count,
            "page": found.number,
            "page_count": found.paginator.num_pages,
            "first": found.start_index(),
            "last": found.end_index(),
            "pages": [number if isinstance(number, int) else None for number in near],
        },
    }
    return render(request, "joining/joins.html", context)


def _shown(row: Any, actor: Any) -> dict[str, Any]:
    steps = {step.name for step in joining_workflow.open_to(actor, row)}
    kind = "need" if row.need_id else "achievement"
    return {"row": row, "kind": kind, "face": selectors.face_of(row, actor=actor), "steps": steps}


@require_POST
@signed_in
def take_step(request: HttpRequest, code: str, step: str) -> HttpResponse:
    actor = actor_of(request)
    if step == "leave":
        services.leave_join(actor=actor, code=code)
    else:
        services.answer_join(actor=actor, code=code, accepts=step == "accept")
    return redirect(f"/me/joins?box={'ours' if step == 'leave' else 'theirs'}&done={step}")
