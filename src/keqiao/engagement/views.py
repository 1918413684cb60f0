"""Pages of engagement: parse, one command or selector, render."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import drafting, faces, selectors, services, showing, watching
from keqiao.engagement.types import BROKER, AlreadyInContact, DeclineReason, Side, UnsuitableReason, Upload
from keqiao.engagement.workflow import contact_workflow
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound
from keqiao.kernel.files import LARGEST, FileTooLarge, open_file
from keqiao.kernel.pages import actor_of, form_page, is_htmx, page, safe_next, shown_page, signed_in
from keqiao.matching import selectors as matching


def post(view: Callable[..., HttpResponse]) -> Callable[..., Any]:
    """A step that is sent, by somebody who is signed in."""
    return require_POST(signed_in(view))


# --- contacting -------------------------------------------------------------------------------------------------------


@form_page
@signed_in
def new_contact(request: HttpRequest) -> HttpResponse:
    """The drafted text, to be changed and sent: a page, or the inside of the dialog."""
    given = request.POST if request.method == "POST" else request.GET
    context = _contact_form(request, given.get("need", ""), given.get("achievement", ""))
    if request.method == "POST":
        if context["open"]:  # sent before, perhaps by this very form
            return redirect(f"/contacts/{context['open'].code}")
        try:
            return redirect(f"/contacts/{_send(request, context).code}?sent=1")
        except AlreadyInContact as error:
            return (
                redirect(f"/contacts/{error.contact_code}") if error.contact_code else _refused(request, context, error)
            )
        except DomainError as error:
            return _refused(request, context, error)
    template = "engagement/_contact_form.html" if is_htmx(request) else "engagement/new_contact.html"
    return varying(render(request, template, context))


def varying(response: HttpResponse) -> HttpResponse:
    """The same address answers a fragment to a script: the browser must not show that one when going back."""
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _contact_form(request: HttpRequest, need_code: str, achievement_code: str) -> dict[str, Any]:
    actor = actor_of(request)
    need = catalogue.get_need(need_code, actor=actor) if need_code else None
    achievement = catalogue.get_achievement(achievement_code, actor=actor) if achievement_code else None
    if need is None and achievement is None:
        raise NotFound
    side = selectors.side_of(actor, need, achievement)
    both = need is not None and achievement is not None
    if both and not side:
        raise NotAllowed  # a pair is spoken for by its own sides only
    side = side if both else (Side.ACHIEVEMENT if achievement is None else Side.NEED)
    receiver = _receiver(actor, need, achievement, side)
    language = request.POST.get("draft") or request.GET.get("draft") or _language()
    own_items: Any = []
    if not both:
        own = catalogue.own_needs(actor) if side == Side.NEED else catalogue.own_achievements(actor)
        own_items = own.filter(state="published")[:50]
    return {
        "need": need,
        "achievement": achievement,
        "side": side,
        "receiver": receiver["face"],
        "record": receiver["record"],
        "is_masked_me": both and side == Side.NEED and _is_masked(need, achievement),
        "me_as": selectors.Names(actor).described(need) if need else None,
        "open": selectors.open_contact_between(
            need.pk if need else None, achievement.pk if achievement else None, actor=actor
        ),
        "draft": "en" if language == "en" else "zh",
        "text": request.POST.get("text") or _draft(language, side, need, achievement, actor),
        "key": request.POST.get("key") or uuid4().hex,
        "own_items": own_items,
        "organisations": _organisations(actor) if not both else [],
        "nav": "needs" if side == Side.ACHIEVEMENT else "achievements",
        "tab": "needs" if side == Side.ACHIEVEMENT else "achievements",
        "can_send": bool(actor.organisation_ids),
    }


def _organisations(actor: Any) -> list[Any]:
    from keqiao.parties import selectors as parties

    posts = [post for post in parties.posts_of(actor) if actor.works_for(post.organisation_id)]
    return list({post.organisation_id: post.organisation for post in posts}.values())


def _receiver(actor: Any, need: Any, achievement: Any, side: str) -> dict[str, Any]:
    """Who is written to, as the sender may know them, and how they answer where that may be known."""
    if side == Side.NEED:
        owner = achievement.owner
        return {
            "face": faces.Face(owner.name_zh, owner.name_en, owner.code),
            "record": selectors.answer_record(owner.pk),
        }
    publisher = catalogue.publisher_seen_by(actor, need, is_matched=matching.is_matched(need, actor=actor))
    if publisher is None:
        return {"face": selectors.Names(actor).described(need), "record": None}
    face = faces.Face(publisher.name_zh, publisher.name_en, publisher.code)
    return {"face": face, "record": selectors.answer_record(publisher.pk)}


def _is_masked(need: Any, achievement: Any) -> bool:
    return selectors.is_publisher_hidden_from(achievement.owner_id, need)


def _draft(language: str, side: str, need: Any, achievement: Any, actor: Any) -> str:
    lang = "en" if language == "en" else "zh"
    arch = None
    if need is not None and achievement is not None:
        try:
            arch = matching.get_match(need.code, achievement.code, actor=actor).arch
        except NotFound:
            arch = None
    return drafting.draft(lang, side, _subject(need, lang), _subject(achievement, lang), arch)


def _subject(item: Any, lang: str) -> drafting.Subject | None:
    if item is None:
        return None
    titles = {text.lang: text.title for text in item.texts.all()}
    return drafting.Subject(item.code, titles.get(lang) or next(iter(titles.values()), item.code))


def _language() -> str:
    return "en" if (translation.get_language() or "").startswith("en") else "zh"


def _send(request: HttpRequest, context: dict[str, Any]) -> Any:
    organisation = request.POST.get("organisation", "")
    own = {row.code: row.pk for row in context["organisations"]}
    return services.send_contact(
        actor=actor_of(request),
        text=request.POST.get("text", ""),
        key=request.POST.get("key", ""),
        need_code=request.POST.get("need", ""),
        achievement_code=request.POST.get("achievement", ""),
        organisation_id=own.get(organisation),
        files=read_uploads(request),
    )


def _refused(request: HttpRequest, context: dict[str, Any], error: DomainError) -> HttpResponse:
    """What was typed stays."""
    context |= {"error": error, "text": request.POST.get("text", "")}
    return render(request, "engagement/new_contact.html", context, status=error.status)


def read_uploads(request: HttpRequest) -> list[Upload]:
    """The files of a form. What is too large is refused before it is read."""
    uploads = []
    for file in request.FILES.getlist("files"):
        if file.size is None or file.size > LARGEST:
            raise FileTooLarge(field="files")
        uploads.append(Upload(file.name or "file", file.read()))
    return uploads


# --- threads ----------------------------------------------------------------------------------------------------------


@page
@signed_in
def contacts(request: HttpRequest) -> HttpResponse:
    context = {"tab": "me", "side": "contacts", **contact_list(request)}
    partial = is_htmx(request) and request.headers.get("HX-Target") == "contact-list"
    template = "engagement/_contact_list.html" if partial else "engagement/contacts.html"
    return varying(render(request, template, context))


def contact_list(request: HttpRequest) -> dict[str, Any]:
    """The list of threads in the chosen box, with the numbers of all boxes."""
    actor = actor_of(request)
    counts = selectors.counts_of(actor)
    box = request.GET.get("box", "")
    box = box if box in selectors.BOXES else ("mine" if counts.mine else "all")
    rows, pager = shown_page(selectors.contacts_of(actor, box=box), request)
    names, today = selectors.Names(actor), clock.today()
    return {
        "box": box,
        "counts": counts,
        "contacts": [showing.contact_seen(row, names, today) for row in rows],
        "pager": pager,
    }


@page
@signed_in
def thread(request: HttpRequest, code: str) -> HttpResponse:
    return _thread(request, code)


def _thread(request: HttpRequest, code: str, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    contact = selectors.get_contact(code, actor=actor)
    names = selectors.Names(actor)
    seen = showing.contact_seen(contact, names, clock.today())
    messages = showing.Thread(contact, names, actor).messages()
    if messages and any(message.is_new for message in messages) and not getattr(actor, "only_reads", False):
        services.mark_thread_read(actor=actor, code=code, number=messages[-1].number)
    is_side = seen.place != BROKER
    context = {
        "tab": "me",
        "side": "contacts",
        "c": seen,
        "messages": messages,
        "groups": showing.groups_seen(contact, names, actor),
        "steps": {step.name for step in contact_workflow.open_to(actor, contact)},
        "can_talk": seen.is_open and not (seen.is_waiting and seen.place == contact.to_side),
        "is_sender": seen.place == contact.from_side,
        "broker": showing.broker_seen(contact, seen.place),
        "brokers": selectors.brokers_for(contact) if is_side and seen.is_open else [],
        "colleagues": selectors.colleagues_of(actor, contact, seen.place) if is_side and seen.is_open else [],
        "reasons": DeclineReason.choices,
        "decline_reason": contact.get_decline_reason_display(),
        "match": _match_of(contact, actor),
        "budget": _budget_of(contact, actor),
        "live": watching.address(request, actor, watching.thread_topic(contact.pk, actor.person_id)),
        "sequence": watching.sequence_of(contact.pk),
        "key": request.POST.get("key") or uuid4().hex,
        "error": error,
        "typed": request.POST,
        "sent": request.GET.get("sent") == "1",
        "tasks": [task for task in selectors.tasks_of(actor) if task.contact_id == contact.pk],
        "masked_as": names.described(contact.need) if seen.is_masked_me else None,
    }
    return render(request, "engagement/thread.html", context, status=error.status if error else 200)


def _budget_of(contact: Any, actor: Any) -> Any:
    """A budget that the need does not show to everybody, where this reader may see it."""
    needs = [contact.need] if contact.need else []
    seen = catalogue.private_budgets(needs, actor=actor, told=lambda ids: selectors.told_of_budgets(ids, actor=actor))
    return next(iter(seen.values()), None)


def _match_of(contact: Any, actor: Any) -> Any:
    if contact.need is None or contact.achievement is None:
        return None
    try:
        return matching.get_match(contact.need.code, contact.achievement.code, actor=actor)
    except NotFound:
        return None


@post
def take_step(request: HttpRequest, code: str, step: str) -> HttpResponse:
    """Every step of a thread; what was typed stays when it is refused."""
    take = STEPS.get(step)
    if take is None:
        raise NotFound
    try:
        take(request, code)
    except BadInput as error:
        return _thread(request, code, error)
    return redirect(f"/contacts/{code}" + ("#end" if step in {"message", "answer"} else ""))


def _answer(request: HttpRequest, code: str) -> None:
    services.answer_contact(
        actor=actor_of(request),
        code=code,
        text=request.POST.get("text", ""),
        key=request.POST.get("key", ""),
        files=read_uploads(request),
    )


def _decline(request: HttpRequest, code: str) -> None:
    services.decline_contact(
        actor=actor_of(request),
        code=code,
        reason=request.POST.get("reason", ""),
        text=request.POST.get("why", ""),
        key=request.POST.get("key", ""),
    )


def _hand_over(request: HttpRequest, code: str) -> None:
    services.hand_over_contact(actor=actor_of(request), code=code, person_id=whole(request.POST.get("person", "")))


def _write(request: HttpRequest, code: str) -> None:
    services.write_message(
        actor=actor_of(request),
        code=code,
        text=request.POST.get("text", ""),
        key=request.POST.get("key", ""),
        files=read_uploads(request),
    )


def _ask_broker(request: HttpRequest, code: str) -> None:
    services.ask_for_broker(actor=actor_of(request), code=code, person_id=whole(request.POST.get("broker", "")) or None)


def _answer_broker(request: HttpRequest, code: str) -> None:
    services.answer_broker_request(actor=actor_of(request), code=code, agrees=request.POST.get("agrees") == "1")


STEPS: dict[str, Callable[[HttpRequest, str], Any]] = {
    "accept": lambda request, code: services.accept_contact(actor=actor_of(request), code=code),
    "answer": _answer,
    "decline": _decline,
    "hand-over": _hand_over,
    "withdraw": lambda request, code: services.withdraw_contact(actor=actor_of(request), code=code),
    "close": lambda request, code: services.close_contact(actor=actor_of(request), code=code),
    "reveal": lambda request, code: services.reveal_publisher(actor=actor_of(request), code=code),
    "message": _write,
    "broker": _ask_broker,
    "broker-answer": _answer_broker,
}


def whole(text: str) -> int:
    """A number from a form; 0 is nobody's."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


