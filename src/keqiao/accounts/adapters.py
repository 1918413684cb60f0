"""Where allauth asks us: what a sign-in does, what counts as a second step, who may come from an identity provider."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from keqiao.accounts import confirming, secrets, seen, services
from keqiao.accounts.types import Identity, LinkedElsewhere
from keqiao.kernel.errors import DomainError
from keqiao.kernel.pages import actor_of, safe_next
from keqiao.parties import selectors as parties

NO_ADDRESS = "0.0.0.0"  # noqa: S104 -- shown for a connection without an address, such as a socket; nothing is bound


class Accounts(DefaultAccountAdapter):
    """Signs people in; tells nobody anything by message or mail: our pages do."""

    def get_client_ip(self, request: HttpRequest) -> str:
        found = request.META.get("REMOTE_ADDR", "")
        return found if is_valid_ip(found) else NO_ADDRESS

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The pages say what happened."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        """Mail is sent by jobs."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """As above."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 -- allauth's signature
        return True

    def get_login_stages(self) -> list[str]:
        return ["allauth.mfa.stages.AuthenticateStage"]

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:  # noqa: ARG002 -- as above
        return HttpResponseRedirect("/sign-in")

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """A new session begins: the key was changed by Django's login."""
        kwargs["redirect_url"] = safe_next(request, kwargs.get("redirect_url") or "/")
        confirming.confirm(request)
        seen.begin(request)
        return super().post_login(request, user, **kwargs)


def is_valid_ip(text: str) -> bool:
    try:
        validate_ipv46_address(text)
    except ValidationError:
        return False
    return True


class SecondFactors(DefaultMFAAdapter):
    """Only an authenticator app makes a second step; its key is kept sealed."""

    def is_mfa_enabled(self, user: Any, types: Any = None) -> bool:
        kinds = {Authenticator.Type.TOTP} & set(types or Authenticator.Type)
        return super().is_mfa_enabled(user, types=list(kinds))

    def encrypt(self, text: str) -> str:
        return secrets.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return secrets.unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        return _("科桥")

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": _("科桥")}

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        """What the device shows in its list of keys."""
        name = parties.actor_for(user).name
        entity = super().get_public_key_credential_user_entity(user)
        return {**entity, "display_name": name, "name": user.email or name}

    def _get_user_identifier(self, user: Any) -> str:
        return user.email or parties.actor_for(user).name


class Federation(DefaultSocialAccountAdapter):
    """People from identity providers: nobody is linked by e-mail, and a first visit asks for the agreement."""

    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[Any]:  # noqa: ARG002 -- as above
        """From the file that the site's operator wrote; the table of apps stays empty."""
        from allauth.socialaccount.adapter import _build_apps_from_settings

        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: Any) -> Any:  # noqa: ARG002 -- as above
        """The account row says nothing about the person; the name is asked for and kept with the person."""
        sociallogin.email_addresses = []
        return sociallogin.user

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Asked for on the security page: the identity becomes a way in to the account that is signed in."""
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            raise ImmediateHttpResponse(HttpResponseRedirect(f"/me/security?{_link(request, sociallogin.account)}"))

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:  # noqa: ARG002 -- as above
        raise ImmediateHttpResponse(HttpResponseRedirect(failed_at(request)))


def failed_at(request: HttpRequest) -> str:
    """Where somebody is told that the provider did not let them through: who is signed in was linking."""
    return "/me/security?problem=link" if request.user.is_authenticated else "/sign-in?federation=failed"


def _link(request: HttpRequest, found: Any) -> str:
    """What the security page is to say."""
    about = {key: value for key, value in found.extra_data.items() if key != "name"}
    try:
        services.link_identity(actor=actor_of(request), identity=Identity(found.provider, found.uid, about))
    except LinkedElsewhere:
        return "problem=elsewhere"
    except DomainError:
        return "problem=link"
    return "done=linked"
