"""Items and drafts follow their organisation when two entries of the register become one, and back."""

import pytest

from keqiao.catalogue import moving
from keqiao.catalogue import services as catalogue
from keqiao.catalogue.models import Achievement, Need
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import events
from keqiao.kernel.errors import NotAllowed, WrongState
from keqiao.kernel.models import Event
from keqiao.parties import selectors
from keqiao.parties import services as parties
from keqiao.parties.models import Organisation, Post
from keqiao.parties.tests.factories import (
    again,
    make_actor,
    make_code,
    make_operator,
    make_organisation,
    make_person,
    make_post,
)
from keqiao.parties.tests.test_merging import at_once
from keqiao.parties.types import Role
from keqiao.submissions import services
from keqiao.submissions.models import ReviewWaiver, Submission

SYSTEM = selectors.system()


def dispatch_all():
    """What the worker does with the events of merges."""
    for event in Event.objects.filter(name__in=["parties.organisations_merged", "parties.merge_undone"]).order_by("id"):
        events.dispatch(event)


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_everything_moves_and_comes_back():
    operator = make_operator()
    code = make_code()
    kept, gone = (
        make_organisation(name_zh="澜江膜业"),
        make_organisation(name_zh="澜江膜业公司", name_en="Membranes", credit_code=code),
    )
    both = make_person(organisation=kept, role=Role.RD_MANAGER)
    make_post(both, gone, Role.RD_MANAGER)
    only_gone = make_actor(organisation=gone, role=Role.RESEARCHER)
    gone.aliases.create(name="老膜厂")
    gone.identifiers.create(scheme="lei", value="529900T8BM49AURSDO55")
    gone.qualification_rows.create(kind="tech_sme", number="1")
    Organisation.objects.filter(pk=gone.pk).update(qualifications=["tech_sme"])
    need, achievement = make_need(publisher=gone), make_achievement(owner=gone)
    draft = Submission.objects.create(code="SB-1", kind="need", organisation=gone, author_id=only_gone.person_id)
    request = parties.request_to_join(actor=make_actor(), code=gone.code, role="researcher")
    merge = parties.merge_organisations(actor=operator, kept_code=kept.code, gone_code=gone.code, reason="同一家")
    dispatch_all()
    dispatch_all()  # at least once
    kept.refresh_from_db()
    assert (kept.credit_code, kept.qualifications) == (code, ["tech_sme"])
    assert [str(alias) for alias in kept.aliases.all()] == ["老膜厂", "澜江膜业公司", "Membranes"]
    assert [str(row) for row in kept.identifiers.all()] == ["lei 529900T8BM49AURSDO55"]
    assert again(only_gone).posts == {(kept.pk, "researcher")}
    assert selectors.actor_for(both.user).posts == {(kept.pk, "rd_manager")}
    for row, field in (
        (need, "publisher_id"),
        (achievement, "owner_id"),
        (draft, "organisation_id"),
        (request, "organisation_id"),
    ):
        row.refresh_from_db()
        assert getattr(row, field) == kept.pk
    assert (selectors.successor_of(gone.code), selectors.successor_of(kept.code)) == (kept.code, "")
    assert list(selectors.find_organisations(operator, name="老膜")) == [kept]
    parties.undo_merge(actor=operator, code=merge.code)
    dispatch_all()
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.credit_code, gone.credit_code, gone.merged_into_id, kept.qualifications) == (None, code, None, [])
    assert (list(kept.aliases.all()), [str(a) for a in gone.aliases.all()]) == ([], ["老膜厂"])
    assert again(only_gone).posts == {(gone.pk, "researcher")}
    for row, field in (
        (need, "publisher_id"),
        (achievement, "owner_id"),
        (draft, "organisation_id"),
        (request, "organisation_id"),
    ):
        row.refresh_from_db()
        assert getattr(row, field) == gone.pk
    with pytest.raises(WrongState):
        parties.undo_merge(actor=operator, code=merge.code)


@pytest.mark.django_db(transaction=True)
def test_merges_at_once_lose_nothing():
    """A into B while B goes into C, in both orders of their jobs: all that was A's or B's ends up in C, or waits in B."""
    a, b, c = (make_organisation(name_zh=f"单位{n}") for n in "甲乙丙")
    for organisation in (a, b):
        make_person(organisation=organisation)
        make_need(publisher=organisation)
        make_achievement(owner=organisation)

    def merge(gone, kept):
        return lambda: parties.merge_organisations(actor=SYSTEM, kept_code=kept.code, gone_code=gone.code)

    outcomes = at_once(merge(a, b), merge(b, c))
    assert outcomes.count(None) >= 1
    if outcomes[0] is not None:  # B was gone first: A is merged again, into what B has become
        merge(a, c)()
    merged = list(Event.objects.filter(name="parties.organisations_merged").order_by("-id"))
    at_once(*(lambda event=event: events.dispatch(event) for event in merged))
    assert set(Need.objects.values_list("publisher_id", flat=True)) == {c.pk}
    assert set(Achievement.objects.values_list("owner_id", flat=True)) == {c.pk}
    assert set(Post.objects.values_list("organisation_id", flat=True)) == {c.pk}
    assert {str(alias) for alias in c.aliases.all()} == {"单位甲", "单位乙"}


@pytest.mark.django_db
def test_only_the_worker_moves():
    operator = make_operator()
    for call in (
        lambda: moving.move_items(actor=operator, from_id=1, merge_id=1),
        lambda: moving.move_items_back(actor=operator, merge_id=1),
        lambda: services.move_submissions(actor=operator, from_id=1, merge_id=1),
        lambda: services.move_submissions_back(actor=operator, merge_id=1),
    ):
        with pytest.raises(NotAllowed):
            call()


@pytest.mark.django_db
def test_a_number_that_both_imported_stays_with_the_one_that_was_there():
    kept, gone = make_organisation(), make_organisation()
    author = make_actor(organisation=gone)
    for organisation in (kept, gone):
        Submission.objects.create(
            code=f"SB-{organisation.pk}",
            kind="need",
            organisation=organisation,
            author_id=author.person_id,
            external_id="A-1",
        )
    ReviewWaiver.objects.create(organisation=gone, declared_by_id=author.person_id, reason="小单位")
    parties.merge_organisations(actor=SYSTEM, kept_code=kept.code, gone_code=gone.code)
    dispatch_all()
    assert list(Submission.objects.order_by("id").values_list("organisation_id", "external_id")) == [
        (kept.pk, "A-1"),
        (kept.pk, ""),
    ]
    assert ReviewWaiver.objects.get().ended_at is not None


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_what_nobody_has_verified_is_not_published():
    need = make_need(publisher=make_organisation(is_verified=False), state="draft", published_at=None)
    with pytest.raises(WrongState):
        catalogue.publish_need(actor=make_operator(), code=need.code)
    need.refresh_from_db()
    assert need.state == "draft"
    Organisation.objects.update(is_verified=True)
    catalogue.publish_need(actor=SYSTEM, code=need.code)
    need.refresh_from_db()
    assert need.state == "published"
