"""What may be seen of accounts. A hidden thing looks like a missing one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from keqiao.accounts.models import Agreement, Consent, DataExport, ErasureRequest, MobileNumber, StandingIn
from keqiao.accounts.types import REQUIRED, AgreementKind, Channel, ExportState, SharedAccount
from keqiao.kernel.codes import reference
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.kernel.personal import Identity
from keqiao.parties.selectors import actor_for, names_of_person, people_in_posts
from keqiao.parties.types import Actor, Role

SESSIONS_SHOWN = 50


# --- the site ---------------------------------------------------------------------------------------------------------


def is_demo() -> bool:
    return (settings.DATA_DIR / "demo.json").exists()


def demo_accounts() -> list[dict[str, str]]:
    """The accounts of a demo site, with the name of each role in the reader's language; none on any other site."""
    try:
        accounts = json.loads((settings.DATA_DIR / "demo.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    names = dict(Role.choices)
    return [{**account, "role_name": str(names.get(account.get("role"), ""))} for account in accounts]


def sends(channel: str) -> bool:
    """Whether messages of this channel really leave the site."""
    return bool(settings.SENDS_EMAIL if channel == Channel.EMAIL else settings.SMS_URL)


def is_open(channel: str) -> bool:
    """Whether codes can be had by this channel: on a demo site they are shown on the page instead of sent."""
    return sends(channel) or is_demo()


def open_channels() -> list[str]:
    return [channel for channel in Channel.values if is_open(channel)]


# --- accounts ---------------------------------------------------------------------------------------------------------


def account_of(channel: str, address: str) -> Any | None:
    """The active account that proved this address; entered by an operator, an account signs in with its user name."""
    accounts = get_user_model().objects.filter(is_active=True)
    if channel == Channel.SMS:
        return accounts.filter(mobile__number=address, mobile__verified_at__isnull=False).first()
    owner = EmailAddress.objects.filter(email=address, verified=True).values("user_id")[:1]
    return accounts.filter(pk__in=owner).first() or accounts.filter(username=address).first()


def account_by_actor(actor: Actor) -> Any:
    """One's own account. Raises NotAllowed for visitors and the system."""
    if actor.person_id is None:
        raise NotAllowed
    account = get_user_model().objects.filter(person__pk=actor.person_id, is_active=True).first()
    if account is None:
        raise NotAllowed
    return account


def is_shared(user: Any) -> bool:
    """A demo account, whose password everybody knows."""
    return user.username in {account["email"] for account in demo_accounts()}


def own_account(actor: Actor) -> Any:
    """One's own account, to be changed. Raises NotAllowed, SharedAccount."""
    account = account_by_actor(actor)
    if is_shared(account):
        raise SharedAccount
    return account


def number_of(user: Any) -> str:
    """The proved mobile number of an account, or nothing."""
    row = MobileNumber.objects.filter(user=user, verified_at__isnull=False).first()
    return row.number if row else ""


def email_of(user: Any) -> str:
    """The proved e-mail address of an account, or nothing."""
    row = EmailAddress.objects.filter(user=user, verified=True).order_by("-primary", "id").first()
    if row is not None:
        return row.email
    return user.email if user.email and user.username == user.email else ""


# --- what protects an account -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Passkey:
    id: int
    name: str
    added_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class Linked:
    """An account with an identity provider. `is_offered`: this site still takes sign-ins from there."""

    reference: str
    provider: str
    name: str
    scope: str
    added_at: datetime
    used_at: datetime
    is_offered: bool


def provider_names() -> dict[str, str]:
    """The identity providers of this site, by id."""
    return {
        app["provider_id"]: app["name"] for kind in settings.SOCIALACCOUNT_PROVIDERS.values() for app in kind["APPS"]
    }


def identity_reference(identity_id: int) -> str:
    return reference("accounts.identity", identity_id)


def linked_to(user: Any) -> list[Linked]:
    names = provider_names()
    return [
        Linked(
            identity_reference(row.pk),
            row.provider,
            names.get(row.provider, row.provider),
            row.extra_data.get("scope", ""),
            row.date_joined,
            row.last_login,
            row.provider in names,
        )
        for row in SocialAccount.objects.filter(user=user).order_by("date_joined", "id")
    ]


@dataclass(frozen=True)
class Protection:
    """What one's security page lists."""

    email: str
    number: str
    has_password: bool
    passkeys: list[Passkey]
    totp: Authenticator | None
    codes_left: int
    linked: list[Linked]

    @property
    def ways_in(self) -> int:
        """Ways that lead in without another: a password or code needs an address it belongs to, a provider the site."""
        by_password = self.has_password and bool(self.email or self.number)
        from_elsewhere = sum(identity.is_offered for identity in self.linked)
        return by_password + len(self.passkeys) + from_elsewhere + bool(self.number and is_open(Channel.SMS))


def protection_of(actor: Actor) -> Protection:
    user = account_by_actor(actor)
    rows = list(Authenticator.objects.filter(user=user).order_by("created_at", "id"))
    kinds = Authenticator.Type
    codes = next((row for row in rows if row.type == kinds.RECOVERY_CODES), None)
    return Protection(
        email=email_of(user),
        number=number_of(user),
        has_password=user.has_usable_password(),
        passkeys=[
            Passkey(row.pk, row.data["name"], row.created_at, row.last_used_at)
            for row in rows
            if row.type == kinds.WEBAUTHN
        ],
        totp=next((row for row in rows if row.type == kinds.TOTP), None),
        codes_left=len(codes.wrap().get_unused_codes()) if codes else 0,
        linked=linked_to(user),
    )


def get_passkey(passkey_id: int, *, actor: Actor) -> Passkey:
    found = next((passkey for passkey in protection_of(actor).passkeys if passkey.id == passkey_id), None)
    if found is None:
        raise NotFound
    return found


def has_second_step(user: Any) -> bool:
    """Only an authenticator app makes a second step; a passkey is a way in of its own."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def sessions_of(actor: Actor) -> QuerySet[UserSession]:
    """One's own sessions, the last seen first."""
    if actor.person_id is None:
        return UserSession.objects.none()
    return UserSession.objects.filter(user__person__pk=actor.person_id).order_by("-last_seen_at", "-id")


# --- agreements and consents ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConsentState:
    """One text in force, and whether this person agrees to it."""

    agreement: Agreement
    is_given: bool
    at: datetime | None


def agreements_in_force(on: date) -> list[Agreement]:
    """The newest version of each text that has come into force: what is required first."""
    rows = Agreement.objects.filter(first_on__lte=on).order_by("kind", "-first_on").distinct("kind")
    order = list(AgreementKind)
    return sorted(rows, key=lambda row: order.index(AgreementKind(row.kind)))


def agreement_versions(kind: str) -> QuerySet[Agreement]:
    """All versions of one text, the newest first."""
    return Agreement.objects.filter(kind=kind).order_by("-first_on")


def get_agreement(key: str) -> Agreement:
    """By its key, such as privacy-2026-11-01."""
    kind, _dash, day = key.partition("-")
    try:
        return Agreement.objects.get(kind=kind, first_on=date.fromisoformat(day))
    except (ValueError, Agreement.DoesNotExist):
        raise NotFound from None


def standing_consents(person_id: int) -> frozenset[int]:
    """Ids of the versions that a person agrees to now: the last line of the ledger counts."""
    last = Consent.objects.filter(person_id=person_id).order_by("agreement_id", "-id").distinct("agreement_id")
    return frozenset(row.agreement_id for row in last if row.is_given)


def consent_states(person_id: int, on: date) -> list[ConsentState]:
    """Every text in force with this person's answer."""
    in_force = agreements_in_force(on)
    last = Consent.objects.filter(person_id=person_id, agreement__in=[row.pk for row in in_force])
    lines = {row.agreement_id: row for row in last.order_by("agreement_id", "-id").distinct("agreement_id")}
    return [
        ConsentState(row, row.pk in lines and lines[row.pk].is_given, lines[row.pk].at if row.pk in lines else None)
        for row in in_force
    ]


# Every page of a signed-in person asks, and every command that posts: as SQL it costs a fifth of what the mapper takes.
MISSING = """
SELECT version.id, version.kind, version.first_on FROM (
    SELECT DISTINCT ON (kind) id, kind, first_on FROM accounts_agreement
    WHERE kind = ANY (%s) AND first_on <= %s ORDER BY kind, first_on DESC
) version
LEFT JOIN LATERAL (
    SELECT is_given FROM accounts_consent WHERE person_id = %s AND agreement_id = version.id ORDER BY id DESC LIMIT 1
) last ON TRUE
WHERE last.is_given IS NOT TRUE ORDER BY version.kind
"""


def missing_consents(person_id: int, on: date) -> list[Agreement]:
    """Required texts in force that a person has not agreed to, without their words."""
    return list(Agreement.objects.raw(MISSING, [list(REQUIRED), on, person_id]))


def has_consent(person_id: int, kind: str, on: date) -> bool:
    """Whether a person agrees to a purpose, in the version in force: an older text does not cover a newer purpose."""
    row = Agreement.objects.filter(kind=kind, first_on__lte=on).order_by("-first_on").first()
    return row is not None and row.pk in standing_consents(person_id)


def people_with_consent(kind: str, on: date) -> frozenset[int]:
    """Ids of all who agree to a purpose in the version in force, for jobs that serve many."""
    row = Agreement.objects.filter(kind=kind, first_on__lte=on).order_by("-first_on").first()
    last = Consent.objects.filter(agreement=row).order_by("person_id", "-id").distinct("person_id")
    return frozenset(line.person_id for line in last if line.is_given)


def ledger_of(person_id: int) -> QuerySet[Consent]:
    """What a person gave and withdrew, the last first."""
    return Consent.objects.filter(person_id=person_id).select_related("agreement").order_by("-id")


# --- one's own data ---------------------------------------------------------------------------------------------------


def exports_of(actor: Actor) -> QuerySet[DataExport]:
    if actor.person_id is None:
        return DataExport.objects.none()
    return DataExport.objects.filter(person_id=actor.person_id).select_related("file").order_by("-asked_at", "-id")


def get_export(export_id: int, *, actor: Actor, now: datetime) -> DataExport:
    """Ready and not expired, for its owner alone: not for staff who stand in for them."""
    found = exports_of(actor).filter(pk=export_id, state=ExportState.READY, expires_at__gt=now).first()
    if found is None or actor.only_reads:
        raise NotFound
    return found


def erasure_of(person_id: int | None) -> ErasureRequest | None:
    """The request that waits to be carried out."""
    return ErasureRequest.objects.filter(person_id=person_id or 0, cancelled_at=None, done_at=None).first()


def identity_of(person_id: int) -> Identity:
    """Names and addresses of a person, for taking them out of texts before the person is erased."""
    user = get_user_model().objects.filter(person__pk=person_id).first()
    addresses: set[str] = set()
    if user is not None:
        addresses = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)}
        addresses |= set(MobileNumber.objects.filter(user=user).values_list("number", flat=True))
    return Identity(tuple(filter(None, names_of_person(person_id))), tuple(sorted(filter(None, addresses))))


