from datetime import date, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from keqiao.catalogue.models import Need
from keqiao.catalogue.tests.factories import make_need
from keqiao.kernel import clock
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Notice
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person, Post
from keqiao.parties.selectors import actor_for
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.parties.types import Role
from keqiao.submissions import selectors, services, tasks
from keqiao.submissions.content import BadContent
from keqiao.submissions.models import ReviewNote, ReviewWaiver, Submission
from keqiao.submissions.tests.factories import NEED, make_draft
from keqiao.submissions.tests.worlds import fresh, give_post, lone_author, make_world, notes
from keqiao.submissions.types import (
    AlreadyDecided,
    ClaimedByOther,
    ItemIsClosed,
    OpenQuestions,
    OutdatedRevision,
    SubmissionState,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]

ASK = [{"field": "indicators.0.value", "text": "测试温度是多少？"}]


@pytest.fixture
def world(rules):
    return make_world()


def trail():
    """What a refusal must not change."""
    rows = Submission.objects.order_by("pk").values_list("state", "revision", "reviewer", "due_on", "version")
    return list(rows), ReviewNote.objects.count(), Event.objects.count(), Notice.objects.count(), Need.objects.count()


def refused(error, func, **given):
    before = trail()
    with pytest.raises(error) as caught:
        func(**given)
    assert trail() == before
    return caught.value


def told(actor):
    return list(Notice.objects.filter(person_id=actor.person_id).order_by("created_at").values_list("kind", flat=True))


# --- handing in -------------------------------------------------------------------------------------------------------


def test_it_goes_to_the_organisation_first(world):
    found = world.submitted()
    days = add_working_days(clock.today(), 3).day
    assert (found.state, found.skipped, found.due_on) == ("organisation_review", "", days)
    assert notes(found) == [("submission", "organisation")]
    assert (told(world.reviewer), told(world.operator), told(world.author)) == (["submissions.to_review"], [], [])


def test_where_nobody_else_may_review_it_goes_to_the_platform_and_says_why(rules):
    author, organisation = lone_author()
    operator = make_operator()
    draft = make_draft(actor=author, organisation=organisation)
    found = services.submit(actor=author, code=draft.code, revision=draft.revision)
    assert (found.state, found.skipped) == ("platform_review", "one_person")
    assert notes(found) == [("submission", "organisation"), ("skipped", "organisation")]
    assert ReviewNote.objects.get(kind="skipped").reason == "one_person"
    notice = Notice.objects.get(person_id=operator.person_id)
    assert found.code in notice.title_zh
    assert NEED["texts"]["zh"]["title"] not in notice.title_zh


def test_a_post_that_ended_does_not_count(rules):
    author, organisation = lone_author()
    other = make_actor(organisation=organisation, role=Role.RD_MANAGER)
    Post.objects.filter(person_id=other.person_id).update(ended_on=date(2026, 1, 1))
    draft = make_draft(actor=author, organisation=organisation)
    assert services.submit(actor=author, code=draft.code, revision=1).skipped == "one_person"


def test_a_waiver_skips_the_step_and_is_named(world):
    services.waive_review(
        actor=world.reviewer, organisation_id=world.organisation.pk, reason="人员少，由平台统一审核。"
    )
    found = world.submitted()
    assert (found.state, found.skipped) == ("platform_review", "waived")
    services.end_waiver(actor=world.colleague, organisation_id=world.organisation.pk)
    assert world.submitted().state == "organisation_review"


def test_incomplete_content_is_refused_with_every_problem(world):
    draft = world.draft(content={"texts": {"zh": {"title": "只有标题"}}})
    error = refused(BadContent, services.submit, actor=world.author, code=draft.code, revision=1)
    assert {problem.field for problem in error.problems} >= {"texts.zh.problem", "field"}


@pytest.mark.parametrize(
    ("who", "error"),
    [("stranger", NotFound), ("operator", NotFound)],
)
def test_a_draft_of_others_is_not_there(world, who, error):
    draft = world.draft()
    refused(error, services.submit, actor=getattr(world, who), code=draft.code, revision=1)


