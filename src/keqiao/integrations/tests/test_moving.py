"""Tokens and webhooks follow their organisation when two entries of the register become one, and back."""

import pytest

from keqiao.integrations import selectors
from keqiao.integrations.models import Delivery, Token, Webhook
from keqiao.integrations.services import moving
from keqiao.integrations.tests.factories import make_token, make_webhook
from keqiao.integrations.types import BadToken
from keqiao.kernel import events
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.models import Event
from keqiao.parties import services as parties
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def merge(kept, gone):
    made = parties.merge_organisations(actor=make_operator(), kept_code=kept.code, gone_code=gone.code)
    events.dispatch(Event.objects.get(name="parties.organisations_merged"))
    events.dispatch(Event.objects.get(name="parties.organisations_merged"))
    return made


def undo(merged):
    parties.undo_merge(actor=make_operator(), code=merged.code)
    events.dispatch(Event.objects.get(name="parties.merge_undone"))
    events.dispatch(Event.objects.get(name="parties.merge_undone"))


def test_tokens_and_webhooks_follow_and_come_back():
    kept, gone = make_organisation(), make_organisation()
    person = make_person(organisation=gone)
    token, secret = make_token(person=person, organisation=gone)
    ours, theirs = make_webhook(organisation=gone, kinds=["submission.accepted"]), make_webhook(organisation=kept)
    elsewhere = make_webhook()
    merged = merge(kept, gone)
    assert selectors.actor_of_token(selectors.token_by_secret(secret)).organisation_ids == {kept.pk}
    assert dict(Webhook.objects.values_list("pk", "organisation_id")) == {
        ours.pk: kept.pk, theirs.pk: kept.pk, elsewhere.pk: elsewhere.organisation_id,
    }  # fmt: skip
    assert Webhook.objects.get(pk=ours.pk).is_active
    keeper = make_actor(organisation=kept, role=Role.RD_MANAGER)
    assert selectors.get_webhook(ours.code, actor=keeper).pk == ours.pk
    undo(merged)
    assert Token.objects.get(pk=token.pk).organisation_id == gone.pk
    assert selectors.actor_of_token(selectors.token_by_secret(secret)).organisation_ids == {gone.pk}
    assert dict(Webhook.objects.values_list("pk", "organisation_id")) == {
        ours.pk: gone.pk, theirs.pk: kept.pk, elsewhere.pk: elsewhere.organisation_id,
    }  # fmt: skip


def test_the_address_of_an_unverified_entry_hears_nothing_of_the_one_that_stays():
    from keqiao.submissions.tests.factories import make_draft

    kept, gone = make_organisation(), make_organisation(is_verified=False)
    _token, secret = make_token(person=make_person(organisation=gone), organisation=gone)
    webhook = make_webhook(organisation=gone, kinds=["submission.accepted"])
    merged = merge(kept, gone)
    webhook.refresh_from_db()
    assert (webhook.organisation_id, webhook.is_active) == (kept.pk, False)
    with pytest.raises(BadToken):
        selectors.actor_of_token(selectors.token_by_secret(secret))  # nobody let its person in there
    from django.db import transaction

    from keqiao.parties.selectors import system

    draft = make_draft(actor=make_actor(organisation=kept), organisation=kept)
    with transaction.atomic():
        event = events.record("submissions.submission_accepted", draft, actor=system())
    events.dispatch(event)
    assert not Delivery.objects.exists()
    undo(merged)
    webhook.refresh_from_db()
    assert (webhook.organisation_id, webhook.is_active) == (gone.pk, True)


def test_what_was_deleted_meanwhile_stays_deleted():
    from keqiao.integrations.services import webhooks

    kept, gone = make_organisation(), make_organisation(is_verified=False)
    webhook = make_webhook(organisation=gone)
    merged = merge(kept, gone)
    webhooks.delete_webhook(actor=make_actor(organisation=kept, role=Role.RD_MANAGER), code=webhook.code)
    undo(merged)
    webhook.refresh_from_db()
    assert (webhook.organisation_id, webhook.is_active, webhook.url) == (gone.pk, False, "")


def test_only_jobs_move():
    with pytest.raises(NotAllowed):
        moving.move_integrations(actor=make_operator(), from_id=1, merge_id=1)
    with pytest.raises(NotAllowed):
        moving.move_integrations_back(actor=make_operator(), merge_id=1)
