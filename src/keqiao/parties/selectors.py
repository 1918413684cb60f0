"""Who is who. The actor of a request is worked out here, once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.crypto import salted_hmac

from keqiao.kernel import clock
from keqiao.kernel.errors import NotFound
from keqiao.kernel.identifiers import is_credit_code, read_credit_code
from keqiao.kernel.personal import ERASED_EN, ERASED_ZH
from keqiao.kernel.picking import is_any_of
from keqiao.parties import acting, tokens
from keqiao.parties.models import (
    Absence,
    Invitation,
    JoinRequest,
    Merge,
    Organisation,
    OrganisationAlias,
    OrganisationChange,
    Person,
    Post,
    Verification,
)
from keqiao.parties.types import (
    APPROVING_ROLES,
    Actor,
    InvitationOver,
    InvitationState,
    InvitationUsed,
    JoinState,
    Role,
    VerificationState,
)

_SYSTEM = Actor(is_system=True, name="system")
_VISITOR = Actor(name="visitor")
ACTING_FOR = "acting_for"  # key of the session: the id of the organisation that somebody has chosen to act for
BY_NAME = ("name_zh", "name_en", "id")  # of people: their keys are drawn, and say nothing of who came first
LONGEST_CHAIN = 50  # of organisations merged into one another


def system() -> Actor:
    """The actor of a job that acts for nobody."""
    return _SYSTEM


def visitor() -> Actor:
    """Somebody who has not signed in."""
    return _VISITOR


def actor_for(user: Any, *, acting_for: Any = None) -> Actor:
    """The actor behind a signed-in account; a visitor when there is none.

    Somebody in several organisations acts for `acting_for`, else for the one they were in first.
    """
    if not getattr(user, "is_authenticated", False):
        return _VISITOR
    found = acting.who(user)
    if found is None:
        return _VISITOR
    person_id, name, places = found
    chosen = next((place for place in places if place.organisation_id == acting_for), places[0] if places else None)
    return Actor(
        person_id=person_id,
        posts=frozenset((chosen.organisation_id, role) for role in chosen.roles) if chosen else frozenset(),
        acting_for=chosen.organisation_id if chosen else None,
        workplaces=tuple(places),
        name=name,
    )


def email_of(person_id: int) -> str:
    """Where to write to a person; empty without an active account."""
    account = Person.objects.filter(pk=person_id, user__is_active=True).values_list("user__email", flat=True)
    return account.first() or ""


def names_of_person(person_id: int) -> tuple[str, ...]:
    """In Chinese and in English, as they are written; one may be empty."""
    return Person.objects.values_list("name_zh", "name_en").filter(pk=person_id).first() or ()


def language_of(person_id: int) -> str:
    """The language in which to write to a person: zh-hans or en; empty when they never said."""
    return Person.objects.filter(pk=person_id).values_list("language", flat=True).first() or ""


# --- organisations ----------------------------------------------------------------------------------------------------


def organisations_visible_to(actor: Actor) -> QuerySet[Organisation]:
    """The register is public; what was declined is seen by its own people and operators, what was merged by nobody."""
    rows = Organisation.objects.filter(merged_into=None)
    return rows if actor.is_operator else rows.filter(Q(is_listed=True) | Q(pk__in=actor.organisation_ids))


def get_organisation(code: str, *, actor: Actor, lock: bool = False) -> Organisation:
    rows = organisations_visible_to(actor)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    try:
        return rows.get(code=code)
    except Organisation.DoesNotExist:
        raise NotFound from None


def organisation_by_id(organisation_id: int) -> Organisation | None:
    """For contexts above that keep an id: asks nothing about who may see it."""
    return Organisation.objects.filter(pk=organisation_id).first()


def organisations_by_id(ids: Iterable[int]) -> dict[int, Organisation]:
    return Organisation.objects.in_bulk(list(ids))


def organisation_named(text: str, *, actor: Actor) -> Organisation | None:
    """By its code or its credit code, as tables name organisations."""
    rows = organisations_visible_to(actor)
    if is_credit_code(text):
        return rows.filter(credit_code=read_credit_code(text)).first()
    return rows.filter(code=text.strip().upper()).first()


def organisations_named(texts: Collection[str], *, actor: Actor) -> dict[str, Organisation]:
    """The same for a whole table at once: what was written → the organisation; without those that nobody has."""
    by_credit = {text: read_credit_code(text) for text in texts if is_credit_code(text)}
    by_code = {text: text.strip().upper() for text in texts if text not in by_credit}
    asked = Q(code__in=set(by_code.values())) | Q(credit_code__in=set(by_credit.values()))
    rows = list(organisations_visible_to(actor).filter(asked))
    of_code, of_credit = {row.code: row for row in rows}, {row.credit_code: row for row in rows}
    found = {text: of_code.get(code) for text, code in by_code.items()}
    found |= {text: of_credit.get(code) for text, code in by_credit.items()}
    return {text: row for text, row in found.items() if row is not None}


def successor_of(code: str) -> str:
    """The code under which a merged organisation is found now; empty when it was not merged."""
    merged = Organisation.objects.filter(code=code, merged_into__isnull=False).first()
    return Organisation.objects.get(pk=final_organisation(merged.pk)).code if merged else ""


def final_organisation(organisation_id: int, *, lock: bool = False) -> int:
    """The organisation that an entry has become: itself, or the end of its chain of merges.

    `lock` holds that one until the end of the transaction: what is moved to it is there before it is merged on.
    """
    for _step in range(LONGEST_CHAIN):
        rows = Organisation.objects.filter(pk=organisation_id)
        if lock:
            rows = rows.select_for_update(no_key=True)
        found = rows.only("merged_into_id").first()
        if found is None or found.merged_into_id is None:
            break
        organisation_id = found.merged_into_id
    return organisation_id


def final_organisations(ids: Iterable[int]) -> dict[int, int]:
    """What each organisation has become, by its id: as `final_organisation`, for many at once."""
    became = {pk: pk for pk in ids}
    for _step in range(LONGEST_CHAIN):
        rows = Organisation.objects.filter(pk__in=set(became.values()), merged_into__isnull=False)
        further = dict(rows.values_list("pk", "merged_into_id"))
        if not further:
            break
        became = {pk: further.get(now, now) for pk, now in became.items()}
    return became


def merged_into(ids: Iterable[int]) -> set[int]:
    """Organisations and all that were merged into them, however far back."""
    found = set(ids)
    newest = set(found)
    for _step in range(LONGEST_CHAIN):
        newest = set(Organisation.objects.filter(merged_into__in=newest).values_list("pk", flat=True)) - found
        if not newest:
            break
        found |= newest
    return found


def find_organisations(actor: Actor, *, kind: str = "", name: str = "") -> QuerySet[Organisation]:
    """The register, of one kind or with a name or alias that contains `name`, or with that credit code."""
    rows = organisations_visible_to(actor).order_by("id")
    if kind:
        rows = rows.filter(kind=kind)
    if name and is_credit_code(name):
        return rows.filter(credit_code=read_credit_code(name))
    if name:
        any_case = "" if name.upper() == name.lower() else "i"  # Chinese has no case: names are looked at as they stand
        known_as = OrganisationAlias.objects.filter(**{f"name__{any_case}contains": name}).values("organisation_id")
        named = rows.filter(
            Q(**{f"name_zh__{any_case}contains": name})
            | Q(**{f"name_en__{any_case}contains": name})
            | Q(**{f"short_zh__{any_case}exact": name})
            | Q(**{f"short_en__{any_case}exact": name})
            | Q(pk__in=known_as)
        )
        # So that the names are looked through once, for their number and the page.
        return rows.filter(is_any_of(named.order_by().values("pk")))
    return rows


def may_publish(organisation_id: int) -> bool:
    """An organisation that nobody has verified yet keeps what it writes to itself."""
    return Organisation.objects.filter(pk=organisation_id, is_verified=True).exists()


def codes_by_id(ids: Iterable[int]) -> dict[int, str]:
    return dict(Organisation.objects.filter(pk__in=list(ids)).values_list("pk", "code"))


def get_described(code: str, *, actor: Actor) -> Organisation:
    """An organisation with its aliases, identifiers and qualifications."""
    rows = organisations_visible_to(actor).prefetch_related("aliases", "identifiers", "qualification_rows")
    found = rows.filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def sees_logo(actor: Actor, organisation: Organisation) -> bool:
    """Everybody once it was verified: until then a logo might be somebody else's."""
    is_seen = organisation.is_verified or actor.is_operator or actor.works_for(organisation.pk)
    return organisation.logo_id is not None and is_seen