def test_who_has_left_the_organisation_has_left_its_drafts(world):
    draft = world.draft()
    Post.objects.filter(person_id=world.author.person_id).update(ended_on=date(2026, 1, 1))
    gone = actor_for(Person.objects.get(pk=world.author.person_id).user)
    refused(NotFound, services.submit, actor=gone, code=draft.code, revision=1)
    assert not selectors.submissions_of(gone).exists()


def test_who_saw_an_older_text_hands_in_nothing(world):
    draft = world.draft()
    services.save_draft(actor=world.author, code=draft.code, revision=1, content={"trl_min": 7})
    refused(OutdatedRevision, services.submit, actor=world.author, code=draft.code, revision=1)


def test_it_is_handed_in_once(world):
    found = world.submitted()
    refused(WrongState, services.submit, actor=world.author, code=found.code, revision=found.revision)


# --- the organisation's step ------------------------------------------------------------------------------------------


def test_approved_it_goes_to_the_platform(world):
    found = world.at_platform()
    assert (found.state, found.approved_content) == ("platform_review", found.content)
    assert found.due_on == add_working_days(clock.today(), 5).day
    assert told(world.author) == ["submissions.approved"]
    assert told(world.operator) == ["submissions.to_review"]


def test_nobody_reviews_what_they_wrote_also_with_a_second_post(world):
    found = world.submitted()
    author = give_post(world.author, world.organisation, Role.RD_MANAGER)
    refused(NotAllowed, services.approve, actor=author, code=found.code, revision=found.revision)
    refused(
        NotAllowed, services.return_to_author, actor=author, code=found.code, revision=found.revision, text="补充。"
    )
    refused(NotAllowed, services.claim, actor=author, code=found.code)


def test_who_handed_in_or_saved_a_colleagues_text_does_not_review_it(world):
    draft = world.draft()
    services.submit(actor=world.reviewer, code=draft.code, revision=1)
    refused(NotAllowed, services.approve, actor=world.reviewer, code=draft.code, revision=1)
    assert services.approve(actor=world.colleague, code=draft.code, revision=1).state == "platform_review"


def test_a_reviewing_role_elsewhere_does_not_count(world):
    found = world.submitted()
    researcher = make_actor(organisation=world.organisation, role=Role.RESEARCHER)
    refused(NotAllowed, services.approve, actor=researcher, code=found.code, revision=found.revision)
    both = give_post(researcher, make_organisation(), Role.RD_MANAGER)
    with pytest.raises((NotAllowed, NotFound)):
        services.approve(actor=both, code=found.code, revision=found.revision)
    refused(NotFound, services.approve, actor=world.stranger, code=found.code, revision=found.revision)
    refused(NotFound, services.approve, actor=world.operator, code=found.code, revision=found.revision)


def test_a_question_comes_back_is_answered_and_the_text_goes_again(world):
    found = world.submitted()
    services.return_to_author(actor=world.reviewer, code=found.code, revision=1, questions=ASK)
    assert told(world.author) == ["submissions.returned"]
    question = ReviewNote.objects.get(kind="question")
    assert (question.field, question.text, question.step) == ("indicators.0.value", "测试温度是多少？", "organisation")
    error = refused(OpenQuestions, services.submit, actor=world.author, code=found.code, revision=1)
    assert error.field == "indicators.0.value"
    services.answer_question(actor=world.author, code=found.code, number=question.number, text="25 ℃。")
    assert told(world.reviewer)[-1] == "submissions.answered"
    assert services.submit(actor=world.author, code=found.code, revision=1).state == "organisation_review"


