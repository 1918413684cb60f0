"""Pages of a person's tokens and of an organisation's webhooks: parse, call one command or selector, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from keqiao.integrations import selectors
from keqiao.integrations.forms import DAYS, TokenForm, WebhookForm, read_since, read_token, read_webhook
from keqiao.integrations.services import tokens as token_commands
from keqiao.integrations.services import webhooks as webhook_commands
from keqiao.integrations.types import SCOPES, WEBHOOK_KINDS, Audience
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput
from keqiao.kernel.pages import LongList, actor_of, form_page, page_number, signed_in
from keqiao.kernel.parameters import parameter

PER_PAGE = 20


# --- tokens -----------------------------------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters("password")
@form_page
@signed_in
def tokens(request: HttpRequest) -> HttpResponse:
    """One's tokens, and a form for a new one; its secret is in the answer to the form, this once."""
    if request.method != "POST":
        return _tokens(request, TokenForm())
    form = read_token(request.POST)
    try:
        token, secret = token_commands.make_token(
            actor=actor_of(request),
            name=form.name,
            scopes=form.scopes,
            days=form.days,
            organisation_id=_workplace(request, form.organisation),
            account=request.user,
            password=form.password,
        )
    except BadInput as problem:
        return _tokens(request, form, problem=problem, status=422)
    return _tokens(request, TokenForm(), fresh=token, secret=secret)


def _tokens(request: HttpRequest, form: TokenForm, *, status: int = 200, **more: Any) -> HttpResponse:
    rows = LongList(selectors.tokens_of(actor_of(request)), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "form": form,
        "page": rows,
        "scopes": SCOPES.values(),
        "days": DAYS,
        "places": actor_of(request).workplaces,
        "now": clock.now(),
        "asks_password": request.user.has_usable_password(),  # type: ignore[union-attr]  # signed in
        **more,
    }
    return render(request, "integrations/tokens.html", context, status=status)


def _workplace(request: HttpRequest, code: str) -> int | None:
    """The id of one of the actor's workplaces; -1 names none of them, and the command says so."""
    if not code:
        return None
    return next((place.organisation_id for place in actor_of(request).workplaces if place.code == code), -1)


@require_POST
@signed_in
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    token_commands.revoke_token(actor=actor_of(request), token_id=token_id)
    return redirect("/me/tokens")


# --- webhooks ---------------------------------------------------------------------------------------------------------


@form_page
@signed_in
def webhooks(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _webhooks(request, WebhookForm())
    form = read_webhook(request.POST)
    try:
        made = webhook_commands.make_webhook(
            actor=actor_of(request),
            organisation_id=_workplace(request, form.organisation) or -1,
            url=form.url,
            kinds=form.kinds,
        )
    except BadInput as problem:
        return _webhooks(request, form, problem=problem, status=422)
    return redirect(f"/me/webhooks/{made.code}")


def _webhooks(request: HttpRequest, form: WebhookForm, *, status: int = 200, **more: Any) -> HttpResponse:
    actor = actor_of(request)
    connected = selectors.organisations_connected_by(actor)
    context = {
        "tab": "me",
        "form": form,
        "page": LongList(selectors.webhooks_of(actor), PER_PAGE).get_page(page_number(request.GET)),
        "places": [place for place in actor.workplaces if place.organisation_id in connected],
        "kinds": kinds_by_audience(),
        **more,
    }
    return render(request, "integrations/webhooks.html", context, status=status)


def kinds_by_audience() -> list[tuple[Any, list[Any]]]:
    return [(audience, [k for k in WEBHOOK_KINDS.values() if k.audience == audience]) for audience in Audience]


@never_cache
@form_page
@signed_in
def webhook(request: HttpRequest, code: str) -> HttpResponse:
    """One webhook: what it asks for, its secret, and the log of its deliveries."""
    if request.method != "POST":
        return _webhook(request, code)
    form = read_webhook(request.POST)
    try:
        webhook_commands.change_webhook(actor=actor_of(request), code=code, url=form.url, kinds=form.kinds)
    except BadInput as problem:
        return _webhook(request, code, problem=problem, form=form, status=422)
    return redirect(f"/me/webhooks/{code}")


def _webhook(request: HttpRequest, code: str, *, status: int = 200, **more: Any) -> HttpResponse:
    found = selectors.get_webhook(code, actor=actor_of(request))
    context = {
        "tab": "me",
        "webhook": found,
        "form": WebhookForm(url=found.url, kinds=tuple(found.kinds)),
        "kinds": kinds_by_audience(),
        "page": LongList(selectors.deliveries_of(found), PER_PAGE).get_page(page_number(request.GET)),
        "failing_days": parameter("integrations.webhook_failing_days", on=clock.today()),
        "now": clock.now(),
        **more,
    }
    return render(request, "integrations/webhook.html", context, status=status)


@require_POST
@signed_in
def webhook_action(request: HttpRequest, code: str, action: str) -> HttpResponse:
    """Rotate the secret, send a first message, send again, switch, delete: one button each."""
    actor = actor_of(request)
    try:
        if action == "rotate":
            webhook_commands.rotate_secret(actor=actor, code=code)
        elif action == "ping":
            webhook_commands.ping_webhook(actor=actor, code=code)
        elif action == "replay":
            one = request.POST.get("delivery", "")
            since = None if one else read_since(request.POST.get("since", ""))
            webhook_commands.replay(actor=actor, code=code, delivery=one, since=since)
        elif action in {"on", "off"}:
            webhook_commands.change_webhook(actor=actor, code=code, is_active=action == "on")
        else:
            webhook_commands.delete_webhook(actor=actor, code=code)
            return redirect("/me/webhooks")
    except BadInput as problem:
        return _webhook(request, code, problem=problem, status=422)
    return redirect(f"/me/webhooks/{code}")