def logo_address(organisation: Organisation) -> str:
    """It changes with the logo, so that browsers may keep what they have."""
    version = salted_hmac("keqiao.parties.logo", str(organisation.logo_id)).hexdigest()[:10]
    return f"/organisations/{organisation.code}/logo?v={version}"


def qualifications_in_force(organisation: Organisation) -> list[str]:
    """The titles without those whose certificate has run out. Ask with an organisation from `get_described`."""
    today = clock.machine_today()  # shown, never decided by
    rows = organisation.qualification_rows.all()
    lapsed = {row.kind for row in rows if row.valid_until is not None and row.valid_until < today}
    return [kind for kind in organisation.qualifications if kind not in lapsed]


def changes_of(organisation: Organisation) -> QuerySet[OrganisationChange]:
    return OrganisationChange.objects.filter(organisation=organisation).select_related("person").order_by("-id")


# --- people and posts -------------------------------------------------------------------------------------------------


def posts_of(actor: Actor) -> QuerySet[Post]:
    """The posts that a person holds now."""
    if actor.person_id is None:
        return Post.objects.none()
    rows = Post.objects.filter(person_id=actor.person_id, ended_on=None, organisation__merged_into=None)
    return rows.select_related("organisation").order_by("id")


def members_of(organisation: Organisation) -> QuerySet[Post]:
    """Who holds which post now. For the organisation's own people."""
    rows = Post.objects.filter(organisation=organisation, ended_on=None)
    return rows.select_related("person").order_by(*(f"person__{field}" for field in BY_NAME), "id")


