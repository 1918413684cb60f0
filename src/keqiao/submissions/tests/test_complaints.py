from threading import Barrier, Thread

import pytest
from django.db import connection

from keqiao.catalogue.models import Need
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Notice, Parameter
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_operator
from keqiao.parties.types import Role
from keqiao.submissions import selectors, services
from keqiao.submissions.models import Complaint
from keqiao.submissions.tests.worlds import give_post, make_world
from keqiao.submissions.types import AlreadyDecided, ComplaintIsOpen, TooManyComplaints

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def world(rules):
    return make_world()


def complain(world, item=None, actor=None, **given):
    item = item or make_need(publisher=world.organisation)
    given = {"kind": "need", "item_code": item.code, "reason": "untrue", "text": "数值与论文不符。", **given}
    return services.make_complaint(actor=actor or world.stranger, **given)


def taken_up(world, **given):
    made = complain(world, **given)
    return services.take_up_complaint(actor=world.operator, code=made.code)


def trail():
    rows = Complaint.objects.order_by("pk").values_list("state", "handler", "answer", "owner_view")
    states = list(Need.objects.order_by("pk").values_list("state", flat=True))
    return list(rows), states, Event.objects.count(), Notice.objects.count()


def refused(error, func, **given):
    before = trail()
    with pytest.raises(error) as caught:
        func(**given)
    assert trail() == before
    return caught.value


def told(actor):
    return list(Notice.objects.filter(person_id=actor.person_id).order_by("created_at").values_list("kind", flat=True))


def test_anybody_signed_in_complains_and_gets_a_number_and_a_date(world):
    made = complain(world)
    assert made.code.startswith(f"TS-{clock.today().year}-")
    assert made.due_on == add_working_days(clock.today(), 10).day
    assert told(world.operator) == told(world.second_operator) == ["submissions.complaint_made"]
    assert told(world.reviewer) == []
    achievement = make_achievement()
    assert complain(world, achievement, kind="achievement").achievement == achievement


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"reason": "boring"}, BadInput, "reason"),
        ({"text": "  "}, BadInput, "text"),
        ({"text": "x" * 4_001}, BadInput, "text"),
        ({"kind": "person"}, NotFound, ""),
        ({"item_code": "XQ-2026-99999"}, NotFound, ""),
    ],
)
def test_a_bad_complaint_is_refused(world, given, error, field):
    item = make_need(publisher=world.organisation)
    assert refused(error, complain, world=world, item=item, **given).field == field


def test_visitors_and_the_owners_people_do_not_complain(world):
    item = make_need(publisher=world.organisation)
    refused(NotAllowed, complain, world=world, item=item, actor=parties.visitor())
    refused(BadInput, complain, world=world, item=item, actor=world.author)


@pytest.mark.parametrize("state", ["draft", "withdrawn", "expired"])
def test_what_is_not_public_is_not_there(world, state):
    item = make_need(publisher=world.organisation, state=state)
    refused(NotFound, complain, world=world, item=item)
    refused(NotFound, complain, world=world, item=item, actor=world.operator)


def test_one_open_complaint_per_person_and_item(world):
    item = make_need(publisher=world.organisation)
    first = complain(world, item)
    refused(ComplaintIsOpen, complain, world=world, item=item)
    complain(world, item, actor=world.second_operator)
    services.take_back_complaint(actor=world.stranger, code=first.code)
    complain(world, item)


def test_the_limit_of_a_day(world):
    Parameter.objects.filter(key="submissions.complaints_per_day").update(value=2)
    complain(world)
    complain(world)
    item = make_need(publisher=world.organisation)
    assert refused(TooManyComplaints, complain, world=world, item=item).status == 429


def test_the_owner_sees_it_once_it_is_taken_up_and_never_who(world):
    made = complain(world)
    with pytest.raises(NotFound):
        selectors.get_complaint(made.code, actor=world.reviewer)
    services.take_up_complaint(actor=world.operator, code=made.code)
    found = selectors.get_complaint(made.code, actor=world.reviewer)
    assert not selectors.is_complainant_seen_by(world.reviewer, found)
    assert selectors.is_complainant_seen_by(world.operator, found)
    assert told(world.reviewer) == ["submissions.complaint_taken_up"]
    assert told(world.stranger) == ["submissions.complaint_received"]
    for notice in Notice.objects.all():
        assert made.text not in notice.title_zh
        assert world.stranger.name not in notice.title_zh


def test_a_complaint_taken_back_before_it_was_taken_up_never_reaches_the_owner(world):
    made = complain(world)
    services.take_back_complaint(actor=world.stranger, code=made.code)
    with pytest.raises(NotFound):
        selectors.get_complaint(made.code, actor=world.reviewer)
    assert told(world.reviewer) == []


def test_an_operator_of_the_owner_neither_handles_it_nor_sees_who(world):
    made = complain(world)
    own = give_post(world.operator, world.organisation, Role.RESEARCHER)
    refused(NotFound, services.take_up_complaint, actor=own, code=made.code)
    services.take_up_complaint(actor=world.second_operator, code=made.code)
    assert not selectors.is_complainant_seen_by(own, selectors.get_complaint(made.code, actor=own))
    refused(NotAllowed, services.dismiss_complaint, actor=own, code=made.code, answer="属实。")