@post
def leave_thread(request: HttpRequest, code: str) -> HttpResponse:
    services.leave_as_broker(actor=actor_of(request), code=code)
    return redirect("/contacts")


@page
@signed_in
def file(request: HttpRequest, code: str, file_id: int) -> Any:
    """A file of a thread, always as a download, under the name that this reader may see."""
    actor = actor_of(request)
    contact = selectors.get_contact(code, actor=actor)
    found = selectors.get_file(contact, file_id)
    name = faces.file_name(found, contact, found.message.place, selectors.place_of(actor, contact))
    response = FileResponse(open_file(found.file), content_type=found.file.media_type)
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


# --- brokers of the platform ------------------------------------------------------------------------------------------


@page
@signed_in
def broker_requests(request: HttpRequest) -> HttpResponse:
    """For operators: which threads wait for a broker. Only the public items of the pair are shown."""
    actor = actor_of(request)
    if not actor.is_operator:
        raise NotFound
    rows, pager = shown_page(selectors.broker_requests_to_assign(actor), request)
    context = {
        "tab": "me",
        "side": "brokers",
        "requests": list(zip(rows, selectors.brokers_for_each([row.contact for row in rows]), strict=True)),
        "pager": pager,
    }
    return render(request, "engagement/broker_requests.html", context)