def shown_people(organisation: Organisation) -> QuerySet[Person]:
    """Those of its people who show at least their name."""
    posts = Post.objects.filter(person=OuterRef("pk"), organisation=organisation, ended_on=None)
    return Person.objects.filter(Exists(posts), shown__contains=["name"]).order_by(*BY_NAME)


def approvers_of(organisation_id: int) -> list[int]:
    """Ids of the people who may let others in."""
    rows = Post.objects.filter(
        organisation_id=organisation_id, role__in=APPROVING_ROLES, ended_on=None, person__user__is_active=True
    )
    return sorted(set(rows.values_list("person_id", flat=True)))


def has_approver(organisation_id: int, *, besides_post: int | None = None) -> bool:
    """Is there somebody who may let others in, when one post is not counted?"""
    rows = Post.objects.filter(
        organisation_id=organisation_id, role__in=APPROVING_ROLES, ended_on=None, person__user__is_active=True
    )
    if besides_post is not None:
        rows = rows.exclude(pk=besides_post)
    return rows.exists()


def people_in_posts(roles: Iterable[str], *, organisation_id: int | None = None) -> QuerySet[Person]:
    """People with an active account who hold one of these roles now, in one organisation or in any."""
    posts = Q(posts__role__in=list(roles), posts__ended_on=None)
    if organisation_id is not None:
        posts &= Q(posts__organisation_id=organisation_id)
    return Person.objects.filter(posts, user__is_active=True).distinct().order_by(*BY_NAME)


def operators() -> list[int]:
    """Ids of the people who run the platform."""
    rows = Post.objects.filter(
        role=Role.ADMINISTRATOR, ended_on=None, person__user__is_active=True, organisation__merged_into=None
    )
    return sorted(set(rows.values_list("person_id", flat=True)))


def get_person(actor: Actor) -> Person:
    """The actor's own entry."""
    found = Person.objects.filter(pk=actor.person_id).first() if actor.person_id is not None else None
    if found is None:
        raise NotFound
    return found


def colleagues_of(actor: Actor) -> QuerySet[Person]:
    """The other people of the organisation that the actor acts for, who can sign in."""
    if actor.person_id is None or actor.acting_for is None:
        return Person.objects.none()
    posts = Post.objects.filter(person=OuterRef("pk"), organisation_id=actor.acting_for, ended_on=None)
    return Person.objects.filter(Exists(posts), user__is_active=True).exclude(pk=actor.person_id).order_by(*BY_NAME)


def people_by_id(ids: Iterable[int]) -> dict[int, Person]:
    return Person.objects.in_bulk(list(ids))


def absences_in(organisation_id: int, *, person_id: int) -> QuerySet[Absence]:
    """The absences of a person, or those in which they stand in, that are not over."""
    rows = Absence.objects.filter(organisation_id=organisation_id, ended_at=None, last_on__gte=clock.today())
    rows = rows.filter(Q(person_id=person_id) | Q(substitute_id=person_id))
    return rows.select_related("person", "substitute").order_by("first_on", "id")


