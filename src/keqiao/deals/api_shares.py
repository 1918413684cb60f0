"""The API of contributor shares and ownership fractions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import File, Path, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field, StringConstraints

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as sharing
from keqiao.catalogue.types import Assigned, Part
from keqiao.deals.api import READ, WRITE, DealReasonIn, Number, PlainCode
from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    needs_scope,
    page_of,
)
from keqiao.kernel.errors import BadInput, NotFound
from keqiao.parties import selectors as parties

router = Router(tags=["deals"])


PersonKey = Annotated[str, StringConstraints(min_length=16, max_length=16, pattern=r"^[0-9a-f]*$")]
PathKey = Annotated[str, Path(min_length=16, max_length=16, pattern=r"^[0-9a-f]*$")]
PartBp = Annotated[int, Field(ge=1, le=10_000, description="Basis points: 5,000 is 50 %. All together 10,000.")]


class ContributorOut(Schema):
    key: str = Field(description="Names this person in the shares of this result, and nowhere else.")
    name_zh: str
    name_en: str


class Contributors(PageOut):
    items: list[ContributorOut]


class ContributorIn(Schema):
    key: PersonKey
    share_bp: PartBp
    is_main: bool = Field(True, description="A main contributor: some rules promise them a part of their own.")
    is_head: bool = Field(False, description="The head of the unit, who may get money and, by some laws, no shares.")


class OwnerIn(Schema):
    organisation: PlainCode
    share_bp: PartBp


class AssignedIn(Schema):
    key: PersonKey
    organisation: PlainCode = Field(description="The owner that assigned it.")
    share_bp: PartBp
    choice: Annotated[str, StringConstraints(max_length=12, pattern=r"^[a-z]*$")] = Field(
        "ownership", description="ownership, reward or both: how the completer lives by it."
    )


class SharesIn(Schema):
    based_on: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        description="Number of the newest version that you saw; 0 before the first. A newer one is not overwritten."
    )
    contributors: Annotated[list[ContributorIn], Field(min_length=1, max_length=500)]
    assigned: Annotated[list[AssignedIn], Field(max_length=100)] | None = Field(
        None, description="What owners assigned to completers; null: as in the version before."
    )
    owners: Annotated[list[OwnerIn], Field(max_length=500)] = Field(
        [], description="Ownership fractions; empty: as in the version before, else the owner alone."
    )


class NameIn(Schema):
    name_zh: Annotated[str, StringConstraints(max_length=80)] = ""
    name_en: Annotated[str, StringConstraints(max_length=80)] = ""
    email: Annotated[str, StringConstraints(max_length=254)] = Field(
        "", description="They are asked to join by mail, and only an account with this address may."
    )


class NamedOut(ContributorOut):
    join: str = Field(description="The link by which they join as themselves; hand it to nobody else.")


class JoinTeamIn(Schema):
    code: PlainCode
    token: Annotated[str, StringConstraints(max_length=200)]


class JoinedOut(Schema):
    achievement: str
    joined_at: datetime


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
    assigned: list[dict[str, Any]]


class SharesOut(Schema):
    own: list[ShareOut]
    versions: list[ShareVersionOut]


@router.get("/achievements/{code}/shares", response=answers(SharesOut), summary="Contributor shares and ownership")
def get_shares(request: HttpRequest, code: Code) -> dict[str, Any]:
    """Whole versions for the owners' officers; your own line if you are a contributor."""
    return _shares(code, api_actor(request, READ))


