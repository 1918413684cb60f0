"""Two entries of the register become one, with everything that refers to them, and back."""

import threading

import pytest
from django.db import connection

from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, WrongState
from keqiao.parties import selectors, services
from keqiao.parties.models import JoinRequest, Merge, Organisation, Post
from keqiao.parties.tests.factories import (
    again,
    make_actor,
    make_operator,
    make_organisation,
)

SYSTEM = selectors.system()


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_the_people_of_an_unverified_entry_ask_to_be_let_in():
    kept, gone = make_organisation(), make_organisation(is_verified=False)
    founder = make_actor(organisation=gone)
    merge = services.merge_organisations(actor=make_operator(), kept_code=kept.code, gone_code=gone.code)
    assert again(founder).posts == frozenset()
    assert [(row.organisation_id, row.person_id, row.state) for row in JoinRequest.objects.all()] == [
        (kept.pk, founder.person_id, "open")
    ]
    services.undo_merge(actor=make_operator(), code=merge.code)
    assert (again(founder).posts, JoinRequest.objects.count()) == ({(gone.pk, "rd_manager")}, 0)


@pytest.mark.django_db
def test_others_merge_nothing_and_nothing_merges_twice():
    kept, gone, third = make_organisation(), make_organisation(), make_organisation()
    operator = make_operator()
    with pytest.raises(NotAllowed):
        services.merge_organisations(actor=make_actor(organisation=kept), kept_code=kept.code, gone_code=gone.code)
    for pair, field in (((kept.code, kept.code), "gone"), (("DW-0", gone.code), "kept")):
        with pytest.raises(BadInput) as caught:
            services.merge_organisations(actor=operator, kept_code=pair[0], gone_code=pair[1])
        assert caught.value.field == field
    assert Merge.objects.count() == 0
    first = services.merge_organisations(actor=operator, kept_code=kept.code, gone_code=gone.code)
    with pytest.raises(BadInput):
        services.merge_organisations(actor=operator, kept_code=third.code, gone_code=gone.code)
    services.merge_organisations(actor=operator, kept_code=third.code, gone_code=kept.code)
    assert selectors.successor_of(gone.code) == third.code
    with pytest.raises(WrongState):
        services.undo_merge(actor=operator, code=first.code)


def at_once(*calls):
    """Run them in threads that begin together; what each raised, or None."""
    ready, outcomes = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number, call):
        try:
            ready.wait(10)
            call()
        except DomainError as error:
            outcomes[number] = type(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n, call)) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_two_that_swallow_each_other():
    a, b = make_organisation(), make_organisation()
    outcomes = at_once(
        lambda: services.merge_organisations(actor=SYSTEM, kept_code=a.code, gone_code=b.code),
        lambda: services.merge_organisations(actor=SYSTEM, kept_code=b.code, gone_code=a.code),
    )
    assert sorted(str(one) for one in outcomes) == sorted(["None", str(BadInput)])
    assert Organisation.objects.filter(merged_into=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_use_one_invitation_at_once():
    from keqiao.kernel import parameters

    parameters.load_packs(actor=SYSTEM)
    organisation = make_organisation()
    invited = services.invite(actor=make_actor(organisation=organisation), code=organisation.code, role="researcher")
    first, second = make_actor(), make_actor()
    outcomes = at_once(
        *(lambda actor=actor: services.accept_invitation(actor=actor, token=invited.token) for actor in (first, second))
    )
    assert sorted(one.__name__ if one else "in" for one in outcomes) == ["InvitationUsed", "in"]
    assert Post.objects.filter(organisation=organisation, role="researcher").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_managers_do_not_leave_at_once():
    organisation = make_organisation()
    first, second = make_actor(organisation=organisation), make_actor(organisation=organisation)
    outcomes = at_once(
        *(
            lambda actor=actor: services.leave_organisation(actor=actor, code=organisation.code)
            for actor in (first, second)
        )
    )
    assert sorted(one.__name__ if one else "left" for one in outcomes) == ["NobodyLeft", "left"]
    assert Post.objects.filter(organisation=organisation, ended_on=None).count() == 1
