"""Commands of the inference context: consent of organisations, the account of calls, what is kept. Nothing calls out here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db import connection

from keqiao.inference.models import Call, Circuit, Consent, KeptAnswer, KeptVector
from keqiao.inference.policies import can_consent, can_see_consent
from keqiao.inference.selectors import cap, consent_in_force, consent_of, month_began, provider, spent_this_month
from keqiao.inference.types import (
    CallState,
    CapReached,
    ConsentGiven,
    ModelChanged,
    ModelRests,
    NoConsent,
    NoProvider,
    Provider,
    Service,
    Task,
)
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

FAILURES_TO_REST = 5
REST = timedelta(minutes=1)
LONGEST_REST = timedelta(minutes=15)
BUDGET_LOCK = 7_300_411  # of reservations: each sees all before it
CONFIDENTIAL = frozenset({Task.DRAFTING, Task.TRANSLATION})


# --- consent ----------------------------------------------------------------------------------------------------------


@command
def give_consent(*, actor: Actor, organisation_code: str, to: tuple[str, str] | None = None) -> Consent:
    """Agree that unpublished texts of the organisation go to the chat model that the site has now.

    `to`: model and host that whoever agrees has read; another is refused.
    """
    organisation = parties.get_organisation(organisation_code, actor=actor, lock=True)
    if not can_see_consent(actor, organisation):
        raise NotFound
    if not can_consent(actor, organisation):
        raise NotAllowed
    assert actor.person_id is not None
    found = provider(Service.CHAT)
    if found is None:
        raise NoProvider
    if to is not None and to != (found.model, found.host):
        raise ModelChanged
    if consent_in_force(organisation.pk, found) is not None:
        raise ConsentGiven
    _withdraw(actor, organisation.pk)  # one to another model or another place
    given = Consent.objects.create(
        organisation=organisation,
        model=found.model,
        host=found.host,
        given_by_id=actor.person_id,
        given_at=clock.now(),
    )
    record(
        "inference.consent_given",
        given,
        actor=actor,
        organisation_id=organisation.pk,
        model=found.model,
        host=found.host,
    )
    return given


@command
def withdraw_consent(*, actor: Actor, organisation_code: str) -> None:
    """From now on nothing unpublished is sent; what the model answered before and was kept is forgotten."""
    organisation = parties.get_organisation(organisation_code, actor=actor, lock=True)
    if not can_see_consent(actor, organisation):
        raise NotFound
    if not can_consent(actor, organisation):
        raise NotAllowed
    if not _withdraw(actor, organisation.pk):
        raise NoConsent


def _withdraw(actor: Actor, organisation_id: int) -> bool:
    given = consent_of(organisation_id)
    if given is None:
        return False
    given.withdrawn_by_id, given.withdrawn_at = actor.person_id, clock.now()
    given.save(update_fields=["withdrawn_by", "withdrawn_at"])
    KeptAnswer.objects.filter(organisation_id=organisation_id).delete()
    record("inference.consent_withdrawn", given, actor=actor, organisation_id=organisation_id)
    return True


# --- one call ---------------------------------------------------------------------------------------------------------


@command
def reserve_call(
    *,
    actor: Actor,  # noqa: ARG001 -- a job; every command is asked who does it
    service: str,
    task: str,
    tokens_in: int,
    tokens_out: int = 0,
    organisation_id: int | None = None,
) -> Call:
    """Put down the most that a call may cost, before it is made. Refuses what may not be sent and what costs too much.

    The consent is looked at here and nowhere earlier: withdrawn a moment ago, nothing is sent.
    """
    found = provider(service)
    if found is None:
        raise NoProvider
    if task in CONFIDENTIAL and not _has_agreed(organisation_id, found):
        raise NoConsent
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [BUDGET_LOCK])
    _check_rest(found)
    micros = found.micros(tokens_in, tokens_out)
    if micros and spent_this_month() + micros > cap():
        raise CapReached
    return Call.objects.create(
        service=service,
        task=task,
        model=found.model,
        host=found.host,
        organisation_id=organisation_id,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        micros=micros,
        at=clock.now(),
    )


def _has_agreed(organisation_id: int | None, found: Provider) -> bool:
    return organisation_id is not None and consent_in_force(organisation_id, found, lock=True) is not None


def _check_rest(found: Provider) -> None:
    """While it rests nobody asks; when the rest is over one call is let through, and the next rest begins meanwhile."""
    row = Circuit.objects.filter(pk=found.service).first()
    if row is None or row.open_until is None:
        return
    if row.open_until > clock.now():
        raise ModelRests
    row.open_until = clock.now() + _rest(row.failures)
    row.save(update_fields=["open_until"])


def _rest(failures: int) -> timedelta:
    return min(REST * 2 ** min(max(failures - FAILURES_TO_REST, 0), 10), LONGEST_REST)


@command
def settle_call(
    *,
    actor: Actor,  # noqa: ARG001 -- as above
    call_id: int,
    took_ms: int,
    tokens_in: int | None = None,
    tokens_out: int | None = None,
    problem: str = "",
    is_ours: bool = False,
) -> None:
    """What the call really was. A failed one costs what the other side may have counted: its input.

    `is_ours`: the failure says nothing about the other side's health (it refused what we sent).
    """
    call = Call.objects.select_for_update(of=("self",), no_key=True).get(pk=call_id)
    found = provider(call.service)
    call.state = CallState.FAILED if problem else CallState.DONE
    call.problem, call.took_ms = problem[:60], took_ms
    call.is_estimated = tokens_in is None
    call.tokens_in = call.tokens_in if tokens_in is None else tokens_in
    call.tokens_out = (0 if problem else call.tokens_out) if tokens_out is None else tokens_out
    if found is not None:
        call.micros = found.micros(call.tokens_in, call.tokens_out)
    call.save(update_fields=["state", "problem", "took_ms", "is_estimated", "tokens_in", "tokens_out", "micros"])
    _note(call.service, problem, is_ours=is_ours)


def _note(service: str, problem: str, *, is_ours: bool) -> None:
    if not problem or is_ours:
        Circuit.objects.filter(pk=service).exclude(failures=0, open_until=None).update(failures=0, open_until=None)
        return
    Circuit.objects.get_or_create(pk=service)
    row = Circuit.objects.select_for_update(of=("self",), no_key=True).get(pk=service)
    row.failures += 1
    row.problem, row.failed_at = problem[:60], clock.now()
    if row.failures >= FAILURES_TO_REST:
        row.open_until = clock.now() + _rest(row.failures)
    row.save(update_fields=["failures", "problem", "failed_at", "open_until"])


# --- what is kept -----------------------------------------------------------------------------------------------------


@command
def keep_vectors(*, actor: Actor, vectors: Mapping[bytes, bytes]) -> None:  # noqa: ARG001 -- as above
    """Embeddings by key, so that the same text is not paid for twice."""
    today = clock.today()
    rows = [KeptVector(key=key, vector=vector, used_on=today) for key, vector in vectors.items()]
    KeptVector.objects.bulk_create(rows, ignore_conflicts=True)


@command
def note_vectors_used(*, actor: Actor, keys: Sequence[bytes]) -> None:  # noqa: ARG001 -- as above
    """What is in use is not forgotten."""
    KeptVector.objects.filter(key__in=list(keys)).update(used_on=clock.today())


@command
def keep_answer(*, actor: Actor, key: bytes, organisation_id: int, answer: str) -> None:  # noqa: ARG001 -- as above
    """For a job that runs again; not when the consent was withdrawn while the model was answering."""
    found = provider(Service.CHAT)
    if found is not None and consent_in_force(organisation_id, found, lock=True) is not None:
        KeptAnswer.objects.update_or_create(
            key=key, defaults={"organisation_id": organisation_id, "answer": answer, "at": clock.now()}
        )


@command
def forget_old_answers(*, actor: Actor) -> None:
    """Nightly: answers after days, vectors that nobody used for months, rows of calls after years."""
    if not actor.is_system:
        raise NotAllowed
    now, today = clock.now(), clock.today()
    answers, vectors, calls = (
        timedelta(days=parameter(f"inference.{kept}_kept_days", on=today)) for kept in ("answers", "vectors", "calls")
    )
    KeptAnswer.objects.filter(at__lt=now - answers).delete()
    KeptVector.objects.filter(used_on__lt=today - vectors).delete()
    Call.objects.filter(at__lt=min(now - calls, month_began())).delete()