def _shares(code: str, actor: Any) -> dict[str, Any]:
    versions = catalogue.share_versions_visible_to(actor).filter(achievement__code=code)
    versions = versions.prefetch_related("contributors__person", "owners__organisation", "assigned__person")
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
                    {
                        "name": str(row.person), "share_bp": row.share_bp, "is_main": row.is_main,
                        "is_signed": row.signed_at is not None,
                    }
                    for row in version.contributors.all()
                ],
                "assigned": [
                    {"name": str(row.person), "share_bp": row.share_bp, "choice": row.choice}
                    for row in version.assigned.all()
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


@router.get(
    "/achievements/{code}/contributors",
    response=answers(Contributors),
    summary="People who may be named in the shares of a result",
)
def list_contributors(
    request: HttpRequest,
    code: Code,
    name: Annotated[str, Query(max_length=80, description="A part of the name.")] = "",
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> dict[str, Any]:
    """For the owner's transfer office: the team first, then whoever works or worked for an owner."""
    found = catalogue.contributors_to_choose(api_actor(request, READ), code)
    rows = [
        {"key": key, "name_zh": person.name_zh, "name_en": person.name_en}
        for key, person in found.items()
        if name in f"{person.name_zh} {person.name_en}"
    ]
    first = (page - 1) * per_page
    return page_of(rows[first : first + per_page], total=len(rows), page=page, per_page=per_page)


@router.post(
    "/achievements/{code}/contributors",
    response=change_answers(NamedOut, 201),
    summary="Name somebody without an account",
)
@needs_scope(WRITE)
def name_contributor(request: HttpRequest, code: Code, given: NameIn) -> Any:
    """They may then be given a share; you sign for them with a document until they join."""
    row = sharing.name_contributor(actor=api_actor(request), achievement_code=code, **given.dict())
    return Status(201, {
        "key": catalogue.contributor_key(code, row.person_id), "name_zh": row.person.name_zh,
        "name_en": row.person.name_en, "join": f"{settings.SITE_URL}{catalogue.joining_path(row)}",
    })  # fmt: skip


@router.post(
    "/me/contributions", response=change_answers(JoinedOut), summary="Join as a contributor, by the link's code"
)
@needs_scope(WRITE)
def join_as_contributor(request: HttpRequest, given: JoinTeamIn) -> Any:
    row = sharing.join_as_contributor(actor=api_actor(request), code=given.code, token=given.token)
    return {"achievement": row.achievement.code, "joined_at": row.joined_at}


@router.post(
    "/achievements/{code}/shares/{number}/signatures/{key}",
    response=change_answers(SharesOut),
    summary="Sign for somebody without an account",
)
@needs_scope(WRITE)
def sign_shares_for(
    request: HttpRequest, code: Code, number: Number, key: PathKey, evidence: File[UploadedFile]
) -> Any:
    """With the document that says they agree: PDF, PNG or JPEG."""
    sharing.sign_shares_for(actor=api_actor(request), achievement_code=code, number=number, key=key, evidence=evidence)
    return _shares(code, api_actor(request))


@router.post("/achievements/{code}/shares", response=change_answers(SharesOut, 201), summary="Propose shares")
@needs_scope(WRITE)
def propose_shares(request: HttpRequest, code: Code, given: SharesIn) -> Any:
    """A new version; it comes into force when every contributor has signed. Parts add up to 100 %."""
    actor = api_actor(request)
    people = catalogue.contributors_to_choose(actor, code)
    sharing.propose_shares(
        actor=actor, achievement_code=code, contributors=[_contributor(people, row) for row in given.contributors],
        owners=[_owner(actor, row) for row in given.owners], based_on=given.based_on,
        assigned=None if given.assigned is None else [_assigned(actor, people, row) for row in given.assigned],
    )  # fmt: skip
    return Status(201, _shares(code, actor))


def _contributor(people: dict[str, Any], row: ContributorIn) -> Part:
    if row.key not in people:
        raise BadInput(_("“%(key)s”不在可选的贡献人之中。") % {"key": row.key}, field="contributors")
    return Part(people[row.key].pk, row.share_bp, is_main=row.is_main, is_head=row.is_head)


def _assigned(actor: Any, people: dict[str, Any], row: AssignedIn) -> Assigned:
    owner = _owner(actor, OwnerIn(organisation=row.organisation, share_bp=row.share_bp))
    return Assigned(people[row.key].pk if row.key in people else 0, owner.id, row.share_bp, row.choice)


def _owner(actor: Any, row: OwnerIn) -> Part:
    try:
        return Part(parties.get_organisation(row.organisation, actor=actor).pk, row.share_bp)
    except NotFound:
        words = {"code": row.organisation}
        raise BadInput(
            _("没有单位“%(code)s”。请写平台上的单位编号，例如 DW-7K2M9QX4。") % words, field="owners"
        ) from None


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