# --- joining ----------------------------------------------------------------------------------------------------------


def join_requests_visible_to(actor: Actor) -> QuerySet[JoinRequest]:
    """One's own, those to organisations where one may decide, and all of them for operators."""
    rows = JoinRequest.objects.select_related("organisation", "person")
    if actor.is_operator:
        return rows
    if actor.person_id is None:
        return rows.none()
    managed = {place for place, role in actor.posts if role in APPROVING_ROLES}
    return rows.filter(Q(person_id=actor.person_id) | Q(organisation_id__in=managed))


def get_join_request(code: str, *, actor: Actor, lock: bool = False) -> JoinRequest:
    rows = join_requests_visible_to(actor)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def own_join_requests(actor: Actor) -> QuerySet[JoinRequest]:
    if actor.person_id is None:
        return JoinRequest.objects.none()
    return JoinRequest.objects.filter(person_id=actor.person_id).select_related("organisation").order_by("-id")


def open_join_requests(organisation: Organisation, *, actor: Actor) -> QuerySet[JoinRequest]:
    rows = join_requests_visible_to(actor).filter(organisation=organisation, state=JoinState.OPEN)
    return rows.order_by("id")


def join_requests_for_operators(actor: Actor) -> QuerySet[JoinRequest]:
    """Those that nobody of the organisation can decide: it is not verified, or it has nobody who may."""
    if not actor.is_operator:
        return JoinRequest.objects.none()
    somebody = Post.objects.filter(
        organisation=OuterRef("organisation"), role__in=APPROVING_ROLES, ended_on=None, person__user__is_active=True
    )
    rows = join_requests_visible_to(actor).filter(state=JoinState.OPEN, organisation__merged_into=None)
    return rows.filter(Q(organisation__is_verified=False) | ~Exists(somebody)).order_by("id")


# --- verification -----------------------------------------------------------------------------------------------------


def verifications_visible_to(actor: Actor) -> QuerySet[Verification]:
    rows = Verification.objects.select_related("organisation", "applicant", "licence")
    if actor.is_operator:
        return rows
    if actor.person_id is None:
        return rows.none()
    return rows.filter(Q(applicant_id=actor.person_id) | Q(organisation_id__in=actor.organisation_ids))


def get_verification(code: str, *, actor: Actor, lock: bool = False) -> Verification:
    rows = verifications_visible_to(actor)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def own_verifications(actor: Actor) -> QuerySet[Verification]:
    """Those of the organisations that the actor founded."""
    if actor.person_id is None:
        return Verification.objects.none()
    return Verification.objects.filter(applicant_id=actor.person_id).select_related("organisation").order_by("-id")


def verification_queue(actor: Actor, *, state: str = VerificationState.OPEN) -> QuerySet[Verification]:
    """What waits for the operators, the earliest promise first."""
    if not actor.is_operator:
        raise NotFound
    rows = verifications_visible_to(actor).filter(state=state, organisation__merged_into=None)
    return rows.order_by("due_on", "id")


def verification_of(organisation: Organisation, *, actor: Actor) -> Verification | None:
    """The newest one, for those who may see it."""
    return verifications_visible_to(actor).filter(organisation=organisation).order_by("-id").first()


# --- invitations and merges -------------------------------------------------------------------------------------------


def open_invitations(organisation: Organisation) -> QuerySet[Invitation]:
    """For those who may invite: not used, not withdrawn; the expired ones among them say so."""
    rows = Invitation.objects.filter(organisation=organisation, state=InvitationState.OPEN)
    return rows.select_related("invited_by", "organisation").order_by("-id")


def invitations_managed_by(actor: Actor) -> QuerySet[Invitation]:
    """Those of the organisations where the actor may invite."""
    rows = Invitation.objects.select_related("organisation").filter(organisation__merged_into=None)
    managed = {place for place, role in actor.posts if role in APPROVING_ROLES}
    return rows if actor.is_operator else rows.filter(organisation_id__in=managed)


def invitations_accepted_by(person_ids: Collection[int], *, organisation_id: int) -> dict[int, int]:
    """Invitation → who came in by it, in one organisation."""
    rows = Invitation.objects.filter(organisation_id=organisation_id, used_by__in=person_ids)
    return dict(rows.values_list("pk", "used_by_id"))


