from datetime import date

import pytest
from django.db import IntegrityError, transaction

from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Event
from keqiao.parties import selectors, services
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = pytest.mark.django_db


def test_operator_registers_and_appoints():
    system = selectors.system()
    organisation = services.register_organisation(actor=system, code="DW-1", kind="university", name_zh="澜江大学")
    person = services.register_person(actor=system, email="a@example.org", password="long-enough-1", name_zh="许砚秋")
    services.appoint(actor=system, person_id=person.pk, organisation_id=organisation.pk, role=Role.RD_MANAGER)
    actor = selectors.actor_for(person.user)
    assert (actor.person_id, actor.organisation_ids, actor.roles, actor.is_operator) == (
        person.pk,
        {organisation.pk},
        {Role.RD_MANAGER},
        False,
    )
    assert list(Event.objects.order_by("id").values_list("name", flat=True)) == [
        "parties.organisation_registered",
        "parties.person_registered",
        "parties.person_appointed",
    ]


def test_events_hold_no_personal_data():
    services.register_person(
        actor=selectors.system(), name_zh="许砚秋", email="a@example.org", password="long-enough-1"
    )
    assert [event.data for event in Event.objects.all()] == [{}]


@pytest.mark.parametrize(
    "call",
    [
        lambda actor: services.register_organisation(actor=actor, code="X", kind="bank", name_zh="银行"),
        lambda actor: services.register_person(actor=actor, name_zh="人"),
        lambda actor: services.appoint(actor=actor, person_id=1, organisation_id=1, role=Role.AUDITOR),
    ],
)
def test_others_register_nothing(call):
    with pytest.raises(NotAllowed):
        call(selectors.visitor())
    assert (Organisation.objects.count(), Person.objects.count(), Post.objects.count()) == (0, 0, 0)


def test_an_account_needs_both_halves():
    with pytest.raises(BadInput) as caught:
        services.register_person(actor=selectors.system(), email="a@example.org", name_zh="许")
    assert caught.value.field == "password"


def test_ended_posts_give_no_rights():
    organisation = make_organisation()
    person = make_person(organisation=organisation, role=Role.ADMINISTRATOR)
    Post.objects.update(ended_on=date(2026, 1, 1))
    assert selectors.actor_for(person.user).organisation_ids == frozenset()


def test_locked_accounts_are_visitors():
    person = make_person(organisation=make_organisation())
    person.user.is_active = False
    person.user.save()
    assert selectors.actor_for(person.user) == selectors.visitor()


def test_unknown_organisation_is_not_found():
    with pytest.raises(NotFound):
        selectors.get_organisation("DW-0", actor=selectors.visitor())


@pytest.mark.parametrize("fields", [{"kind": "club"}, {"name_zh": "", "name_en": ""}])
def test_the_databases_promises(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_organisation(**fields)


@pytest.mark.parametrize("code", ["91350100M000100Y4Z", "91350100M000100Y4", "hello"])
def test_credit_codes_are_checked(code):
    with pytest.raises(BadInput) as caught:
        services.register_organisation(
            actor=selectors.system(), code="DW-1", kind="bank", name_zh="行", credit_code=code
        )
    assert (caught.value.field, Organisation.objects.count()) == ("credit_code", 0)
    kept = services.register_organisation(
        actor=selectors.system(), code="DW-2", kind="bank", name_zh="行", credit_code=" 91350100M000100Y43 "
    )
    assert kept.credit_code == "91350100M000100Y43"


def test_operators_correct_the_name_of_who_has_no_account():
    system, person = selectors.system(), Person.objects.create(name_zh="林若川")
    services.rewrite_person(actor=system, person_id=person.pk, name_zh="林若山", name_en="Lin Ruoshan")
    services.rewrite_person(actor=system, person_id=person.pk, name_zh="林若山")
    person.refresh_from_db()
    assert (person.name_zh, person.name_en) == ("林若山", "Lin Ruoshan")
    assert [event.data for event in Event.objects.filter(name="parties.person_rewritten")] == [
        {"fields": ["name_en", "name_zh"]}
    ]
    stranger, holder = make_person(), make_person(name_zh="许砚秋")
    refused = [
        (selectors.actor_for(stranger.user), person.pk, NotAllowed),
        (system, holder.pk, NotAllowed),
        (system, 0, NotFound),
    ]
    for actor, person_id, error in refused:
        with pytest.raises(error):
            services.rewrite_person(actor=actor, person_id=person_id, name_zh="别人")
    assert not Person.objects.filter(name_zh="别人").exists()
