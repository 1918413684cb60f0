"""Posts, invitations, substitutes."""

from datetime import timedelta

import pytest
from django.core import mail

from keqiao.kernel import clock, personal
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event
from keqiao.parties import selectors, services, tasks, tokens
from keqiao.parties.models import Absence, Invitation, Post
from keqiao.parties.tests.factories import again, make_actor, make_operator, make_organisation, make_person, make_post
from keqiao.parties.types import Actor, InvitationOver, InvitationUsed, NobodyLeft, Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def post_of(actor):
    return Post.objects.get(person_id=actor.person_id, ended_on=None)


# --- roles count where they are held ----------------------------------------------------------------------------------


def test_a_role_counts_only_where_it_is_held():
    here, there = make_organisation(), make_organisation()
    person = make_person(organisation=here, role=Role.RD_MANAGER)
    make_post(person, there, Role.RESEARCHER)
    first, second = selectors.actor_for(person.user), selectors.actor_for(person.user, acting_for=there.pk)
    assert (first.has_role(here.pk, "rd_manager"), first.has_role(there.pk, "rd_manager", "researcher")) == (
        True,
        False,
    )
    assert (second.roles, second.organisation_ids, second.workplace.code) == ({"researcher"}, {there.pk}, there.code)
    with pytest.raises(NotAllowed):
        services.rewrite_organisation(actor=second, code=there.code, name_zh="改名")
    with pytest.raises(NotAllowed, match="另一家单位"):
        services.rewrite_organisation(actor=second, code=here.code, name_zh="改名")
    assert selectors.actor_for(person.user, acting_for=-1).acting_for == here.pk


def test_an_operator_who_acts_for_another_organisation_is_none():
    person = make_person(organisation=make_organisation(kind="agency"), role=Role.ADMINISTRATOR)
    other = make_organisation()
    make_post(person, other)
    actor = selectors.actor_for(person.user, acting_for=other.pk)
    assert (actor.is_operator, actor.operates_somewhere, selectors.actor_for(person.user).is_operator) == (
        False,
        True,
        True,
    )


# --- posts ------------------------------------------------------------------------------------------------------------


def test_the_last_who_may_let_others_in_stays_until_another_may():
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    researcher = make_actor(organisation=organisation, role=Role.RESEARCHER)
    for refused in (
        lambda: services.end_post(actor=manager, code=organisation.code, number=post_of(manager).number),
        lambda: services.leave_organisation(actor=manager, code=organisation.code),
        lambda: services.change_role(
            actor=manager, code=organisation.code, number=post_of(manager).number, role="researcher"
        ),
    ):
        with pytest.raises(NobodyLeft):
            refused()
    assert (Post.objects.filter(ended_on=None).count(), Event.objects.count()) == (2, 0)
    services.end_post(
        actor=manager, code=organisation.code, number=post_of(manager).number, successor=post_of(researcher).number
    )
    assert (again(manager).posts, again(researcher).roles) == (frozenset(), {"researcher", "rd_manager"})


def test_changing_a_role_ends_one_and_begins_another():
    organisation = make_organisation(kind="university")
    officer = make_actor(organisation=organisation, role=Role.CONVERSION_OFFICER)
    researcher = make_actor(organisation=organisation, role=Role.RESEARCHER)
    with pytest.raises(BadInput) as caught:
        services.change_role(
            actor=officer, code=organisation.code, number=post_of(researcher).number, role="bank_officer"
        )
    assert caught.value.field == "role"
    services.change_role(
        actor=officer, code=organisation.code, number=post_of(researcher).number, role="technology_manager"
    )
    assert again(researcher).roles == {"technology_manager"}
    services.leave_organisation(actor=researcher, code=organisation.code)
    assert again(researcher).posts == frozenset()


def test_strangers_and_researchers_change_nothing():
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    for actor in (
        make_actor(organisation=make_organisation()),
        make_actor(organisation=organisation, role=Role.RESEARCHER),
    ):
        with pytest.raises(NotAllowed):
            services.end_post(actor=actor, code=organisation.code, number=post_of(manager).number)
        with pytest.raises(NotAllowed):
            services.invite(actor=actor, code=organisation.code, role="researcher")
    assert (Post.objects.filter(ended_on=None).count(), Invitation.objects.count()) == (3, 0)


def test_a_manager_neither_gives_nor_takes_the_platforms_roles():
    organisation = make_organisation(kind="agency")
    staff = make_actor(organisation=organisation, role=Role.AGENCY_STAFF)
    operator = make_actor(organisation=organisation, role=Role.ADMINISTRATOR)
    with pytest.raises(BadInput):
        services.invite(actor=staff, code=organisation.code, role="administrator")
    with pytest.raises(NotAllowed):
        services.end_post(actor=staff, code=organisation.code, number=post_of(operator).number)
    with pytest.raises(NobodyLeft):
        services.leave_organisation(actor=operator, code=organisation.code)
    assert (
        services.invite(actor=operator, code=organisation.code, role="administrator").invitation.role == "administrator"
    )


