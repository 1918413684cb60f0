"""The API of contributor shares and ownership fractions."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as sharing
from keqiao.deals.api import READ, WRITE, DealReasonIn, Number
from keqiao.kernel.api import Code, answers, api_actor, change_answers, needs_scope
from keqiao.kernel.errors import NotFound

router = Router(tags=["deals"])


class ShareOut(Schema):
    version: int
    share_bp: int
    is_signed: bool
    is_refused: bool


class ShareVersionOut(Schema):
    number: int
    is_in_force: bool
    contributors: list[dict[str, Any]]
    owners: list[dict[str, Any]]


class SharesOut(Schema):
    own: list[ShareOut]
    versions: list[ShareVersionOut]


@router.get("/achievements/{code}/shares", response=answers(SharesOut), summary="Contributor shares and ownership")
def get_shares(request: HttpRequest, code: Code) -> dict[str, Any]:
    """Whole versions for the owners' officers; your own line if you are a contributor."""
    return _shares(code, api_actor(request, READ))


def _shares(code: str, actor: Any) -> dict[str, Any]:
    versions = catalogue.share_versions_visible_to(actor).filter(achievement__code=code)
    versions = versions.prefetch_related("contributors__person", "owners__organisation")
    own = catalogue.own_shares(actor).filter(version__achievement__code=code)
    found = {
        "own": [
            {
                "version": row.version.number, "share_bp": row.share_bp, "is_signed": row.signed_at is not None,
                "is_refused": row.refused_at is not None,
            }
            for row in own[:100]
        ],
        "versions": [
            {
                "number": version.number,
                "is_in_force": version.signed_at is not None,
                "contributors": [
                    {"name": str(row.person), "share_bp": row.share_bp, "is_signed": row.signed_at is not None}
                    for row in version.contributors.all()
                ],
                "owners": [
                    {"organisation": row.organisation.code, "share_bp": row.share_bp} for row in version.owners.all()
                ],
            }
            for version in versions[:100]
        ],
    }  # fmt: skip
    if not found["own"] and not found["versions"]:
        raise NotFound
    return found


@router.post(
    "/achievements/{code}/shares/{number}/signature", response=change_answers(SharesOut), summary="Sign your share"
)
@needs_scope(WRITE)
def sign_shares(request: HttpRequest, code: Code, number: Number) -> Any:
    sharing.sign_shares(actor=api_actor(request), achievement_code=code, number=number)
    return _shares(code, api_actor(request))


@router.post(
    "/achievements/{code}/shares/{number}/refusal", response=change_answers(SharesOut), summary="Refuse your share"
)
@needs_scope(WRITE)
def refuse_shares(request: HttpRequest, code: Code, number: Number, given: DealReasonIn) -> Any:
    sharing.refuse_shares(actor=api_actor(request), achievement_code=code, number=number, reason=given.reason)
    return _shares(code, api_actor(request))