def test_a_change_at_the_place_answers_the_question_too(world):
    found = world.submitted()
    services.return_to_author(actor=world.reviewer, code=found.code, revision=1, questions=ASK)
    rows = [{**NEED["indicators"][0], "value": "18"}]
    saved = services.save_draft(actor=world.author, code=found.code, revision=1, content={"indicators": rows})
    assert services.submit(actor=world.author, code=found.code, revision=saved.revision).state == "organisation_review"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "text"),
        ({"text": "  "}, "text"),
        ({"text": "x" * 4_001}, "text"),
        ({"questions": [{"field": "indicators.9.value", "text": "？"}]}, "questions.0.field"),
        ({"questions": [{"field": "field", "text": ""}]}, "questions.0.text"),
        ({"questions": [{"field": "field", "text": "为什么？"}] * 31}, "questions"),
    ],
)
def test_a_return_says_what_is_missing(world, given, field):
    found = world.submitted()
    error = refused(BadInput, services.return_to_author, actor=world.reviewer, code=found.code, revision=1, **given)
    assert error.field == field


def test_an_answer_needs_a_question_of_this_submission(world):
    first, second = world.submitted(), world.submitted()
    services.return_to_author(actor=world.reviewer, code=first.code, revision=1, questions=ASK)
    question = ReviewNote.objects.get(kind="question")
    answer = {"actor": world.author, "number": question.number, "text": "25 ℃。"}
    refused(NotFound, services.answer_question, code=second.code, **answer)
    refused(BadInput, services.answer_question, code=first.code, **{**answer, "text": " "})
    refused(NotFound, services.answer_question, code=first.code, **{**answer, "actor": world.stranger})


# --- taking it in hand ------------------------------------------------------------------------------------------------


def test_what_a_colleague_has_claimed_is_taken_over_on_purpose_only(world):
    found = world.submitted()
    services.claim(actor=world.reviewer, code=found.code)
    services.claim(actor=world.reviewer, code=found.code)
    error = refused(ClaimedByOther, services.claim, actor=world.colleague, code=found.code)
    assert world.reviewer.name in str(error)
    refused(ClaimedByOther, services.approve, actor=world.colleague, code=found.code, revision=1)
    services.claim(actor=world.colleague, code=found.code, takes_over=True)
    assert services.approve(actor=world.colleague, code=found.code, revision=1).state == "platform_review"
    assert [kind for kind, _step in notes(found)] == ["submission", "claim", "claim", "approval"]


def test_it_is_handed_over_to_who_may_review_it(world):
    found = world.submitted()
    services.hand_over(actor=world.reviewer, code=found.code, person_id=world.colleague.person_id)
    assert fresh(found).reviewer_id == world.colleague.person_id
    assert told(world.colleague)[-1] == "submissions.handed"
    for person_id in (world.author.person_id, world.stranger.person_id, world.colleague.person_id, 10**9):
        refused(BadInput, services.hand_over, actor=world.colleague, code=found.code, person_id=person_id)


def test_a_promised_date_reaches_the_author(world):
    found = world.at_platform()
    day = clock.today() + timedelta(days=10)
    services.promise_date(actor=world.operator, code=found.code, due_on=day)
    assert fresh(found).due_on == day
    assert told(world.author)[-1] == "submissions.promised"
    for wrong in (clock.today() - timedelta(days=1), clock.today() + timedelta(days=400)):
        error = refused(BadInput, services.promise_date, actor=world.operator, code=found.code, due_on=wrong)
        assert error.field == "due_on"
    refused(NotAllowed, services.promise_date, actor=world.author, code=found.code, due_on=day)
    refused(WrongState, services.promise_date, actor=world.reviewer, code=found.code, due_on=day)


def test_reviewers_are_reminded_once_of_an_answer_that_is_overdue(world):
    found = world.at_platform()
    assert tasks.remind_reviewers(0) == 0
    Submission.objects.update(due_on=clock.today() - timedelta(days=1))
    assert (tasks.remind_reviewers(0), tasks.remind_reviewers(0)) == (1, 1)
    assert told(world.operator).count("submissions.overdue") == told(world.second_operator).count("submissions.overdue")
    assert told(world.operator).count("submissions.overdue") == 1
    services.claim(actor=world.operator, code=found.code)
    Submission.objects.update(due_on=clock.today() - timedelta(days=2))
    tasks.remind_reviewers(0)
    assert told(world.operator).count("submissions.overdue") == 2
    assert told(world.second_operator).count("submissions.overdue") == 1
    refused(NotAllowed, services.remind_reviewers, actor=world.operator, code=found.code)


