"""Sign-in with an identity provider: allauth's views under our addresses, our answers when something is wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from keqiao.accounts import selectors
from keqiao.accounts.adapters import failed_at
from keqiao.accounts.views_security import confirmed
from keqiao.kernel.errors import DomainError
from keqiao.kernel.pages import actor_of, signed_in

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def _guarded(module: str, name: str) -> View:
    """Allauth's view, loaded when first used: the SAML library is large and most sites need none of it."""

    def shown(request: HttpRequest, **named: Any) -> HttpResponse:
        from importlib import import_module

        if "process" in {*request.GET, *request.POST}:  # ours to say: linking begins on the security page alone
            raise Http404
        view = getattr(import_module(module), name)
        return _answered(request, lambda: view(request, **named))

    shown.__name__ = name
    return shown


def _answered(request: HttpRequest, ask: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return ask()
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except ImmediateHttpResponse as answer:
        return answer.response
    except (DomainError, Http404):
        raise
    except Exception as error:  # noqa: BLE001 -- whatever is sent here, by anybody, gets a clear answer
        log.warning("sign-in from a provider failed", extra={"error": type(error).__name__})
        return HttpResponseRedirect(failed_at(request))


OIDC = "allauth.socialaccount.providers.openid_connect.views"
SAML = "allauth.socialaccount.providers.saml.views"

oidc_login = _guarded(OIDC, "login")
oidc_callback = _guarded(OIDC, "callback")
saml_login = _guarded(SAML, "login")
saml_acs = _guarded(SAML, "acs")
saml_acs.csrf_exempt = True  # type: ignore[attr-defined]  # the provider's page posts here; the answer is signed
saml_finish = _guarded(SAML, "finish_acs")
saml_metadata = _guarded(SAML, "metadata")


# --- linking ----------------------------------------------------------------------------------------------------------


@never_cache
@require_safe
@signed_in
@confirmed
def link(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Off to the provider; what it says about who comes back is linked to this account (adapters.Federation).

    A link, because forms may not lead to another site; its key shows that it stood on this person's own page: nobody
    else can start this in their browser with an identity of his.
    """
    if provider_id not in selectors.provider_names():
        raise Http404
    if not constant_time_compare(request.GET.get("key", ""), link_key(request, provider_id)):
        return redirect("security")
    selectors.own_account(actor_of(request))

    def ask() -> HttpResponse:
        provider = get_adapter().get_provider(request, provider_id)
        return provider.redirect(request, process=AuthProcess.CONNECT, next_url=reverse("security"))

    return _answered(request, ask)


def link_key(request: HttpRequest, provider_id: str) -> str:
    text = f"{request.session.session_key}|{provider_id}"
    return salted_hmac("keqiao.accounts.link", text, algorithm="sha256").hexdigest()[:32]


@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    """Somebody turned back at the provider."""
    return redirect("security" if request.user.is_authenticated else "sign_in")


@require_safe
def failed(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(failed_at(request))


def saml_sls(request: HttpRequest, organization_slug: str) -> HttpResponse:  # noqa: ARG001 -- the URL's name
    """Single logout is not offered: an unsigned request from anywhere could end sessions."""
    raise Http404