def test_an_operator_does_not_handle_their_own_complaint(world):
    made = complain(world, actor=world.operator)
    refused(NotAllowed, services.take_up_complaint, actor=world.operator, code=made.code)


def test_upheld_the_item_is_withdrawn_and_both_sides_are_answered(world):
    made = taken_up(world)
    services.uphold_complaint(
        actor=world.operator, code=made.code, answer="已撤下。", owner_answer="指标 2 与报告不符。"
    )
    made.refresh_from_db()
    assert (made.state, made.need.state, made.answer) == ("upheld", "withdrawn", "已撤下。")
    assert told(world.stranger)[-1] == told(world.reviewer)[-1] == "submissions.complaint_upheld"
    assert Event.objects.get(name="catalogue.need_withdrawn").data == {"reason": "complaint"}
    for event in Event.objects.filter(name__startswith="submissions."):
        assert made.text not in str(event.data)


@pytest.mark.parametrize("state", ["closed", "expired"])
def test_upheld_also_what_is_closed_or_expired_cannot_come_back(world, state):
    made = taken_up(world)
    Need.objects.filter(pk=made.need_id).update(state=state)
    services.uphold_complaint(actor=world.operator, code=made.code, answer="已撤下。", owner_answer="不符。")
    assert Need.objects.get(pk=made.need_id).state == "withdrawn"


def test_dismissed_the_item_stays(world):
    made = taken_up(world)
    services.dismiss_complaint(actor=world.operator, code=made.code, answer="所述数值属实。")
    made.refresh_from_db()
    assert (made.state, made.need.state) == ("dismissed", "published")
    assert told(world.stranger)[-1] == told(world.reviewer)[-1] == "submissions.complaint_dismissed"


def test_the_owner_states_a_view(world):
    made = taken_up(world)
    refused(BadInput, services.state_view, actor=world.author, code=made.code, text=" ")
    refused(NotFound, services.state_view, actor=world.author, code="TS-2026-99999", text="有报告。")
    refused(NotAllowed, services.state_view, actor=world.stranger, code=made.code, text="有报告。")
    services.state_view(actor=world.author, code=made.code, text="见检测报告第 4 页。")
    assert told(world.operator)[-1] == "submissions.complaint_answered"
    services.dismiss_complaint(actor=world.operator, code=made.code, answer="属实。")
    refused(WrongState, services.state_view, actor=world.author, code=made.code, text="再说一句。")


def test_answers_are_written(world):
    made = taken_up(world)
    given = {"actor": world.operator, "code": made.code}
    assert refused(BadInput, services.uphold_complaint, **given, answer="", owner_answer="x").field == "answer"
    assert refused(BadInput, services.uphold_complaint, **given, answer="x", owner_answer="").field == "owner_answer"
    assert refused(BadInput, services.dismiss_complaint, **given, answer=" ").field == "answer"


def test_only_operators_decide_and_only_what_is_taken_up(world):
    made = complain(world)
    refused(WrongState, services.dismiss_complaint, actor=world.operator, code=made.code, answer="属实。")
    services.take_up_complaint(actor=world.operator, code=made.code)
    refused(NotAllowed, services.dismiss_complaint, actor=world.reviewer, code=made.code, answer="属实。")
    refused(NotAllowed, services.take_up_complaint, actor=world.stranger, code=made.code)
    refused(NotAllowed, services.take_back_complaint, actor=world.operator, code=made.code)
    services.dismiss_complaint(actor=world.operator, code=made.code, answer="属实。")
    refused(WrongState, services.take_back_complaint, actor=world.stranger, code=made.code)


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_at_once_one_decides(rules):
    world = make_world()
    third = make_operator()
    made = taken_up(world)
    start, found = Barrier(2), {}

    def run(name, decide):
        try:
            start.wait()
            found[name] = decide()
        except DomainError as error:
            found[name] = error
        finally:
            connection.close()

    steps = {
        "uphold": lambda: services.uphold_complaint(
            actor=world.second_operator, code=made.code, answer="已撤下。", owner_answer="不符。"
        ),
        "dismiss": lambda: services.dismiss_complaint(actor=third, code=made.code, answer="属实。"),
    }
    threads = [Thread(target=run, args=pair) for pair in steps.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [result for result in found.values() if isinstance(result, DomainError)]
    made.refresh_from_db()
    assert [type(error) for error in lost] == [AlreadyDecided]
    assert (made.state == "upheld") == (Need.objects.get().state == "withdrawn")


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_twice_at_once_makes_one_complaint(rules):
    world = make_world()
    item = make_need(publisher=world.organisation)
    start, lost = Barrier(2), []

    def run():
        try:
            start.wait()
            complain(world, item)
        except ComplaintIsOpen as error:
            lost.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(lost), Complaint.objects.count()) == (1, 1)