# --- the platform's step ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["need", "achievement"])
def test_accepted_it_becomes_a_public_item(kind):
    world = make_world("enterprise" if kind == "need" else "university")
    found = world.accepted(kind)
    item = found.item
    owner_id = item.publisher_id if kind == "need" else item.owner_id
    assert (found.state, found.version, item.state, owner_id) == ("accepted", 1, "published", world.organisation.pk)
    assert item.texts.get(lang="zh").title == found.content["texts"]["zh"]["title"]
    names = set(Event.objects.values_list("name", flat=True))
    assert {f"catalogue.{kind}_added", f"catalogue.{kind}_published", "submissions.submission_accepted"} <= names
    assert told(world.author)[-1] == told(world.reviewer)[-1] == "submissions.accepted"


def test_an_edited_item_stays_as_it_was_until_the_new_version_is_accepted(world):
    first = world.accepted()
    change = services.start_change(actor=world.author, kind="need", item_code=first.need.code)
    texts = {"zh": {"title": "新的标题", "problem": "新的问题。"}}
    change = services.save_draft(
        actor=world.author, code=change.code, revision=change.revision, content={"texts": texts}
    )
    given = {"code": change.code, "revision": change.revision}
    services.submit(actor=world.author, **given)
    services.approve(actor=world.reviewer, **given)
    assert Need.objects.get().texts.get(lang="zh").title == NEED["texts"]["zh"]["title"]
    accepted = services.accept(actor=world.operator, **given)
    need = Need.objects.get()
    assert (accepted.version, need.state, need.texts.get(lang="zh").title) == (2, "published", "新的标题")


def test_an_item_loaded_without_a_submission_is_its_own_first_version(world):
    need = make_need(publisher=world.organisation, field="materials")
    change = services.start_change(actor=world.author, kind="need", item_code=need.code)
    make_draft(actor=world.author, organisation=world.organisation)  # the field of the code table
    given = {"code": change.code, "revision": change.revision}
    services.submit(actor=world.author, **given)
    services.approve(actor=world.reviewer, **given)
    assert services.accept(actor=world.operator, **given).version == 2


def test_a_closed_item_takes_no_new_version(world):
    first = world.accepted()
    change = services.start_change(actor=world.author, kind="need", item_code=first.need.code)
    given = {"code": change.code, "revision": change.revision}
    services.submit(actor=world.author, **given)
    services.approve(actor=world.reviewer, **given)
    from keqiao.catalogue import services as catalogue

    catalogue.close_need(actor=world.author, code=first.need.code)
    refused(ItemIsClosed, services.accept, actor=world.operator, **given)


def test_what_was_right_when_handed_in_is_read_again_when_accepted(world):
    soon = clock.today().isoformat()
    found = world.at_platform(content={**NEED, "deadline": soon})
    Submission.objects.filter(pk=found.pk).update(content={**NEED, "deadline": "2026-01-01"})
    error = refused(BadContent, services.accept, actor=world.operator, code=found.code, revision=1)
    assert error.field == "deadline"


def test_an_external_id_that_its_owner_used_before_is_named(world):
    found = world.at_platform(content={**NEED, "external_id": "X-1"})
    make_need(external_id="X-1", publisher=found.organisation)
    error = refused(BadInput, services.accept, actor=world.operator, code=found.code, revision=1)
    assert error.field == "external_id"


def test_suggested_classes_are_confirmed_at_the_latest_here(world):
    found = world.at_platform(content={**NEED, "ipc": ["B01D 71/56"]})
    error = refused(BadInput, services.accept, actor=world.operator, code=found.code, revision=1)
    assert error.field == "confirms_classification"
    services.accept(actor=world.operator, code=found.code, revision=1, confirms_classification=True)
    assert ReviewNote.objects.get(kind="confirmed").text == "B01D 71/56"