def test_a_post_of_another_organisation_is_not_there():
    manager, stranger = make_actor(organisation=make_organisation()), make_actor(organisation=make_organisation())
    code = manager.workplace.code
    with pytest.raises(NotFound):
        services.end_post(actor=manager, code=code, number=post_of(stranger).number)


# --- invitations ------------------------------------------------------------------------------------------------------


@pytest.fixture
def inviting():
    organisation = make_organisation()
    return make_actor(organisation=organisation), organisation


def test_an_invitation_lets_one_person_in_once(inviting):
    manager, organisation = inviting
    invited = services.invite(actor=manager, code=organisation.code, role="researcher")
    assert invited.token not in str(Invitation.objects.values())
    first, second = make_actor(), make_actor()
    services.accept_invitation(actor=first, token=invited.token)
    for actor in (first, second):
        with pytest.raises(InvitationUsed):
            services.accept_invitation(actor=actor, token=invited.token)
    assert (again(first).has_role(organisation.pk, "researcher"), again(second).posts) == (True, frozenset())


def test_the_wrong_person_learns_nothing(inviting):
    manager, organisation = inviting
    right = make_person(email="Wang@example.org")
    invited = services.invite(actor=manager, code=organisation.code, role="researcher", email="wang@Example.org")
    wrong = make_actor()
    with pytest.raises(NotFound) as missing:
        services.accept_invitation(actor=wrong, token="0" * 64)
    with pytest.raises(NotFound) as refused:
        services.accept_invitation(actor=wrong, token=invited.token)
    services.accept_invitation(actor=selectors.actor_for(right.user), token=invited.token)
    with pytest.raises(NotFound) as later:
        services.accept_invitation(actor=wrong, token=invited.token)
    assert str(missing.value) == str(refused.value) == str(later.value)


