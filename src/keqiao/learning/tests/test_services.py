"""From a match that was shown to points in force and back, through the commands."""

import pytest
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from keqiao.catalogue.tests.factories import make_achievement
from keqiao.engagement import services as engagement
from keqiao.engagement.tests.factories import a_key, make_contact, make_world
from keqiao.kernel import clock, events
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Event
from keqiao.learning import erasing, selectors, services, training
from keqiao.learning.models import LearnedModel, Refusal, TrainingRow
from keqiao.learning.tests.factories import make_city
from keqiao.learning.types import NotConfirmed, NothingToRollBack, PointsChanged, TrainingUnderWay
from keqiao.matching import scoring
from keqiao.matching import selectors as matching
from keqiao.matching.tests.factories import make_match
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_operator, make_organisation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
system = parties.system()
SHIPPED = {"technology": 25, "indicators": 35, "maturity": 15, "modes": 10, "price": 10, "region": 5}


def hear():
    """What the worker does next."""
    for event in Event.objects.order_by("pk"):
        events.dispatch(event)


def show(world, first=1):
    need_side = matching.matches_of_need(world.need, actor=world.asker)
    services.note_shown(
        actor=world.asker, side="need", organisation_id=world.need.publisher_id, matches=need_side, first=first
    )


# --- rows -------------------------------------------------------------------------------------------------------------


def test_what_is_shown_is_kept_once_with_place_version_and_fits():
    world = make_world()
    make_match(world.need, make_achievement(), 60)
    show(world)
    show(world, first=5)
    rows = list(TrainingRow.objects.order_by("position"))
    assert [(row.position, row.side, row.version, row.score) for row in rows] == [
        (1, "need", "test", 90),
        (2, "need", "test", 60),
    ]
    assert rows[0].fits == [1.0, 1.0, 1.0, 1.0, 0.5, 0.0]
    assert {row.organisation_id for row in rows} == {world.need.publisher_id}
    assert {row.person_id for row in rows} == {None}


def test_what_strangers_read_and_what_is_not_public_is_not_kept():
    world = make_world()
    shown = matching.matches_of_need(world.need, actor=world.owner)
    services.note_shown(actor=world.owner, side="need", organisation_id=world.need.publisher_id, matches=shown)
    hidden = make_world(state="draft")
    show(hidden)
    assert TrainingRow.objects.count() == 0


def test_answers_are_written_on_the_row_and_taken_back_with_undo():
    world = make_world()
    show(world)
    given = {"need_code": world.need.code, "achievement_code": world.achievement.code}
    engagement.mark_match(actor=world.asker, is_suitable=False, reason="price", **given)
    hear()
    row = TrainingRow.objects.get()
    assert (row.is_suitable, row.reason, row.person_id, row.position) == (False, "price", world.manager.pk, 1)
    touched_at = row.touched_at
    hear()
    row.refresh_from_db()
    assert row.touched_at == touched_at  # nothing new: a training that was asked for in between still has the row
    engagement.unmark_match(actor=world.asker, **given)
    hear()
    hear()
    row.refresh_from_db()
    assert (row.is_suitable, row.reason, row.person_id, row.marked_at) == (None, "", None, None)


def test_a_contact_is_followed_to_its_answer_and_to_the_deal():
    world = make_world()
    show(world)
    contact = make_contact(world)
    engagement.answer_contact(actor=world.owner, code=contact.code, text="可以，25 ℃ 下测得。", key=a_key())
    hear()
    row = TrainingRow.objects.get()
    assert (row.contacted_at is not None, row.answered_at is not None, row.declined_at) == (True, True, None)
    now, pair = clock.now(), {"need_id": world.need.pk, "achievement_id": world.achievement.pk}
    assert services.report_outcome(actor=system, kind="signed", at=now, **pair) == 1
    assert services.report_outcome(actor=system, kind="signed", at=now, **pair) == 0
    row.refresh_from_db()
    assert row.signed_at == now
    assert training.grade(vars(row)) == training.DEAL
    with pytest.raises(BadInput):
        services.report_outcome(actor=system, kind="married", at=now, **pair)
    with pytest.raises(NotAllowed):
        services.report_outcome(actor=world.asker, kind="signed", at=now, **pair)


def test_a_contact_that_was_declined_as_not_fitting_teaches_neither_way():
    world = make_world()
    contact = make_contact(world)
    engagement.decline_contact(actor=world.owner, code=contact.code, reason="not_fitting")
    hear()
    row = TrainingRow.objects.get()  # nothing was recorded as shown: the match as it stood
    assert (row.shown_at, row.position, row.answered_at, row.decline_reason) == (None, 1, None, "not_fitting")
    assert training.grade(vars(row)) == training.SHOWN


