"""What an identity provider says about somebody, in the words of CARSI and eduGAIN. Pure.

Taken: a lasting pseudonymous id, a name, an affiliation with its scope. Left: e-mail address (asked for and proved by
code instead), staff and student numbers, everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keqiao.accounts.types import NoStableId

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
# Our word → names of the attribute: friendly name, OID or URN, OIDC claim.
NAMES: dict[str, tuple[str, ...]] = {
    "pairwise_id": ("pairwise-id", "urn:oasis:names:tc:SAML:attribute:pairwise-id"),
    "targeted_id": ("eduPersonTargetedID", "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"),
    "principal_name": (
        "eduPersonPrincipalName",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
        "eduperson_principal_name",
    ),
    "affiliation": (
        "eduPersonScopedAffiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
        "eduperson_scoped_affiliation",
    ),
    "name": ("displayName", "urn:oid:2.16.840.1.113730.3.1.241", "name", "cn", "urn:oid:2.5.4.3"),
}
# Numbers of the house. Never an id, and an id that equals one is refused.
NUMBERS = (
    "employeeNumber", "urn:oid:2.16.840.1.113730.3.1.3", "employee_number",
    "uid", "urn:oid:0.9.2342.19200300.100.1.1",
    "eduPersonUniqueId", "urn:oid:1.3.6.1.4.1.5923.1.1.1.13", "eduperson_unique_id",
    "studentNumber", "student_number", "student_id", "staff_id",
    "schacPersonalUniqueCode", "urn:oid:1.3.6.1.4.1.25178.1.2.14",
    "preferred_username",
)  # fmt: skip
AFFILIATIONS = {"faculty", "student", "staff", "alum", "member", "affiliate", "employee", "library-walk-in"}


def stable_saml_id(attributes: Mapping[str, Any], name_id: str, name_id_format: str) -> str:
    """pairwise-id, then eduPersonTargetedID, then a persistent NameID; nothing else. Raises NoStableId."""
    persistent = name_id if name_id_format == PERSISTENT else ""
    for candidate in (_one(attributes, "pairwise_id"), _one(attributes, "targeted_id"), persistent):
        if candidate:
            return _not_a_number(candidate, attributes)
    raise NoStableId


def stable_oidc_id(claims: Mapping[str, Any]) -> str:
    """The `sub`, which OIDC makes unique and never reassigned. Raises NoStableId."""
    return _not_a_number(str(claims.get("sub") or ""), claims)


def about(attributes: Mapping[str, Any]) -> dict[str, str]:
    """What is kept beside the id: affiliation and scope (staff@lut.example); of the principal name only its scope."""
    affiliation, _at, scope = _one(attributes, "affiliation").partition("@")
    scope = scope or _one(attributes, "principal_name").partition("@")[2]
    kept = {"affiliation": affiliation if affiliation in AFFILIATIONS else "", "scope": scope[:200]}
    return {key: value for key, value in kept.items() if value}


def name_of(attributes: Mapping[str, Any]) -> str:
    """To fill in the form; the person may change it."""
    return _one(attributes, "name")[:80]


def _not_a_number(candidate: str, attributes: Mapping[str, Any]) -> str:
    numbers = {
        part.lower()
        for name in NUMBERS
        for value in _all(attributes.get(name))
        for part in (value, value.partition("@")[0])
    }
    principal = _one(attributes, "principal_name").lower()
    own = candidate.lower()
    if not candidate or own in numbers or own.partition("@")[0] in numbers or own == principal:
        raise NoStableId
    return candidate


def _one(attributes: Mapping[str, Any], word: str) -> str:
    return next((value for name in NAMES[word] for value in _all(attributes.get(name)) if value), "")


def _all(value: Any) -> Sequence[str]:
    if isinstance(value, (list, tuple)):
        return [str(part).strip() for part in value if isinstance(part, (str, int))]
    return [str(value).strip()] if isinstance(value, (str, int)) else []