def test_it_expires_and_can_be_withdrawn(inviting):
    manager, organisation = inviting
    invited = services.invite(actor=manager, code=organisation.code, role="researcher")
    days = (invited.invitation.expires_at - clock.now()).total_seconds() / 86_400
    assert 13.9 < days <= 14
    with pytest.raises(NotFound):
        services.withdraw_invitation(actor=make_actor(organisation=make_organisation()), code=invited.invitation.code)
    services.withdraw_invitation(actor=manager, code=invited.invitation.code)
    with pytest.raises(InvitationOver):
        services.accept_invitation(actor=make_actor(), token=invited.token)
    with pytest.raises(WrongState):
        services.withdraw_invitation(actor=manager, code=invited.invitation.code)
    old = services.invite(actor=manager, code=organisation.code, role="researcher")
    Invitation.objects.filter(pk=old.invitation.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(InvitationOver):
        services.accept_invitation(actor=make_actor(), token=old.token)


@pytest.mark.parametrize(
    ("given", "field"), [({"role": "investor"}, "role"), ({"role": "researcher", "email": "wang"}, "email")]
)
def test_a_bad_invitation_is_refused(inviting, given, field):
    manager, organisation = inviting
    with pytest.raises(BadInput) as caught:
        services.invite(actor=manager, code=organisation.code, **given)
    assert (caught.value.field, Invitation.objects.count()) == (field, 0)


def test_the_mail_goes_out_once(inviting, settings):
    settings.SENDS_EMAIL, settings.EMAIL_BACKEND = True, "django.core.mail.backends.locmem.EmailBackend"
    manager, organisation = inviting
    invited = services.invite(actor=manager, code=organisation.code, role="researcher", email="wang@example.org")
    for _time in range(2):
        tasks.mail_invitation.func(invitation_id=invited.invitation.pk)
    assert [(m.to, invited.path in m.body) for m in mail.outbox] == [(["wang@example.org"], True)]
    assert tokens.hash_of(invited.token) == invited.invitation.token_hash
    settings.SECRET_KEY = "another"
    other = Invitation.objects.create(
        code="YQ-X",
        organisation=organisation,
        role="researcher",
        email="li@example.org",
        token_hash="0",
        expires_at=clock.now(),
    )
    tasks.mail_invitation.func(invitation_id=other.pk)
    assert len(mail.outbox) == 1


def test_events_hold_no_address(inviting):
    manager, organisation = inviting
    services.invite(actor=manager, code=organisation.code, role="researcher", email="wang@example.org")
    assert "wang" not in str([event.data for event in Event.objects.all()])


# --- substitutes ------------------------------------------------------------------------------------------------------


def days(first, last):
    today = clock.today()
    return {"first_on": today + timedelta(days=first), "last_on": today + timedelta(days=last)}


def test_a_substitute_has_the_roles_for_the_period():
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    colleague = make_actor(organisation=organisation, role=Role.RESEARCHER)
    absence = services.name_substitute(
        actor=manager, code=organisation.code, substitute_id=colleague.person_id, **days(0, 3)
    )
    copies = [personal.export_part("parties", actor.person_id)["absences"] for actor in (manager, colleague)]
    assert [[row["as_substitute"] for row in copy] for copy in copies] == [[False], [True]]
    standing = again(colleague)
    assert (standing.roles, standing.workplace.standing_in_for) == ({"researcher", "rd_manager"}, (manager.person_id,))
    Absence.objects.update(first_on=clock.today() + timedelta(days=1))
    assert again(colleague).roles == {"researcher"}
    Absence.objects.update(first_on=clock.today() - timedelta(days=9), last_on=clock.today() - timedelta(days=1))
    assert again(colleague).roles == {"researcher"}
    Absence.objects.update(last_on=clock.today())
    with pytest.raises(NotFound):
        services.end_absence(actor=make_actor(), absence_id=absence.pk)
    services.end_absence(actor=again(colleague), absence_id=absence.pk)
    assert again(colleague).roles == {"researcher"}


def test_who_acts_is_one_question_whatever_they_hold(django_assert_num_queries):
    """The date is asked of the database only where somebody is away."""
    person, plain = make_person(organisation=make_organisation()), make_person()
    elsewhere, merged = make_organisation(), make_organisation(merged_into=make_organisation())
    make_post(person, elsewhere, role=Role.RESEARCHER)
    make_post(person, elsewhere, role=Role.AGENCY_STAFF, ended_on=clock.today())
    make_post(person, merged)
    with django_assert_num_queries(1):
        actor = selectors.actor_for(person.user)
    assert [place.roles for place in actor.workplaces] == [{"rd_manager"}, {"researcher"}]
    with django_assert_num_queries(1):
        assert selectors.actor_for(plain.user) == Actor(person_id=plain.pk, name=plain.name_zh)
    # Roles of somebody away count in the organisation that both are in, and in no other.
    absent = make_person(organisation=elsewhere, role=Role.CONVERSION_OFFICER)
    for place in (elsewhere, make_organisation()):
        make_post(absent, place, role=Role.TECHNOLOGY_MANAGER)
        Absence.objects.create(person=absent, substitute=person, organisation=place, **days(0, 1))
    with django_assert_num_queries(2):
        actor = selectors.actor_for(person.user, acting_for=elsewhere.pk)
    assert actor.roles == {"researcher", "conversion_officer", "technology_manager"}
    assert [place.standing_in_for for place in actor.workplaces] == [(), (absent.pk,)]


def test_the_platforms_roles_are_not_passed_on():
    operator = make_operator()
    organisation = operator.workplace
    colleague = make_actor(
        organisation=selectors.get_organisation(organisation.code, actor=operator), role=Role.AGENCY_STAFF
    )
    services.name_substitute(actor=operator, code=organisation.code, substitute_id=colleague.person_id, **days(0, 0))
    assert (again(colleague).is_operator, again(colleague).roles) == (False, {"agency_staff"})


@pytest.mark.parametrize(
    ("who", "period", "field"),
    [
        ("stranger", (0, 1), "substitute"),
        ("self", (0, 1), "substitute"),
        ("colleague", (-1, 1), "first_on"),
        ("colleague", (2, 1), "last_on"),
        ("colleague", (0, 180), "last_on"),
    ],
)
def test_an_impossible_absence_is_refused(who, period, field):
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    people = {
        "self": manager,
        "colleague": make_actor(organisation=organisation, role=Role.RESEARCHER),
        "stranger": make_actor(organisation=make_organisation()),
    }
    with pytest.raises(BadInput) as caught:
        services.name_substitute(
            actor=manager, code=organisation.code, substitute_id=people[who].person_id, **days(*period)
        )
    assert (caught.value.field, Absence.objects.count(), Event.objects.count()) == (field, 0, 0)


def test_two_absences_do_not_overlap():
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    colleague = make_actor(organisation=organisation, role=Role.RESEARCHER)
    services.name_substitute(actor=manager, code=organisation.code, substitute_id=colleague.person_id, **days(0, 3))
    with pytest.raises(BadInput):
        services.name_substitute(actor=manager, code=organisation.code, substitute_id=colleague.person_id, **days(3, 5))
    services.name_substitute(actor=manager, code=organisation.code, substitute_id=colleague.person_id, **days(4, 5))
    assert Absence.objects.count() == 2


def test_who_has_left_stands_in_for_nobody():
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    colleague = make_actor(organisation=organisation, role=Role.RESEARCHER)
    services.name_substitute(actor=manager, code=organisation.code, substitute_id=colleague.person_id, **days(0, 3))
    services.leave_organisation(actor=colleague, code=organisation.code)
    assert again(colleague).posts == frozenset()