def test_classes_that_the_author_confirmed_need_no_second_word(world):
    found = world.at_platform(content={**NEED, "ipc": ["B01D 71/56"], "confirmed": ["ipc:B01D 71/56"]})
    assert services.accept(actor=world.operator, code=found.code, revision=1).state == "accepted"


@pytest.mark.parametrize("who", ["author", "reviewer", "stranger"])
def test_only_the_platform_accepts_declines_and_sends_back(world, who):
    found = world.at_platform()
    actor = getattr(world, who)
    error = NotFound if who == "stranger" else NotAllowed
    refused(error, services.accept, actor=actor, code=found.code, revision=1)
    refused(error, services.send_back, actor=actor, code=found.code, revision=1, text="请补充。")
    refused(error, services.decline, actor=actor, code=found.code, revision=1, reason="untrue", text="不实。")


def test_an_operator_does_not_decide_about_their_own_organisation(world):
    found = world.at_platform()
    own = give_post(world.operator, world.organisation, Role.RESEARCHER)
    refused(NotAllowed, services.accept, actor=own, code=found.code, revision=1)


def test_an_operator_who_wrote_it_does_not_accept_it(rules):
    home = make_organisation(kind="agency")
    author = make_actor(organisation=home, role=Role.ADMINISTRATOR)
    draft = make_draft(actor=author, organisation=home)
    found = services.submit(actor=author, code=draft.code, revision=1)
    assert found.state == "platform_review"
    refused(NotAllowed, services.accept, actor=author, code=found.code, revision=1)
    refused(NotAllowed, services.accept_directly, actor=author, code=found.code)


def test_the_system_decides_nothing(world):
    found = world.at_platform()
    refused(NotAllowed, services.accept, actor=parties.system(), code=found.code, revision=1)


def test_declined_with_a_reason_from_the_list_and_words(world):
    found = world.at_platform()
    given = {"actor": world.operator, "code": found.code, "revision": 1}
    assert refused(BadInput, services.decline, **given, reason="boring", text="无聊。").field == "reason"
    assert refused(BadInput, services.decline, **given, reason="untrue", text=" ").field == "text"
    services.decline(**given, reason="untrue", text="指标 2 与报告不一致。")
    note = ReviewNote.objects.get(kind="decline")
    assert (fresh(found).state, note.reason, note.text) == ("declined", "untrue", "指标 2 与报告不一致。")
    assert told(world.author)[-1] == "submissions.declined"
    assert Need.objects.count() == 0


def test_after_the_platforms_question_the_approval_holds_for_the_places_asked_about(world):
    found = world.at_platform()
    services.send_back(actor=world.operator, code=found.code, revision=1, questions=ASK)
    rows = [{**NEED["indicators"][0], "value": "18"}]
    saved = services.save_draft(actor=world.author, code=found.code, revision=1, content={"indicators": rows})
    again = services.submit(actor=world.author, code=found.code, revision=saved.revision)
    assert (again.state, again.skipped) == ("platform_review", "")
    assert notes(again)[-1] == ("covered", "organisation")


def test_what_else_was_changed_goes_through_the_organisation_again(world):
    found = world.at_platform()
    services.send_back(actor=world.operator, code=found.code, revision=1, questions=ASK)
    rows = [{**NEED["indicators"][0], "value": "18"}]
    saved = services.save_draft(
        actor=world.author, code=found.code, revision=1, content={"indicators": rows, "price_high": 900_000_000}
    )
    assert services.submit(actor=world.author, code=found.code, revision=saved.revision).state == "organisation_review"


def test_taken_back_it_is_a_draft_again_and_goes_through_both_steps(world):
    found = world.at_platform()
    services.claim(actor=world.operator, code=found.code)
    services.take_back(actor=world.author, code=found.code)
    assert (fresh(found).state, fresh(found).reviewer_id, fresh(found).due_on) == ("draft", None, None)
    assert told(world.operator)[-1] == "submissions.taken_back"
    refused(NotFound, services.take_back, actor=world.operator, code=found.code)
    refused(WrongState, services.take_back, actor=world.author, code=found.code)
    assert services.submit(actor=world.author, code=found.code, revision=1).state == "platform_review"