def test_who_refuses_is_neither_recorded_nor_learned_from(settings):
    make_city(organisations=2)
    world = make_world()
    show(world)
    engagement.mark_match(
        actor=world.asker, need_code=world.need.code, achievement_code=world.achievement.code, is_suitable=True
    )
    hear()
    assert training.gather(clock.now()).organisations == 3
    services.refuse_participation(actor=world.asker, organisation_code=world.need.publisher.code)
    services.refuse_participation(actor=world.asker, organisation_code=world.need.publisher.code)
    assert Refusal.objects.count() == 1
    make_match(world.need, make_achievement(), 60)
    show(world)
    assert TrainingRow.objects.filter(need=world.need).count() == 1
    assert training.gather(clock.now()).organisations == 2
    services.resume_participation(actor=world.asker, organisation_code=world.need.publisher.code)
    assert training.gather(clock.now()).organisations == 3
    with pytest.raises(NotFound):
        services.refuse_participation(actor=world.owner, organisation_code=world.need.publisher.code)
    with pytest.raises(NotAllowed):
        services.refuse_participation(actor=make_operator(), organisation_code=world.need.publisher.code)


def test_erased_people_and_old_rows_go_and_merged_organisations_move():
    world = make_world()
    show(world)
    engagement.mark_match(
        actor=world.asker, need_code=world.need.code, achievement_code=world.achievement.code, is_suitable=True
    )
    hear()
    assert erasing.export(world.manager.pk)["learned_from"][0]["need"] == world.need.code
    other = make_organisation(kind="enterprise")
    TrainingRow.objects.update(organisation=other)
    other.merged_into = world.need.publisher
    other.save()
    assert services.move_rows(actor=system, from_id=other.pk, merge_id=1) == 1
    assert TrainingRow.objects.get().organisation_id == world.need.publisher_id
    other.merged_into = None
    other.save()
    assert services.move_rows_back(actor=system, merge_id=1) == 1
    erasing.erase(world.manager.pk)
    assert TrainingRow.objects.count() == 0


def test_rows_older_than_the_window_are_forgotten():
    make_city(organisations=1, matches=4)
    old = clock.now().replace(year=clock.now().year - 3)
    TrainingRow.objects.filter(position__lte=2).update(touched_at=old)
    assert services.forget_old_rows(actor=system) == 2
    assert services.forget_old_rows(actor=system) == 0


# --- training ---------------------------------------------------------------------------------------------------------


def trained(**city):
    needs = make_city(**city)
    operator = make_operator()
    model = services.start_training(actor=operator)
    training.train(model.pk)
    return needs, operator, selectors.get_model(model.code, actor=operator)


def test_a_training_learns_writes_its_card_and_changes_nothing():
    needs, _operator, model = trained(organisations=6)
    assert model.state == "ready"
    assert sum(model.points.values()) == 100
    assert model.points["technology"] > SHIPPED["technology"]
    assert model.points["maturity"] > SHIPPED["maturity"]
    assert all(abs(model.points[stone] - SHIPPED[stone]) <= 15 for stone in SHIPPED)
    assert model.card["before"] == model.card["shipped"] == SHIPPED
    assert {name: model.card["data"][name] for name in ("answers", "organisations", "people", "shown")} == {
        "answers": 36, "organisations": 6, "people": 6, "shown": 48,
    }  # fmt: skip
    assert model.card["estimate"]["after"] > model.card["estimate"]["before"]
    assert model.card["judged"]["needs"] == 12
    assert model.card["needs"]["compared"] == 6
    assert matching.points_in_force().plain == SHIPPED
    shown = selectors.differences_of(model)
    assert {row.need.pk for row in shown} <= {need.pk for need in needs}
    move = shown[0].moves[0]
    assert (move.before, move.rises) != (move.after, None)


