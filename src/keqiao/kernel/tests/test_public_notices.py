"""Public notices: their days, objections until the last second, answers, and the end."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from keqiao.kernel import clock, public_notices
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Objection, PublicNotice, PublicNoticeState
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
SYSTEM = parties.system()


@pytest.fixture
def home():
    return make_organisation(kind="university")


@pytest.fixture
def officer(home, monkeypatch):
    actor = make_actor(organisation=home)
    answers = public_notices.Kind("test.kind", "x", {}, lambda who, _notice: who.person_id == actor.person_id)
    monkeypatch.setitem(public_notices._kinds, "test.kind", answers)
    return actor


@pytest.fixture
def member(home):
    return make_actor(organisation=home)


def open_one(home, *, audience="unit", rule="reward_notice.least_days", subject="test.thing:1"):
    return public_notices.open_notice(
        actor=SYSTEM, kind="test.kind", subject=subject, organisation_ids=[home.pk], audience=audience,
        title_zh="奖励公示", facts=[("total", {"minor": 100, "currency": "CNY"})], people=[{"person": 1}], days_rule=rule,
    )  # fmt: skip


def object_to(actor, notice, home, text="份额不对"):
    return public_notices.object_to(actor=actor, code=notice.code, text=text, within=[home.pk])


def close(notice):
    PublicNotice.objects.filter(pk=notice.pk).update(
        opened_at=clock.now() - timedelta(days=30), closes_at=clock.now() - timedelta(seconds=1)
    )


def test_the_days_come_from_the_dated_rule_in_calendar_or_working_days(home, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 9, 28, 3, tzinfo=UTC))
    working = open_one(home)
    calendar = open_one(home, rule="notice.least_days", subject="test.thing:2")
    assert (working.in_working_days, working.days, str(public_notices.last_day(working))) == (True, 15, "2026-10-23")
    assert (calendar.in_working_days, calendar.days, str(public_notices.last_day(calendar))) == (
        False,
        15,
        "2026-10-13",
    )


def test_an_objection_is_taken_and_answered_and_the_notice_passes(home, officer, member):
    notice = open_one(home)
    made = object_to(member, notice, home)
    close(notice)
    assert public_notices.pass_notice(actor=SYSTEM, notice_id=notice.pk) is False  # somebody waits for an answer
    said = {"code": notice.code, "objection_code": made.code, "answer": "经核实无误"}
    with pytest.raises(NotFound):
        public_notices.answer_objection(actor=member, outcome="dismissed", **said)
    with pytest.raises(BadInput):
        public_notices.answer_objection(actor=officer, outcome="maybe", **said)
    public_notices.answer_objection(actor=officer, outcome="dismissed", **said)
    with pytest.raises(WrongState):
        public_notices.answer_objection(actor=officer, outcome="upheld", **said)
    assert public_notices.pass_notice(actor=SYSTEM, notice_id=notice.pk) is True
    assert public_notices.pass_notice(actor=SYSTEM, notice_id=notice.pk) is False
    notice.refresh_from_db()
    assert (notice.state, Event.objects.filter(name="kernel.public_notice_passed").count()) == ("passed", 1)


def test_an_objection_that_is_upheld_stops_the_notice(home, officer, member):
    notice = open_one(home)
    made = object_to(member, notice, home)
    public_notices.answer_objection(
        actor=officer, code=notice.code, objection_code=made.code, outcome="upheld", answer="属实"
    )
    notice.refresh_from_db()
    assert notice.state == PublicNoticeState.STOPPED
    with pytest.raises(public_notices.NoticeOver):
        object_to(member, notice, home)


def test_who_sees_a_notice(home, officer, member):
    unit, public = open_one(home), open_one(home, audience="public", subject="test.thing:2")
    stranger, visitor = make_actor(organisation=make_organisation()), parties.visitor()

    def seen(actor, within=()):
        return {row.pk for row in public_notices.visible_to(actor, within=within)}

    assert seen(member, [home.pk]) == {unit.pk, public.pk}
    assert seen(stranger) == seen(visitor) == {public.pk}
    with pytest.raises(NotFound):
        public_notices.object_to(actor=stranger, code=unit.code, text="x", within=[])
    with pytest.raises(NotAllowed):
        public_notices.object_to(actor=visitor, code=public.code, text="x", within=[])
    object_to(member, unit, home)
    close(unit), close(public)
    assert seen(member, [home.pk]) == {unit.pk}  # whoever objected reads the answer
    assert seen(stranger) == set()
    assert public_notices.get(public.code, actor=officer, within=[]) == public
    assert public_notices.objections_visible_to(stranger, unit).count() == 0


def test_nobody_answers_their_own_objection(home, officer):
    notice = open_one(home)
    made = object_to(officer, notice, home)
    with pytest.raises(NotAllowed):
        public_notices.answer_objection(
            actor=officer, code=notice.code, objection_code=made.code, outcome="dismissed", answer="x"
        )


@pytest.mark.django_db(transaction=True)
def test_an_objection_that_waited_past_the_last_second_is_refused(home, officer, member, rules):
    """It asks in time, waits for the row, and gets it when the time is over: the database's clock decides."""
    notice = open_one(home)
    PublicNotice.objects.filter(pk=notice.pk).update(closes_at=clock.now() + timedelta(seconds=1))
    held, found = threading.Event(), []

    def late():
        held.wait()
        try:
            found.append(object_to(member, notice, home))
        except public_notices.NoticeOver as refused:
            found.append(refused)
        connection.close()

    thread = threading.Thread(target=late)
    thread.start()
    with transaction.atomic():
        PublicNotice.objects.select_for_update().get(pk=notice.pk)
        held.set()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1.2)")
    thread.join()
    assert isinstance(found[0], public_notices.NoticeOver)
    assert Objection.objects.count() == 0


def test_erasing_blanks_the_words_and_keeps_the_place(home, officer, member):
    from keqiao.kernel import holdings

    made = object_to(member, open_one(home), home, "我是欧阳秋澄，我反对")
    assert holdings.export(member.person_id)["objections"][0]["text"] == "我是欧阳秋澄，我反对"
    holdings.erase(member.person_id)
    made.refresh_from_db()
    assert "欧阳" not in made.text