# --- standing in ------------------------------------------------------------------------------------------------------


def standing_ins_for(person_id: int) -> QuerySet[StandingIn]:
    """Who looked at this person's pages, when and why; the last first."""
    return StandingIn.objects.filter(person_id=person_id).select_related("operator").order_by("-id")


def standing_ins(actor: Actor) -> QuerySet[StandingIn]:
    """Every standing-in, for operators."""
    if not actor.is_operator:
        return StandingIn.objects.none()
    return StandingIn.objects.select_related("operator", "person").order_by("-id")


def standing_in_of(actor: Actor, standing_in_id: int, now: datetime) -> tuple[StandingIn, Actor] | None:
    """A standing-in that this operator began and that goes on, with the actor whose pages are shown, read-only."""
    rows = StandingIn.objects.filter(pk=standing_in_id, operator_id=actor.person_id, ended_at=None, ends_at__gt=now)
    row = rows.select_related("person__user").first()
    if row is None or not actor.is_operator:
        return None
    shown = actor_for(row.person.user)
    return None if shown.person_id is None or is_operator(row.person_id) else (row, replace(shown, only_reads=True))


def people_to_stand_in_for(actor: Actor, text: str) -> QuerySet[Any]:
    """Accounts by e-mail address, number or part of a name; operators only, and never other operators."""
    accounts = get_user_model().objects.filter(is_active=True, person__isnull=False).select_related("person")
    if not actor.is_operator or len(text) < 2:
        return accounts.none()
    operators = people_in_posts([Role.ADMINISTRATOR]).values("pk")
    named = Q(person__name_zh__icontains=text) | Q(person__name_en__icontains=text) | Q(email__iexact=text)
    return (
        accounts.filter(named | Q(mobile__number=text))
        .exclude(person__pk__in=operators)
        .order_by("person__name_zh", "person__name_en", "person__pk")
    )


def has_account(person_id: int) -> bool:
    return get_user_model().objects.filter(person__pk=person_id, is_active=True).exists()


def is_operator(person_id: int) -> bool:
    """In any of their organisations, whichever they act for at the moment, and also as somebody's substitute."""
    user = get_user_model().objects.filter(person__pk=person_id).first()
    return any(Role.ADMINISTRATOR in place.roles for place in actor_for(user).workplaces)


def due_erasures(now: datetime) -> list[int]:
    rows = ErasureRequest.objects.filter(due_at__lte=now, cancelled_at=None, done_at=None)
    return list(rows.order_by("due_at").values_list("pk", flat=True))


def coming_agreements(on: date) -> QuerySet[Agreement]:
    """Versions that come into force later."""
    return Agreement.objects.filter(first_on__gt=on).order_by("first_on", "kind")
