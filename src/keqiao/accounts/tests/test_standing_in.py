"""An operator looks at a user's pages: with a reason, for a time, changing nothing, and the user knows."""

from datetime import timedelta

import pytest

from keqiao.accounts import selectors, services
from keqiao.accounts.models import StandingIn
from keqiao.kernel import clock, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, OnlyReads
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
REASON = "用户来电称看不到已提交的需求，核对页面显示。"


def events():
    return list(Event.objects.order_by("pk").values_list("name", flat=True))


def test_it_begins_shows_and_ends():
    operator, person = make_operator(), make_person(organisation=make_organisation())
    row = services.begin_standing_in(actor=operator, person_id=person.pk, reason=f"  {REASON} ", minutes=15)
    assert (row.reason, row.ends_at - row.began_at) == (REASON, timedelta(minutes=15))
    found, shown = selectors.standing_in_of(operator, row.pk, clock.now())
    assert (found, shown.person_id, shown.only_reads, shown.name) == (row, person.pk, True, str(person))
    assert services.end_standing_in(actor=operator) is True
    assert services.end_standing_in(actor=operator) is False
    assert selectors.standing_in_of(operator, row.pk, clock.now()) is None
    assert events() == ["accounts.standing_in_began", "accounts.standing_in_ended"]
    assert REASON not in str(Event.objects.values_list("data", flat=True))
    told = notices.notices_of(parties.actor_for(person.user)).get()
    assert (told.kind, told.link, REASON in told.title_zh) == ("accounts.standing_in", "/me/privacy", False)
    assert [r.reason for r in selectors.standing_ins_for(person.pk)] == [REASON]


def test_every_command_is_refused():
    @command
    def change(*, actor):
        raise AssertionError("it must not run")

    operator, person = make_operator(), make_person()
    row = services.begin_standing_in(actor=operator, person_id=person.pk, reason=REASON)
    _row, shown = selectors.standing_in_of(operator, row.pk, clock.now())
    before = Event.objects.count()
    for refused in (
        lambda: change(actor=shown),
        lambda: services.ask_for_export(actor=shown),
        lambda: services.ask_for_erasure(actor=shown, is_confirmed=True),
        lambda: services.give_consents(actor=shown, person_id=person.pk, documents=[]),
    ):
        with pytest.raises(OnlyReads):
            refused()
    assert Event.objects.count() == before


def refused(who, person_id, error, *, reason=REASON, minutes=None, field=""):
    with pytest.raises(error) as caught:
        services.begin_standing_in(actor=who, person_id=person_id, reason=reason, minutes=minutes)
    assert caught.value.field == field
    assert (StandingIn.objects.count(), events()) == (0, [])


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.EXCHANGE_OPERATOR, Role.AUDITOR])
def test_only_operators(role):
    refused(make_actor(organisation=make_organisation(), role=role), make_person().pk, NotAllowed)


def test_neither_visitors_nor_jobs():
    person = make_person()
    refused(parties.visitor(), person.pk, NotAllowed)
    refused(parties.system(), person.pk, NotAllowed)


def test_not_into_another_operators_account_nor_ones_own():
    operator, other = make_operator(), make_operator()
    refused(operator, other.person_id, NotAllowed)
    refused(operator, operator.person_id, NotAllowed)


def test_not_without_an_account():
    operator = make_operator()
    refused(operator, Person.objects.create(name_zh="无账号").pk, NotFound)
    refused(operator, 0, NotFound)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": "排查"}, "reason"),
        ({"reason": " " * 40}, "reason"),
        ({"reason": "长" * 301}, "reason"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 31}, "minutes"),
    ],
)
def test_a_reason_and_a_time_limit(given, field):
    refused(make_operator(), make_person().pk, BadInput, field=field, **given)


def test_it_ends_by_itself():
    operator, person = make_operator(), make_person()
    row = services.begin_standing_in(actor=operator, person_id=person.pk, reason=REASON)
    StandingIn.objects.update(began_at=clock.now() - timedelta(hours=1), ends_at=clock.now() - timedelta(minutes=30))
    assert selectors.standing_in_of(operator, row.pk, clock.now()) is None
    with pytest.raises(NotAllowed):
        services.end_overdue_standing_in(actor=operator)
    assert services.end_overdue_standing_in(actor=parties.system()) == 1
    row.refresh_from_db()
    assert row.ended_at == row.ends_at
    assert services.end_overdue_standing_in(actor=parties.system()) == 0


def test_it_shows_nothing_once_either_side_changed():
    operator, person = make_operator(), make_person()
    row = services.begin_standing_in(actor=operator, person_id=person.pk, reason=REASON)
    assert selectors.standing_in_of(make_operator(), row.pk, clock.now()) is None  # another operator's
    person.posts.create(organisation=make_organisation(), role=Role.ADMINISTRATOR)
    assert selectors.standing_in_of(operator, row.pk, clock.now()) is None  # an operator by now


def test_a_new_one_ends_the_one_before():
    operator = make_operator()
    first = services.begin_standing_in(actor=operator, person_id=make_person().pk, reason=REASON)
    services.begin_standing_in(actor=operator, person_id=make_person().pk, reason=REASON)
    first.refresh_from_db()
    assert first.ended_at is not None
    assert StandingIn.objects.filter(ended_at=None).count() == 1


def test_people_are_found_by_operators_alone_and_operators_never():
    operator = make_operator()
    person = make_person(email="xu@example.org", name_zh="许砚秋")
    make_operator()
    found = selectors.people_to_stand_in_for
    assert [user.person for user in found(operator, "砚秋")] == [person]
    assert [user.person for user in found(operator, "XU@example.org")] == [person]
    assert list(found(operator, "x")) == list(found(make_actor(), "砚秋")) == []
    assert str(Person.objects.get(pk=operator.person_id)) not in [str(u.person) for u in found(operator, "测试人员")]