def test_what_the_organisation_sent_back_is_its_own_again(world):
    found = world.at_platform()
    services.claim(actor=world.operator, code=found.code)
    services.take_back(actor=world.author, code=found.code)
    services.submit(actor=world.author, code=found.code, revision=1)
    Submission.objects.update(state="organisation_review")
    services.return_to_author(actor=world.reviewer, code=found.code, revision=1, questions=ASK)
    with pytest.raises(NotFound):
        selectors.get_submission(found.code, actor=world.operator)


# --- without review ---------------------------------------------------------------------------------------------------


def test_what_an_operator_imports_for_others_is_published_and_recorded_as_such(world):
    draft = world.draft()
    Submission.objects.filter(pk=draft.pk).update(origin="import", author_id=world.operator.person_id)
    found = services.accept_directly(actor=world.operator, code=draft.code)
    assert (found.state, found.version, notes(found)) == ("accepted", 1, [("direct", "platform")])
    assert Event.objects.filter(name="submissions.submission_accepted_directly").count() == 1


def test_what_was_written_in_the_form_is_never_published_without_review(world):
    draft = world.draft()
    Submission.objects.filter(pk=draft.pk).update(author_id=world.operator.person_id)
    refused(NotAllowed, services.accept_directly, actor=world.operator, code=draft.code)
    refused(NotAllowed, services.accept_directly, actor=world.author, code=draft.code)


def test_only_its_reviewers_waive_for_an_organisation(world):
    given = {"organisation_id": world.organisation.pk}
    refused(NotAllowed, services.waive_review, actor=world.author, reason="省事。", **given)
    refused(NotFound, services.waive_review, actor=world.operator, reason="省事。", **given)
    assert refused(BadInput, services.waive_review, actor=world.reviewer, reason=" ", **given).field == "reason"
    refused(WrongState, services.end_waiver, actor=world.reviewer, **given)
    services.waive_review(actor=world.reviewer, reason="人员少。", **given)
    refused(WrongState, services.waive_review, actor=world.colleague, reason="人员少。", **given)
    refused(NotAllowed, services.end_waiver, actor=world.author, **given)
    services.end_waiver(actor=world.colleague, **given)
    assert ReviewWaiver.objects.filter(ended_at=None).count() == 0


# --- two at once ------------------------------------------------------------------------------------------------------


def race(*steps):
    """Run the steps at the same moment in threads of their own; their results or errors, in order."""
    found, start = [None] * len(steps), Barrier(len(steps))

    def run(place, step):
        try:
            start.wait()
            found[place] = step()
        except DomainError as error:
            found[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_wins_and_the_other_hears_who(rules):
    world = make_world()
    found = world.at_platform()
    given = {"code": found.code, "revision": found.revision}
    results = race(
        lambda: services.accept(actor=world.operator, **given),
        lambda: services.decline(actor=world.second_operator, **given, reason="untrue", text="不实。"),
    )
    lost = [result for result in results if isinstance(result, DomainError)]
    assert len(lost) == 1
    assert isinstance(lost[0], AlreadyDecided)
    winner = world.operator if results[1] is lost[0] else world.second_operator
    assert winner.name in str(lost[0])
    accepted = fresh(found).state == SubmissionState.ACCEPTED
    assert Need.objects.count() == int(accepted)
    assert [kind for kind, _step in notes(found)][-1:] == ["acceptance" if accepted else "decline"]


@pytest.mark.django_db(transaction=True)
def test_taken_back_or_approved_never_both(rules):
    world = make_world()
    found = world.submitted()
    results = race(
        lambda: services.approve(actor=world.reviewer, code=found.code, revision=1),
        lambda: services.take_back(actor=world.author, code=found.code),
    )
    assert fresh(found).state in {"platform_review", "draft"}
    # Taking back after the approval is fine; approving what was taken back is not.
    assert not isinstance(results[1], DomainError)
    assert fresh(found).state == "draft"
