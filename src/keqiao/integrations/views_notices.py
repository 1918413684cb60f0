"""Pages of a person's notices, how they wish to get them, and the link that stops a mail."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from keqiao.kernel import messengers, notices
from keqiao.kernel.errors import BadInput
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, safe_next, signed_in
from keqiao.parties import selectors as parties

PER_PAGE = 20


@page
@signed_in
def my_notices(request: HttpRequest) -> HttpResponse:
    """All of them or the unread ones, of one kind or of every kind."""
    actor = actor_of(request)
    kind, only_unread = request.GET.get("kind", ""), request.GET.get("unread") == "1"
    rows = notices.notices_of(actor)
    told = notices.kinds_told(actor)
    if only_unread:
        rows = rows.filter(read_at=None)
    if kind in {row.name for row in told}:
        rows = notices.of_kind(rows, kind)
    shown = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    for row in shown:
        row.kind_label = notices.kind_of(row.kind).label
    context = {"tab": "me", "page": shown, "kind": kind, "only_unread": only_unread, "kinds": told}
    return render(request, "integrations/notices.html", {**context, "unread": notices.unread_count(actor)})


@require_POST
@signed_in
def read_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Mark it, and go where it leads or back to the list."""
    notice = notices.mark_read(actor=actor_of(request), notice_id=notice_id)
    back = request.POST.get("next", "/me/notices")
    return redirect(safe_next(request, notice.link if request.POST.get("open") and notice.link else back))


@require_POST
@signed_in
def read_all_notices(request: HttpRequest) -> HttpResponse:
    notices.mark_all_read(actor=actor_of(request))
    return redirect("/me/notices")


@form_page
@signed_in
def notice_settings(request: HttpRequest) -> HttpResponse:
    """Kind by kind: mail at once, daily or never, and whether the robots hear of it."""
    if request.method != "POST":
        return _settings(request)
    sent = request.POST
    wishes = {
        row.name: (sent.get(f"email:{row.name}", row.email), sent.get(f"robots:{row.name}") == "1")
        for row in notices.kinds()
    }
    notices.choose(actor=actor_of(request), wishes=wishes)
    return redirect("/me/notices/settings?saved=1")


def _settings(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    actor = actor_of(request)
    wishes = notices.wishes_of(actor.person_id)
    channels = list(notices.channels_of(actor))
    for channel in channels:
        channel.shown = messengers.masked(channel.url)  # type: ignore[attr-defined]  # for the template
        channel.name = messengers.Messenger(channel.format).label  # type: ignore[attr-defined]
    context = {
        "tab": "me",
        "rows": [(kind, wishes[kind.name]) for kind in notices.kinds()],
        "emails": notices.Email.choices,
        "channels": channels,
        "formats": messengers.Messenger.choices,
        "is_saved": request.GET.get("saved") == "1",
        **more,
    }
    return render(request, "integrations/notice_settings.html", context, status=status)


@sensitive_post_parameters("url", "secret")
@require_POST
@signed_in
def add_channel(request: HttpRequest) -> HttpResponse:
    sent = request.POST
    try:
        notices.add_channel(
            actor=actor_of(request),
            messenger=sent.get("messenger", ""),
            url=sent.get("url", ""),
            secret=sent.get("secret", ""),
        )
    except BadInput as problem:
        return _settings(request, problem=problem, asked=sent.get("messenger", ""), status=422)
    return redirect("/me/notices/settings#robots")


@require_POST
@signed_in
def channel_action(request: HttpRequest, channel_id: int, action: str) -> HttpResponse:
    actor = actor_of(request)
    if action == "try":
        notices.try_channel(actor=actor, channel_id=channel_id)
    elif action == "remove":
        notices.remove_channel(actor=actor, channel_id=channel_id)
    else:
        notices.switch_channel(actor=actor, channel_id=channel_id, is_active=action == "on")
    return redirect("/me/notices/settings#robots")


# No cookie and no token of a form: the signed link of a mail is the right to do it, and mail programs post it themselves.
@csrf_exempt
@form_page
def unsubscribe(request: HttpRequest) -> HttpResponse:
    token = request.GET.get("t", "") or request.POST.get("t", "")
    _person_id, name = notices.read_unsubscribe(token)
    is_done = request.method == "POST"
    if is_done:
        notices.unsubscribe(actor=parties.visitor(), token=token)
    label = "" if name == notices.TOLD_ALL else notices.kind_of(name).label
    return render(request, "integrations/unsubscribe.html", {"token": token, "label": label, "is_done": is_done})
