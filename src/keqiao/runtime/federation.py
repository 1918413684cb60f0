"""Identity providers of a site (OIDC, SAML): one TOML file, read once. Off when no file is named.

[[oidc]]
id = "lut"                                  # in addresses: /sign-in/with/oidc/lut/login/
name = "澜江理工大学统一身份认证"
server_url = "https://idp.lut.example"      # its /.well-known/openid-configuration is read
client_id = "keqiao"
secret = "…"

[[saml]]
id = "carsi"                                # /sign-in/with/saml/carsi/login/
name = "CARSI"
entity_id = "https://idp.example/idp/shibboleth"
sso_url = "https://idp.example/idp/profile/SAML2/Redirect/SSO"
x509cert = "MIID…"                          # or metadata_url instead of sso_url and x509cert
sp_entity_id = "https://keqiao.example/saml"   # optional, as registered with the federation
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from keqiao.runtime.environment import BadSetting

VARIABLE = "KEQIAO_SIGN_IN_PROVIDERS"
ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
# Nothing else may be said: which attribute becomes the id is not a setting.
KEYS = {
    "oidc": {"id", "name", "server_url", "client_id", "secret"},
    "saml": {"id", "name", "entity_id", "sso_url", "x509cert", "metadata_url", "sp_entity_id"},
}
NEEDED = {
    "oidc": ("id", "name", "server_url", "client_id", "secret"),
    "saml": ("id", "name", "entity_id"),
}
OIDC_CLASS = "keqiao.accounts.providers.Oidc"
SAML_CLASS = "keqiao.accounts.providers.Saml"


def read_providers(data: Path, name: str) -> dict[str, Any]:
    """What allauth's setting wants; raises BadSetting naming the file, the provider and the key."""
    tables: dict[str, Any] = {}
    if name:
        file = data / name
        try:
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError:
            raise BadSetting(f"{VARIABLE}={name}: no such file in {data}") from None
        except tomllib.TOMLDecodeError as error:
            raise BadSetting(f"{VARIABLE}={name}: not TOML: {error}") from None
    rows = [(kind, row) for kind in KEYS for row in _checked(kind, tables, name)]
    ids = [row["id"] for _kind, row in rows]
    for used in ids:
        if ids.count(used) > 1:
            raise BadSetting(f"{VARIABLE}={name}: two providers have the id {used!r}")
    return {
        "openid_connect": {
            "provider_class": OIDC_CLASS,
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [_oidc(row) for kind, row in rows if kind == "oidc"],
        },
        "saml": {"provider_class": SAML_CLASS, "APPS": [_saml(row) for kind, row in rows if kind == "saml"]},
    }


def _checked(kind: str, tables: dict[str, Any], name: str) -> list[dict[str, str]]:
    if unknown := sorted(set(tables) - set(KEYS)):
        raise BadSetting(f"{VARIABLE}={name}: unknown table {unknown[0]!r}: [[oidc]] or [[saml]]")
    for row in tables.get(kind, []):
        where = f"{VARIABLE}={name}, [[{kind}]] {row.get('id', '')!r}"
        for key in NEEDED[kind]:
            if not isinstance(row.get(key), str) or not row[key]:
                raise BadSetting(f"{where}: {key} is missing")
        if unknown := sorted(set(row) - KEYS[kind]):
            raise BadSetting(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(KEYS[kind]))}")
        if not ID.fullmatch(row["id"]):
            raise BadSetting(f"{where}: id is small letters, digits and hyphens, for example carsi")
        if kind == "saml" and "metadata_url" not in row and not {"sso_url", "x509cert"} <= set(row):
            raise BadSetting(f"{where}: metadata_url, or sso_url and x509cert, is missing")
        for key in ("server_url", "sso_url", "metadata_url"):
            if key in row and not _is_safe(row[key]):
                raise BadSetting(f"{where}: {key} must begin with https://")
    return list(tables.get(kind, []))


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"})


def _oidc(row: dict[str, str]) -> dict[str, Any]:
    return {
        "provider_id": row["id"],
        "name": row["name"],
        "client_id": row["client_id"],
        "secret": row["secret"],
        "settings": {"server_url": row["server_url"], "uid_field": "sub"},
    }


def _saml(row: dict[str, str]) -> dict[str, Any]:
    idp = {key: row[key] for key in ("entity_id", "sso_url", "x509cert", "metadata_url") if key in row}
    # The assertion must be signed and answer a request of ours.
    advanced = {"strict": True, "want_assertion_signed": True, "reject_idp_initiated_sso": True}
    sp = {"entity_id": row["sp_entity_id"]} if "sp_entity_id" in row else {}
    return {
        "provider_id": row["id"],
        "name": row["name"],
        "client_id": row["id"],
        "settings": {"idp": idp, "sp": sp, "advanced": advanced},
    }
