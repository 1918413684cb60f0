"""Who made an achievement in which parts: versions, signatures, refusals, and who sees what."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from keqiao.catalogue import selectors, sharing
from keqiao.catalogue.models import ContributorShare, OwnershipFraction, ShareVersion
from keqiao.catalogue.tests.factories import make_achievement
from keqiao.catalogue.types import AlreadyAnswered, Part
from keqiao.kernel import clock, personal
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.parties.models import Post
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def home():
    return make_organisation(kind="university")


@pytest.fixture
def officer(home):
    return make_actor(organisation=home, role=Role.CONVERSION_OFFICER)


@pytest.fixture
def team(home):
    return [make_actor(organisation=home, role=Role.RESEARCHER) for _n in range(3)]


@pytest.fixture
def result(home):
    return make_achievement(owner=home)


def propose(officer, result, team, shares=(5000, 3000, 2000), **more):
    parts = [Part(actor.person_id, bp) for actor, bp in zip(team, shares, strict=True)]
    return sharing.propose_shares(actor=officer, achievement_code=result.code, contributors=parts, **more)


def sign(actor, result, number=1):
    return sharing.sign_shares(actor=actor, achievement_code=result.code, number=number)


def test_a_version_comes_into_force_with_the_last_signature_and_an_edit_is_another(officer, result, team):
    Post.objects.filter(person_id=team[2].person_id).update(ended_on=clock.today())  # left the institution
    propose(officer, result, team)
    for actor in team[:2]:
        sign(actor, result)
    assert selectors.shares_of([result.pk]) == {}
    assert sign(team[2], result) == sign(team[2], result)  # twice is once
    assert selectors.shares_of([result.pk])[result.pk].number == 1
    propose(officer, result, team, (4000, 3000, 3000), based_on=1)
    assert selectors.shares_of([result.pk])[result.pk].number == 1  # until all have signed the second
    for actor in team:
        sign(actor, result, 2)
    found = selectors.shares_of([result.pk])[result.pk]
    assert [(row.person_id, row.share_bp) for row in found.contributors.all()] == [
        (actor.person_id, bp) for actor, bp in zip(team, (4000, 3000, 3000), strict=True)
    ]
    assert [(row.organisation_id, row.share_bp) for row in found.owners.all()] == [(result.owner_id, 10_000)]


def test_a_contributor_refuses_with_a_reason_and_the_version_never_comes_into_force(officer, result, team):
    propose(officer, result, team)
    with pytest.raises(BadInput):
        sharing.refuse_shares(actor=team[0], achievement_code=result.code, number=1, reason=" ")
    sharing.refuse_shares(actor=team[0], achievement_code=result.code, number=1, reason="应为 60%")
    with pytest.raises(AlreadyAnswered):
        sign(team[0], result)
    for actor in team[1:]:
        sign(actor, result)
    assert selectors.shares_of([result.pk]) == {}


def test_what_a_contributor_said_is_in_their_copy_and_goes_with_them(officer, result, team):
    propose(officer, result, team)
    sharing.refuse_shares(actor=team[0], achievement_code=result.code, number=1, reason="应为 60%")
    (share,) = personal.export_part("catalogue", team[0].person_id)["shares"]
    assert (share["achievement"], share["signed_at"], share["refusal"]) == (result.code, None, "应为 60%")
    personal.erase(team[0].person_id)
    row = ContributorShare.objects.get(person_id=team[0].person_id)
    assert (row.share_bp, row.refusal) == (share["share_bp"], personal.BLANK)


@pytest.mark.parametrize("shares", [(5000, 3000, 1999), (5000, 3000, 2001), (10_000, 0, 0), (12_000, -1000, -1000)])
def test_shares_that_are_not_the_whole_are_refused(officer, result, team, shares):
    with pytest.raises(BadInput) as refused:
        propose(officer, result, team, shares)
    assert (refused.value.field, ShareVersion.objects.count()) == ("contributors", 0)


def test_a_contributor_twice_a_stranger_and_a_lost_race_are_refused(officer, result, team):
    with pytest.raises(BadInput, match="重复"):
        propose(officer, result, [team[0], team[0], team[1]])
    with pytest.raises(BadInput, match="第 3 行"):
        propose(officer, result, [*team[:2], make_actor(organisation=make_organisation())])
    propose(officer, result, team)
    with pytest.raises(AlreadyAnswered):
        propose(officer, result, team)
    propose(officer, result, team, based_on=1)
    with pytest.raises(AlreadyAnswered):
        sign(team[0], result, 1)


def test_co_owners_hold_fractions_of_the_whole(officer, result, team):
    other = make_organisation(kind="institute")
    with pytest.raises(BadInput, match=r"合计 99\.99%"):
        propose(officer, result, team, owners=[Part(result.owner_id, 6000), Part(other.pk, 3999)])
    propose(officer, result, team, owners=[Part(result.owner_id, 6000), Part(other.pk, 4000)])
    theirs = make_actor(organisation=other, role=Role.CONVERSION_OFFICER)
    assert selectors.share_versions_visible_to(theirs).count() == 1


def test_officers_of_the_owner_see_versions_contributors_their_line_and_others_nothing(officer, result, team, home):
    propose(officer, result, team)
    stranger = make_actor(organisation=make_organisation(kind="university"), role=Role.CONVERSION_OFFICER)
    colleague = make_actor(organisation=home, role=Role.RESEARCHER)
    seen = [selectors.share_versions_visible_to(actor).count() for actor in (officer, team[0], stranger, colleague)]
    own = [selectors.own_shares(actor).count() for actor in (officer, team[0], stranger, colleague)]
    assert (seen, own) == ([1, 0, 0, 0], [0, 1, 0, 0])
    with pytest.raises(NotFound):
        sign(stranger, result)
    with pytest.raises(NotAllowed):
        propose(stranger, result, team, based_on=1)


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_an_incomplete_version_and_an_edited_share(officer, result, team):
    def incomplete():
        with transaction.atomic():
            version = ShareVersion.objects.create(achievement=result, number=1, made_at=clock.now())
            OwnershipFraction.objects.create(version=version, organisation=result.owner, position=1, share_bp=10_000)

    with pytest.raises(IntegrityError):
        incomplete()
    propose(officer, result, team)
    for change in ({"share_bp": 5001}, {"person_id": officer.person_id}):
        with pytest.raises(IntegrityError):
            ContributorShare.objects.filter(person_id=team[0].person_id).update(**change)


@pytest.mark.django_db(transaction=True)
def test_two_sign_at_once_and_the_version_is_in_force(officer, result, team):
    propose(officer, result, team)
    start = threading.Barrier(3)

    def go(actor):
        start.wait()
        sign(actor, result)
        connection.close()

    threads = [threading.Thread(target=go, args=(actor,)) for actor in team]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert selectors.shares_of([result.pk])[result.pk].signed_at is not None
