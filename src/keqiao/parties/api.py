"""The API of organisations and the people in them: a second view over the same commands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponsePermanentRedirect
from ninja import File, Form, Path, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field, StringConstraints

from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    needs_scope,
    paged,
)
from keqiao.kernel.errors import NotFound
from keqiao.kernel.replicas import may_lag
from keqiao.parties import policies, selectors, services
from keqiao.parties.types import VerificationState

router = Router(tags=["organisations"])
READ, WRITE = "organisations:read", "organisations:write"

Name = Annotated[str, StringConstraints(max_length=200)]
Word = Annotated[str, StringConstraints(max_length=40)]
Words = Annotated[str, StringConstraints(max_length=4_000)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
RoleIn = Annotated[str, StringConstraints(max_length=30), Field(examples=["researcher"])]


class OrganisationOut(Schema):
    code: str
    kind: str
    name_zh: str
    name_en: str
    region: str
    url: str
    logo: str | None = Field(description="Address of its logo, a PNG; null without one or before it was verified.")


class IdentifierOut(Schema):
    scheme: str
    value: str


class OneOrganisationOut(OrganisationOut):
    """One organisation with what it says about itself."""

    short_zh: str
    short_en: str
    about_zh: str
    about_en: str
    is_verified: bool
    qualifications: list[str]
    aliases: list[str]
    identifiers: list[IdentifierOut]


class DescriptionIn(Schema):
    """What is left out stays as it is."""

    name_zh: Name | None = None
    name_en: Name | None = None
    short_zh: Annotated[str, StringConstraints(max_length=60)] | None = None
    short_en: Annotated[str, StringConstraints(max_length=60)] | None = None
    about_zh: Words | None = None
    about_en: Words | None = None
    region: Annotated[str, StringConstraints(max_length=12)] | None = None


class AliasIn(Schema):
    name: Name


class IdentifierIn(Schema):
    scheme: Annotated[str, Field(description="lei, ror, isni, grid, registration")]
    value: Annotated[str, StringConstraints(max_length=80)]


class MemberOut(Schema):
    number: int = Field(description="The post, for changing and ending it.")
    person: int
    name_zh: str
    name_en: str
    role: str
    title_zh: str
    title_en: str


class RoleChangeIn(Schema):
    role: RoleIn


class JoinIn(Schema):
    role: RoleIn
    text: Annotated[str, StringConstraints(max_length=500)] = ""


class JoinOut(Schema):
    code: str
    organisation: str
    role: str
    state: str
    text: str
    reason: str
    made_at: datetime


class ReasonIn(Schema):
    reason: Annotated[str, StringConstraints(max_length=500)]


class InvitationIn(Schema):
    role: RoleIn
    email: Annotated[str, StringConstraints(max_length=200)] = Field("", description="Empty: whoever has the link.")


class InvitationOut(Schema):
    code: str
    organisation: str
    role: str
    email: str
    state: str
    made_at: datetime
    expires_at: datetime


class MadeInvitationOut(InvitationOut):
    url: str = Field(description="Shown this once: the platform keeps only a hash of it.")


class TokenIn(Schema):
    token: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class FoundingIn(Schema):
    kind: Word
    name_zh: Name = ""
    name_en: Name = ""
    credit_code: Word = Field("", examples=["91350100M000100Y43"])
    registration: Annotated[str, StringConstraints(max_length=80)] = Field("", examples=["DE HRB 12345"])
    region: Annotated[str, StringConstraints(max_length=12)] = ""
    role: RoleIn = ""


class NoteOut(Schema):
    kind: str
    text: str
    at: datetime


class VerificationOut(Schema):
    code: str
    organisation: str
    state: str
    made_at: datetime
    due_on: date = Field(description="The date promised for an answer.")
    decided_at: datetime | None
    notes: list[NoteOut]


class TextIn(Schema):
    text: Annotated[str, StringConstraints(max_length=1_000)]


class Organisations(PageOut):
    items: list[OrganisationOut]


class Members(PageOut):
    items: list[MemberOut]


class Joins(PageOut):
    items: list[JoinOut]


class Invitations(PageOut):
    items: list[InvitationOut]


class Verifications(PageOut):
    items: list[VerificationOut]


# --- organisations ----------------------------------------------------------------------------------------------------


@router.get("/organisations", response=answers(Organisations), summary="The register of organisations")
@may_lag
def list_organisations(
    request: HttpRequest,
    name: Annotated[str, Query(max_length=60, description="Part of a name or alias, or a credit code.")] = "",
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> dict[str, Any]:
    rows = selectors.find_organisations(api_actor(request, READ), name=name.replace("\x00", ""))
    return paged(rows, page, per_page, each(organisation_out))


@router.get(
    "/organisations/{code}",
    response={**answers(OneOrganisationOut), 301: None},
    summary="One organisation; a merged code redirects",
)
def get_organisation(request: HttpRequest, code: Code) -> Any:
    try:
        return one_organisation_out(selectors.get_described(code, actor=api_actor(request, READ)))
    except NotFound:
        successor = selectors.successor_of(code)
        if not successor:
            raise
        return HttpResponsePermanentRedirect(request.path.removesuffix(code) + successor)


@router.patch(
    "/organisations/{code}", response=change_answers(OneOrganisationOut), summary="Rewrite names, texts and region"
)
@needs_scope(WRITE)
def rewrite_organisation(request: HttpRequest, code: Code, description: DescriptionIn) -> dict[str, Any]:
    given = {name: text for name, text in description.dict(exclude_unset=True).items() if text is not None}
    services.rewrite_organisation(actor=api_actor(request), code=code, **given)
    return one_organisation_out(selectors.get_described(code, actor=api_actor(request)))


@router.post("/organisations/{code}/aliases", response=change_answers(OneOrganisationOut, 201), summary="Add an alias")
@needs_scope(WRITE)
def add_alias(request: HttpRequest, code: Code, alias: AliasIn) -> Any:
    services.add_alias(actor=api_actor(request), code=code, name=alias.name)
    return Status(201, one_organisation_out(selectors.get_described(code, actor=api_actor(request))))


@router.post(
    "/organisations/{code}/identifiers",
    response=change_answers(OneOrganisationOut, 201),
    summary="Add an identifier of another register",
)
@needs_scope(WRITE)
def add_identifier(request: HttpRequest, code: Code, identifier: IdentifierIn) -> Any:
    services.add_identifier(actor=api_actor(request), code=code, scheme=identifier.scheme, value=identifier.value)
    return Status(201, one_organisation_out(selectors.get_described(code, actor=api_actor(request))))


@router.post("/organisations/{code}/logo", response=change_answers(OneOrganisationOut, 201), summary="Put a logo")
@needs_scope(WRITE)
def put_logo(request: HttpRequest, code: Code, logo: File[UploadedFile]) -> Any:
    """PNG, JPEG or WebP; in the place of the one before. What is kept is drawn anew, without metadata."""
    services.put_logo(actor=api_actor(request), code=code, picture=logo)
    return Status(201, one_organisation_out(selectors.get_described(code, actor=api_actor(request))))


@router.delete("/organisations/{code}/logo", response=change_answers(None, 204), summary="Take the logo away")
@needs_scope(WRITE)
def remove_logo(request: HttpRequest, code: Code) -> Any:
    services.remove_logo(actor=api_actor(request), code=code)
    return Status(204, None)


# --- members ----------------------------------------------------------------------------------------------------------


@router.get("/organisations/{code}/members", response=answers(Members), summary="Who holds which post")
@needs_scope(READ)
def list_members(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    organisation = selectors.get_organisation(code, actor=api_actor(request))
    if not policies.can_see_papers(api_actor(request), organisation):
        raise NotFound
    return paged(selectors.members_of(organisation), page, per_page, each(member_out))


@router.patch("/organisations/{code}/members/{number}", response=change_answers(MemberOut), summary="Give another role")
@needs_scope(WRITE)
def change_role(request: HttpRequest, code: Code, number: Number, change: RoleChangeIn) -> dict[str, Any]:
    return member_out(services.change_role(actor=api_actor(request), code=code, number=number, role=change.role))


@router.delete("/organisations/{code}/members/{number}", response=change_answers(None, 204), summary="End a post")
@needs_scope(WRITE)
def end_post(request: HttpRequest, code: Code, number: Number) -> Any:
    services.end_post(actor=api_actor(request), code=code, number=number)
    return Status(204, None)


# --- joining ----------------------------------------------------------------------------------------------------------


@router.get("/join-requests", response=answers(Joins), summary="Your own requests, and those that you may decide")
@needs_scope(READ)
def list_join_requests(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    rows = selectors.join_requests_visible_to(api_actor(request)).order_by("-id")
    return paged(rows, page, per_page, each(join_out))


@router.post("/organisations/{code}/join-requests", response=change_answers(JoinOut, 201), summary="Ask to be let in")
@needs_scope(WRITE)
def request_to_join(request: HttpRequest, code: Code, join: JoinIn) -> Any:
    made = services.request_to_join(actor=api_actor(request), code=code, role=join.role, text=join.text)
    return Status(201, join_out(made))


@router.post("/join-requests/{code}/approve", response=change_answers(JoinOut), summary="Let somebody in")
@needs_scope(WRITE)
def approve_join(request: HttpRequest, code: Code) -> dict[str, Any]:
    return join_out(services.approve_join(actor=api_actor(request), code=code))


@router.post("/join-requests/{code}/decline", response=change_answers(JoinOut), summary="Say no, and why")
@needs_scope(WRITE)
def decline_join(request: HttpRequest, code: Code, answer: ReasonIn) -> dict[str, Any]:
    return join_out(services.decline_join(actor=api_actor(request), code=code, reason=answer.reason))


@router.post("/join-requests/{code}/take-back", response=change_answers(JoinOut), summary="Take back your own request")
@needs_scope(WRITE)
def take_back_join(request: HttpRequest, code: Code) -> dict[str, Any]:
    return join_out(services.take_back_join(actor=api_actor(request), code=code))


# --- invitations ------------------------------------------------------------------------------------------------------


@router.get("/organisations/{code}/invitations", response=answers(Invitations), summary="Invitations not used yet")
@needs_scope(READ)
def list_invitations(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    organisation = selectors.get_organisation(code, actor=api_actor(request))
    if not policies.can_manage(api_actor(request), organisation):
        raise NotFound
    return paged(selectors.open_invitations(organisation), page, per_page, each(invitation_out))


@router.post(
    "/organisations/{code}/invitations", response=change_answers(MadeInvitationOut, 201), summary="Invite somebody"
)
@needs_scope(WRITE)
def invite(request: HttpRequest, code: Code, invitation: InvitationIn) -> Any:
    made = services.invite(actor=api_actor(request), code=code, role=invitation.role, email=invitation.email)
    return Status(201, {**invitation_out(made.invitation), "url": made.path})


# Before the address with a code in its place.
@router.post("/invitations/accept", response=change_answers(InvitationOut), summary="Accept an invitation")
@needs_scope(WRITE)
def accept_invitation(request: HttpRequest, given: TokenIn) -> dict[str, Any]:
    return invitation_out(services.accept_invitation(actor=api_actor(request), token=given.token))


@router.delete("/invitations/{code}", response=change_answers(None, 204), summary="Withdraw an invitation")
@needs_scope(WRITE)
def withdraw_invitation(request: HttpRequest, code: Code) -> Any:
    services.withdraw_invitation(actor=api_actor(request), code=code)
    return Status(204, None)


# --- founding and verification ----------------------------------------------------------------------------------------


@router.post(
    "/organisations", response=change_answers(VerificationOut, 201), summary="Found an organisation, to be verified"
)
@needs_scope(WRITE)
def found_organisation(request: HttpRequest, organisation: Form[FoundingIn], licence: File[UploadedFile]) -> Any:
    made = services.found_organisation(actor=api_actor(request), licence=licence, **organisation.dict())
    return Status(201, verification_out(made))


@router.get(
    "/verifications",
    response=answers(Verifications),
    summary="Verifications of your organisations; for operators, all of one state",
)
@needs_scope(READ)
def list_verifications(
    request: HttpRequest,
    state: Annotated[str, Query(pattern="^(open|asked|approved|declined)$")] = VerificationState.OPEN.value,
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> dict[str, Any]:
    rows = selectors.verifications_visible_to(api_actor(request)).filter(state=state).order_by("due_on", "id")
    return paged(rows.prefetch_related("notes"), page, per_page, each(verification_out))


@router.get("/verifications/{code}", response=answers(VerificationOut), summary="One verification")
@needs_scope(READ)
def get_verification(request: HttpRequest, code: Code) -> dict[str, Any]:
    return verification_out(selectors.get_verification(code, actor=api_actor(request)))


@router.post("/verifications/{code}/approve", response=change_answers(VerificationOut), summary="Operators: approve")
@needs_scope(WRITE)
def approve_verification(request: HttpRequest, code: Code) -> dict[str, Any]:
    return verification_out(services.approve_verification(actor=api_actor(request), code=code))


@router.post("/verifications/{code}/ask", response=change_answers(VerificationOut), summary="Operators: ask for more")
@needs_scope(WRITE)
def ask_founder(request: HttpRequest, code: Code, question: TextIn) -> dict[str, Any]:
    return verification_out(services.ask_founder(actor=api_actor(request), code=code, text=question.text))


@router.post("/verifications/{code}/decline", response=change_answers(VerificationOut), summary="Operators: decline")
@needs_scope(WRITE)
def decline_verification(request: HttpRequest, code: Code, answer: ReasonIn) -> dict[str, Any]:
    return verification_out(services.decline_verification(actor=api_actor(request), code=code, reason=answer.reason))


@router.post("/verifications/{code}/answer", response=change_answers(VerificationOut), summary="Founders: answer")
@needs_scope(WRITE)
def answer_verification(request: HttpRequest, code: Code, answer: TextIn) -> dict[str, Any]:
    return verification_out(services.answer_verification(actor=api_actor(request), code=code, text=answer.text))


# --- what is said -----------------------------------------------------------------------------------------------------


def organisation_out(organisation: Any) -> dict[str, Any]:
    kept = ("code", "kind", "name_zh", "name_en", "region")
    return {
        **{name: getattr(organisation, name) for name in kept},
        "url": f"/organisations/{organisation.code}",
        "logo": selectors.logo_address(organisation)
        if selectors.sees_logo(selectors.visitor(), organisation)
        else None,
    }


def one_organisation_out(organisation: Any) -> dict[str, Any]:
    kept = ("short_zh", "short_en", "about_zh", "about_en", "is_verified")
    return {
        **organisation_out(organisation),
        **{name: getattr(organisation, name) for name in kept},
        "qualifications": selectors.qualifications_in_force(organisation),
        "aliases": [alias.name for alias in organisation.aliases.all()],
        "identifiers": [{"scheme": row.scheme, "value": row.value} for row in organisation.identifiers.all()],
    }


def member_out(post: Any) -> dict[str, Any]:
    return {
        "number": post.number,
        "person": post.person_id,
        "name_zh": post.person.name_zh,
        "name_en": post.person.name_en,
        "role": post.role,
        "title_zh": post.title_zh,
        "title_en": post.title_en,
    }


def join_out(join: Any) -> dict[str, Any]:
    kept = ("code", "role", "state", "text", "reason", "made_at")
    return {**{name: getattr(join, name) for name in kept}, "organisation": join.organisation.code}


def invitation_out(invitation: Any) -> dict[str, Any]:
    kept = ("code", "role", "email", "state", "made_at", "expires_at")
    return {**{name: getattr(invitation, name) for name in kept}, "organisation": invitation.organisation.code}


def verification_out(verification: Any) -> dict[str, Any]:
    kept = ("code", "state", "made_at", "due_on", "decided_at")
    return {
        **{name: getattr(verification, name) for name in kept},
        "organisation": verification.organisation.code,
        "notes": [{"kind": note.kind, "text": note.text, "at": note.at} for note in verification.notes.all()],
    }