@pytest.mark.slow
def test_a_training_that_ran_again_says_the_same(monkeypatch):
    """Killed before its last step: the job runs from the start, and what was answered meanwhile does not count."""
    make_city(organisations=6)
    model = services.start_training(actor=make_operator())
    finish = services.finish_training

    def killed(**_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(services, "finish_training", killed)
    with pytest.raises(KeyboardInterrupt):
        training.train(model.pk)
    model.refresh_from_db()
    assert (model.state, model.step, model.points) == ("training", "comparing", {})
    make_city(organisations=3, seed=2)
    kept = {}
    monkeypatch.setattr(services, "finish_training", lambda **given: kept.update(given) or finish(**given))
    training.train(model.pk)
    model.refresh_from_db()
    assert (model.state, model.card["data"]["organisations"]) == ("ready", 6)
    training.train(model.pk)  # done: nothing happens
    assert Event.objects.filter(name="learning.training_finished").count() == 1
    assert kept["points"] == model.points


@pytest.mark.parametrize(
    ("city", "trouble"),
    [({"organisations": 4}, "few_organisations"), ({"organisations": 6, "matches": 4}, "few_answers")],
)
def test_too_little_is_not_learned_from(city, trouble):
    _needs, _operator, model = trained(**city)
    assert (model.state, model.trouble, model.points) == ("failed", trouble, {})
    assert model.card["data"]["organisations"] == city["organisations"]


def test_one_training_at_a_time_and_it_can_be_stopped():
    make_city(organisations=6)
    operator = make_operator()
    model = services.start_training(actor=operator)
    assert ProcrastinateJob.objects.filter(task_name="keqiao.learning.tasks.train_model").count() == 1
    with pytest.raises(TrainingUnderWay):
        services.start_training(actor=operator)
    services.stop_training(actor=operator, code=model.code)
    training.train(model.pk)
    model.refresh_from_db()
    assert (model.state, model.trouble) == ("failed", "stopped")
    with pytest.raises(NotAllowed):
        services.start_training(actor=make_world().asker)


# --- in force ---------------------------------------------------------------------------------------------------------


def test_points_are_put_in_force_and_taken_back():
    _needs, operator, model = trained(organisations=6)
    before = scoring.version()
    with pytest.raises(NotConfirmed):
        services.promote_model(actor=operator, code=model.code, has_read_card=False)
    services.promote_model(actor=operator, code=model.code, has_read_card=True)
    held = matching.points_in_force()
    assert (held.plain, held.name, held.is_own) == (model.points, model.code, True)
    scoring.forget_weights()
    assert model.code in scoring.version()
    assert ProcrastinateJob.objects.filter(task_name="keqiao.matching.tasks.find_stale_matches").count() == 1
    model.refresh_from_db()
    assert (model.state, model.promoted_by_id) == ("in_force", operator.person_id)
    event = Event.objects.get(name="learning.model_promoted")
    assert (event.actor_id, event.data["points"]) == (operator.person_id, model.points)

    assert services.roll_back(actor=operator, is_confirmed=True) is None
    scoring.forget_weights()
    assert (matching.points_in_force().plain, scoring.version()) == (SHIPPED, before)
    model.refresh_from_db()
    assert (model.state, model.retired_at is not None) == ("retired", True)
    with pytest.raises(NothingToRollBack):
        services.roll_back(actor=operator, is_confirmed=True)


@pytest.mark.slow
def test_a_later_model_falls_back_to_the_one_before():
    _needs, operator, first = trained(organisations=6)
    services.promote_model(actor=operator, code=first.code, has_read_card=True)
    make_city(organisations=6, seed=3, wishes=(20, 20, 10, 25, 20, 5))
    second = services.start_training(actor=operator)
    training.train(second.pk)
    second.refresh_from_db()
    assert (second.state, second.card["before"]) == ("ready", first.points)
    services.promote_model(actor=operator, code=second.code, has_read_card=True)
    with pytest.raises(PointsChanged):
        services.promote_model(actor=operator, code=first.code, has_read_card=True)
    assert services.roll_back(actor=operator, is_confirmed=True).code == first.code
    assert matching.points_in_force().name == first.code
    assert LearnedModel.objects.get(state="in_force").pk == first.pk
    assert services.roll_back(actor=operator, is_confirmed=True) is None
    assert matching.points_in_force().plain == SHIPPED


def test_others_neither_see_nor_change_models():
    _needs, operator, model = trained(organisations=6)
    stranger = make_world().asker
    with pytest.raises(NotFound):
        services.promote_model(actor=stranger, code=model.code, has_read_card=True)
    with pytest.raises(NotAllowed):
        services.roll_back(actor=stranger, is_confirmed=True)
    with pytest.raises(NotAllowed):
        selectors.rows_by_month(stranger)
    month = selectors.rows_by_month(operator)[0]
    assert (month.counts["shown"], month.counts["suitable"], month.counts["unsuitable"], month.counts["signed"]) == (
        48, 24, 12, 0,
    )  # fmt: skip


def test_differences_leave_out_what_is_no_longer_public():
    _needs, _operator, model = trained(organisations=6)
    shown = selectors.differences_of(model)
    need = shown[0].need
    type(need).objects.filter(pk=need.pk).update(state="withdrawn")
    assert need.pk not in {row.need.pk for row in selectors.differences_of(model)}


@pytest.fixture(autouse=True)
def _forget():
    scoring.forget_weights()
    with translation.override("zh-hans"):
        yield
    scoring.forget_weights()