@post
def assign_broker(request: HttpRequest, code: str) -> HttpResponse:
    services.assign_broker(actor=actor_of(request), code=code, person_id=whole(request.POST.get("broker", "")))
    return redirect("/contacts/brokers")


# --- feedback on matches ----------------------------------------------------------------------------------------------


@post
def mark_unsuitable(request: HttpRequest, code: str, achievement_code: str) -> HttpResponse:
    """One click; a reason may follow. With script the place of the button says so and offers the way back."""
    services.mark_match(
        actor=actor_of(request),
        need_code=code,
        achievement_code=achievement_code,
        is_suitable=False,
        reason=request.POST.get("reason", ""),
        note=request.POST.get("note", ""),
    )
    return _fit(request, code, achievement_code)


@post
def mark_suitable(request: HttpRequest, code: str, achievement_code: str) -> HttpResponse:
    """One click; the match stays where it is. It tells what to look for, and nobody but one's own side sees it."""
    services.mark_match(actor=actor_of(request), need_code=code, achievement_code=achievement_code, is_suitable=True)
    return _fit(request, code, achievement_code)


@post
def undo_unsuitable(request: HttpRequest, code: str, achievement_code: str) -> HttpResponse:
    services.unmark_match(actor=actor_of(request), need_code=code, achievement_code=achievement_code)
    return _fit(request, code, achievement_code)


