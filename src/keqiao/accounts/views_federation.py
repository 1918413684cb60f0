"""Sign-in with an identity provider: allauth's views under our addresses, our answers when something is wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialApp
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from keqiao.kernel.errors import DomainError

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
FAILED = "/sign-in?federation=failed"


def _guarded(module: str, name: str) -> View:
    """Allauth's view, loaded when first used: the SAML library is large and most sites need none of it."""

    def shown(request: HttpRequest, **named: Any) -> HttpResponse:
        from importlib import import_module

        view = getattr(import_module(module), name)
        try:
            return view(request, **named)
        except SocialApp.DoesNotExist:
            raise Http404 from None
        except ImmediateHttpResponse as answer:
            return answer.response
        except (DomainError, Http404):
            raise
        except Exception as error:  # noqa: BLE001 -- whatever is sent here, by anybody, gets a clear answer
            log.warning("sign-in from a provider failed", extra={"error": type(error).__name__})
            return HttpResponseRedirect(FAILED)

    shown.__name__ = name
    return shown


OIDC = "allauth.socialaccount.providers.openid_connect.views"
SAML = "allauth.socialaccount.providers.saml.views"

oidc_login = _guarded(OIDC, "login")
oidc_callback = _guarded(OIDC, "callback")
saml_login = _guarded(SAML, "login")
saml_acs = _guarded(SAML, "acs")
saml_acs.csrf_exempt = True  # type: ignore[attr-defined]  # the provider's page posts here; the answer is signed
saml_finish = _guarded(SAML, "finish_acs")
saml_metadata = _guarded(SAML, "metadata")


def saml_sls(request: HttpRequest, organization_slug: str) -> HttpResponse:  # noqa: ARG001 -- the URL's name
    """Single logout is not offered: an unsigned request from anywhere could end sessions."""
    raise Http404