def get_invitation(token: str, *, actor: Actor, lock: bool = False) -> Invitation:
    """The invitation that the actor may accept. To the wrong person it looks like none, used or not."""
    if actor.person_id is None:
        raise NotFound
    rows = Invitation.objects.select_related("organisation").filter(organisation__merged_into=None)
    rows = rows.filter(Q(email="") | Q(email__iexact=email_of(actor.person_id)), token_hash=tokens.hash_of(token))
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.first()
    if found is None:
        raise NotFound
    if found.state == InvitationState.USED:
        raise InvitationUsed
    if found.state == InvitationState.WITHDRAWN or found.expires_at <= clock.now():
        raise InvitationOver
    return found


def invitation_to_mail(invitation_id: int) -> Invitation | None:
    rows = Invitation.objects.select_related("organisation").exclude(email="")
    return rows.filter(pk=invitation_id, state=InvitationState.OPEN, mailed_at=None).first()


def merges(actor: Actor) -> QuerySet[Merge]:
    """The record of merges, for operators."""
    if not actor.is_operator:
        raise NotFound
    return Merge.objects.select_related("kept", "gone", "made_by", "undone_by").order_by("-id")


def tenures(person_ids: Iterable[int], organisation_ids: Iterable[int], *, since: date) -> set[tuple[int, int]]:
    """(person, organisation) of those who work there, or did on that day or later. For conflicts of interest."""
    rows = Post.objects.filter(person_id__in=list(person_ids), organisation_id__in=list(organisation_ids))
    rows = rows.filter(Q(ended_on=None) | Q(ended_on__gte=since))
    return set(rows.values_list("person_id", "organisation_id"))


def people_of(organisation_ids: Iterable[int], *, since: date) -> set[tuple[int, int]]:
    """(person, organisation) of everybody who works there, or did on that day or later."""
    rows = Post.objects.filter(organisation_id__in=list(organisation_ids))
    return set(rows.filter(Q(ended_on=None) | Q(ended_on__gte=since)).values_list("person_id", "organisation_id"))


def tenures_ever(person_ids: Iterable[int]) -> set[tuple[int, int]]:
    """(person, organisation) of all posts, past ones too."""
    return set(Post.objects.filter(person_id__in=list(person_ids)).values_list("person_id", "organisation_id"))


def posts_in_force(person_ids: Iterable[int]) -> QuerySet[Post]:
    """The posts that these people hold now, with their organisations."""
    rows = Post.objects.filter(person_id__in=list(person_ids), ended_on=None, organisation__merged_into=None)
    return rows.select_related("organisation").order_by("person_id", "id")


def organisations_of_person(person_id: int) -> list[int]:
    """Ids of the organisations where a person has or had a post."""
    return list(Post.objects.filter(person_id=person_id).values_list("organisation_id", flat=True).distinct())


def actor_of_person(person_id: int, *, acting_for: int | None = None) -> Actor:
    """What somebody may see now, for a job that writes to them; a visitor when they have no active account."""
    person = Person.objects.filter(pk=person_id).select_related("user").first()
    return actor_for(person.user if person else None, acting_for=acting_for)


def working_in(organisation_ids: Collection[int], roles: Iterable[str]) -> set[tuple[int, int]]:
    """(person, organisation) of all who hold one of the roles there now and can sign in."""
    rows = Post.objects.filter(
        organisation_id__in=organisation_ids, role__in=list(roles), ended_on=None, person__user__is_active=True
    )
    return set(rows.values_list("person_id", "organisation_id"))


def lock_person(person_id: int) -> None:
    """Until the end of the transaction, nobody else who asks for it writes to this person."""
    list(Person.objects.select_for_update(of=("self",), no_key=True).filter(pk=person_id).values_list("pk"))


def organisations_with(roles: Iterable[str]) -> QuerySet[Any]:
    """Ids of the organisations where somebody holds one of the roles now and can sign in."""
    rows = Post.objects.filter(role__in=list(roles), ended_on=None, person__user__is_active=True)
    return rows.values("organisation_id")


def without_account(ids: Iterable[int]) -> set[int]:
    """Which of these cannot sign in."""
    return set(Person.objects.filter(pk__in=list(ids), user=None).values_list("pk", flat=True))


def erased_people(ids: Iterable[int]) -> set[int]:
    """Which of these have been erased: only their id is left."""
    rows = Person.objects.filter(pk__in=list(ids), name_zh=ERASED_ZH, name_en=ERASED_EN)
    return set(rows.values_list("pk", flat=True))