def _fit(request: HttpRequest, code: str, achievement_code: str) -> HttpResponse:
    if not is_htmx(request):
        back = request.POST.get("next", "")
        return redirect(safe_next(request, back) if back else f"/me/unsuitable?marked={code}.{achievement_code}")
    actor = actor_of(request)
    need = catalogue.get_need(code, actor=actor)
    achievement = catalogue.get_achievement(achievement_code, actor=actor)
    return render(request, "engagement/_fit.html", showing.fit(actor, need, achievement))


@page
@signed_in
def unsuitable(request: HttpRequest) -> HttpResponse:
    rows, pager = shown_page(selectors.unsuitable_marks(actor_of(request)), request)
    context = {
        "tab": "me",
        "side": "unsuitable",
        "marks": rows,
        "pager": pager,
        "reasons": UnsuitableReason.choices,
        "marked": request.GET.get("marked", ""),
    }
    return render(request, "engagement/unsuitable.html", context)


# --- saved searches ---------------------------------------------------------------------------------------------------


@form_page
@signed_in
def saved_searches(request: HttpRequest) -> HttpResponse:
    error = None
    if request.method == "POST":
        try:
            services.save_search(
                actor=actor_of(request), query=request.POST.get("query", ""), name=request.POST.get("name", "")
            )
            return redirect("/me/searches?saved=1")
        except BadInput as refused:
            error = refused
    rows, pager = shown_page(selectors.saved_searches(actor_of(request)), request)
    context = {
        "tab": "me",
        "side": "searches",
        "searches": rows,
        "pager": pager,
        "error": error,
        "saved": request.GET.get("saved") == "1",
    }
    return render(request, "engagement/saved_searches.html", context, status=error.status if error else 200)


@page
@signed_in
def open_saved_search(request: HttpRequest, search_id: int) -> HttpResponse:
    query = services.open_saved_search(actor=actor_of(request), search_id=search_id)
    return redirect(f"/search?{query}")


@post
def delete_saved_search(request: HttpRequest, search_id: int) -> HttpResponse:
    services.delete_saved_search(actor=actor_of(request), search_id=search_id)
    return redirect("/me/searches")


@post
def change_alerts(request: HttpRequest, search_id: int) -> HttpResponse:
    services.change_alerts(actor=actor_of(request), search_id=search_id, wants_alerts=request.POST.get("alerts") == "1")
    return redirect("/me/searches")


# --- tasks ------------------------------------------------------------------------------------------------------------


@post
def add_task(request: HttpRequest) -> HttpResponse:
    services.add_task(
        actor=actor_of(request),
        text=request.POST.get("text", ""),
        due_on=_day(request.POST.get("due_on", "")),
        contact_code=request.POST.get("contact", ""),
    )
    return _tasks(request)


@post
def finish_task(request: HttpRequest, task_id: int) -> HttpResponse:
    services.finish_task(actor=actor_of(request), task_id=task_id, is_done=request.POST.get("done") == "1")
    return _tasks(request)


@post
def delete_task(request: HttpRequest, task_id: int) -> HttpResponse:
    services.delete_task(actor=actor_of(request), task_id=task_id)
    return _tasks(request)


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise BadInput(_("日期写成 2026-11-20 的样子。"), field="due_on") from None


def _tasks(request: HttpRequest) -> HttpResponse:
    if not is_htmx(request):
        return redirect(safe_next(request, request.POST.get("next", "") or "/me"))
    return render(request, "engagement/_tasks.html", task_list(request))


def task_list(request: HttpRequest) -> dict[str, Any]:
    return {"tasks": list(selectors.tasks_of(actor_of(request))[:30]), "today": clock.today()}
