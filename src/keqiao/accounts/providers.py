"""allauth's OIDC and SAML with our choice of id, and nothing kept that we do not need."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.saml.provider import SAMLProvider

from keqiao.accounts import identities


def _claims(data: dict[str, Any]) -> dict[str, Any]:
    """Both say who it is: the ID token is signed or came over TLS, the user info has more about the person."""
    return {**(data.get("id_token") or {}), **(data.get("userinfo") or {})} or data


class Oidc(OpenIDConnectProvider):
    def extract_uid(self, data: Any) -> str:
        token, userinfo = data.get("id_token") or {}, data.get("userinfo") or {}
        claims = _claims(data)
        if token and userinfo and token.get("sub") != userinfo.get("sub"):  # OpenID Connect Core 5.3.2
            claims = {}
        return identities.stable_oidc_id(claims)

    def extract_common_fields(self, data: Any) -> dict[str, Any]:  # noqa: ARG002 -- allauth's signature
        return {}

    def extract_email_addresses(self, data: Any) -> list[Any]:  # noqa: ARG002 -- as above
        return []

    def extract_extra_data(self, data: Any) -> dict[str, str]:
        claims = _claims(data)
        return {**identities.about(claims), "name": identities.name_of(claims)}


class Saml(SAMLProvider):
    def extract_uid(self, data: Any) -> str:
        return identities.stable_saml_id(_attributes(data), data.get_nameid() or "", data.get_nameid_format() or "")

    def extract_common_fields(self, data: Any) -> dict[str, Any]:  # noqa: ARG002 -- as above
        return {}

    def extract_extra_data(self, data: Any) -> dict[str, str]:
        attributes = _attributes(data)
        return {**identities.about(attributes), "name": identities.name_of(attributes)}


def _attributes(data: Any) -> dict[str, Any]:
    return {**data.get_friendlyname_attributes(), **data.get_attributes()}


provider_classes = [Oidc, Saml]
