"""Commands of the learning context: what was shown and answered, training, putting points in force and taking them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from keqiao.engagement import selectors as engagement
from keqiao.engagement.types import Outcome
from keqiao.kernel import clock, codes, moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.learning.models import LearnedModel, Refusal, TrainingRow
from keqiao.learning.policies import can_decide_participation, can_operate, can_see_participation
from keqiao.learning.selectors import get_model, model_in_force, refusal_of
from keqiao.learning.types import (
    ModelState,
    NotConfirmed,
    NothingToRollBack,
    PointsChanged,
    RowKind,
    Step,
    TrainingUnderWay,
    Trouble,
)
from keqiao.learning.workflow import model_workflow
from keqiao.matching import selectors as matching
from keqiao.matching import services as matches
from keqiao.matching.selectors import MatchSeen
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

REPORTED = (RowKind.SIGNED,)  # outcomes that other contexts report; engagement's are heard of by its events
COLUMNS: tuple[moving.Column, ...] = ((TrainingRow, "organisation"), (Refusal, "organisation"))
AT_ONCE = 1_000  # rows deleted in one go


# --- rows -------------------------------------------------------------------------------------------------------------


@command
def note_shown(*, actor: Actor, side: str, organisation_id: int, matches: Sequence[MatchSeen], first: int = 1) -> None:
    """The organisation's own people were shown these matches of an item of theirs, from place `first` on.

    Only public items, and each match once a version: that the same list is opened again teaches nothing.
    """
    if not actor.works_for(organisation_id) or refusal_of(organisation_id):
        return
    now = clock.now()
    rows = [
        TrainingRow(
            need=match.need,
            achievement=match.achievement,
            side=side,
            organisation_id=organisation_id,
            version=match.version,
            position=place,
            shown_at=now,
            score=match.score,
            has_unmet=match.has_unmet,
            fits=list(matching.fits_of(match.arch)),
            touched_at=now,
        )
        for place, match in enumerate(matches, first)
        if match.need.state == match.achievement.state == "published"
    ]
    TrainingRow.objects.bulk_create(rows, ignore_conflicts=True)


@command
def note_answers(*, actor: Actor, need_id: int, achievement_id: int) -> None:
    """Bring the rows of a pair up to what its sides made of it by now. Twice is as once."""
    if not actor.is_system:
        raise NotAllowed
    for outcome in engagement.outcomes_of_pair(need_id, achievement_id):
        row = _row_to_answer(need_id, achievement_id, outcome)
        if row is not None:
            _write_outcome(row, outcome)


def _row_to_answer(need_id: int, achievement_id: int, outcome: Outcome) -> TrainingRow | None:
    """The row that was answered before, else the one shown last, else a new one of the match as it stands."""
    if outcome.person_id is None or refusal_of(outcome.organisation_id):
        return None  # nobody's, erased, or of somebody who takes no part
    rows = TrainingRow.objects.filter(need_id=need_id, achievement_id=achievement_id, side=outcome.side)
    rows = rows.select_for_update(no_key=True).order_by("pk")
    found = list(rows)
    answered = [row for row in found if row.person_id is not None]
    if found:
        return (answered or found)[-1]
    return _new_row(need_id, achievement_id, outcome.side, outcome.organisation_id, outcome.position)


def _new_row(
    need_id: int, achievement_id: int, side: str, organisation_id: int, position: int | None
) -> TrainingRow | None:
    match = matching.fits_of_pair(need_id, achievement_id)
    if match is None:
        return None
    row, _is_new = TrainingRow.objects.get_or_create(
        need_id=need_id,
        achievement_id=achievement_id,
        side=side,
        version=match.version,
        defaults={
            "organisation_id": organisation_id,
            "position": position,
            "score": match.score,
            "has_unmet": match.has_unmet,
            "fits": list(match.fits),
        },
    )
    return row


OUTCOME = (
    "is_suitable", "reason", "marked_at", "contacted_at", "answered_at", "declined_at", "decline_reason",
)  # fmt: skip


def _write_outcome(row: TrainingRow, outcome: Outcome) -> None:
    has_answered = outcome.is_suitable is not None or outcome.contacted_at is not None
    person_id = outcome.person_id if has_answered else None
    now = {name: getattr(outcome, name) for name in OUTCOME} | {
        "person_id": person_id,
        "position": row.position or outcome.position,
    }
    if all(getattr(row, name) == value for name, value in now.items()):
        return  # heard before: a training that runs beside still finds the row
    for name, value in now.items():
        setattr(row, name, value)
    row.touched_at = clock.now()
    row.save(update_fields=[*OUTCOME, "person", "position", "touched_at"])


@command
def report_outcome(*, actor: Actor, need_id: int, achievement_id: int, kind: str, at: datetime) -> int:
    """What came of a match elsewhere, such as a contract that was signed. For contexts above. How many rows learned of it.

    The first time counts; a pair that was never shown or answered here has no row, and nothing to teach.
    """
    if not actor.is_system:
        raise NotAllowed
    if kind not in REPORTED:
        raise BadInput(_("没有这样的结果，可以报告的有：signed。"), field="kind")
    rows = TrainingRow.objects.filter(need_id=need_id, achievement_id=achievement_id).exclude(person=None)
    found = list(rows.filter(signed_at=None).select_for_update(no_key=True).order_by("pk"))
    for row in found:
        row.signed_at, row.touched_at = at, clock.now()
        row.save(update_fields=["signed_at", "touched_at"])
    if found:
        record("learning.outcome_reported", found[0], actor=actor, need=need_id, achievement=achievement_id, kind=kind)
    return len(found)


@command
def forget_old_rows(*, actor: Actor) -> int:
    """Rows that nobody touched for longer than the window. How many went."""
    if not actor.is_system:
        raise NotAllowed
    before = clock.now() - timedelta(days=parameter("learning.window_days", on=clock.today()))
    ids = TrainingRow.objects.filter(touched_at__lt=before).order_by("touched_at").values_list("pk", flat=True)
    return TrainingRow.objects.filter(pk__in=list(ids[:AT_ONCE])).delete()[0]


# --- who takes part ---------------------------------------------------------------------------------------------------


@command
def refuse_participation(*, actor: Actor, organisation_code: str) -> None:
    """From now on nothing of the organisation is recorded, and what was goes into no further training."""
    organisation = _deciding(actor, organisation_code)
    if refusal_of(organisation.pk) is not None:
        return
    assert actor.person_id is not None  # who may decide is a person
    row = Refusal.objects.create(organisation=organisation, refused_by_id=actor.person_id, refused_at=clock.now())
    record("learning.participation_refused", row, actor=actor, organisation_id=organisation.pk)


@command
def resume_participation(*, actor: Actor, organisation_code: str) -> None:
    organisation = _deciding(actor, organisation_code)
    row = refusal_of(organisation.pk)
    if row is None:
        return
    row.ended_by_id, row.ended_at = actor.person_id, clock.now()
    row.save(update_fields=["ended_by", "ended_at"])
    record("learning.participation_resumed", row, actor=actor, organisation_id=organisation.pk)


def _deciding(actor: Actor, organisation_code: str) -> Any:
    organisation = parties.get_organisation(organisation_code, actor=actor, lock=True)
    if not can_see_participation(actor, organisation):
        raise NotFound
    if not can_decide_participation(actor, organisation):
        raise NotAllowed
    return organisation


@command
def move_rows(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Rows follow a merged organisation to the one that it has become by now. How many moved."""
    if not actor.is_system:
        raise NotAllowed
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("learning.rows_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_rows_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("learning.rows_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])


# --- training ---------------------------------------------------------------------------------------------------------


@command
def start_training(*, actor: Actor) -> LearnedModel:
    """Learn points from the rows there are now, in a job. What it learns holds only after an operator says so."""
    if not can_operate(actor):
        raise NotAllowed
    try:
        with transaction.atomic():
            model = LearnedModel.objects.create(
                code=codes.fresh(LearnedModel, "MX"), asked_by_id=actor.person_id, asked_at=clock.now()
            )
    except IntegrityError:
        raise TrainingUnderWay from None
    record("learning.training_started", model, actor=actor)
    # By its name: the jobs stand above the commands. Before other work, of which a site may have hours: somebody waits.
    task = app.configure_task("keqiao.learning.tasks.train_model", queue="learning", lock="learning", priority=1)
    task.defer(model_id=model.pk)
    return model


@command
def note_progress(*, actor: Actor, model_id: int, step: str, done: int = 0, total: int = 0) -> bool:
    """How far the job is; False when it has been stopped."""
    model = _training(actor, model_id)
    if model is None:
        return False
    model.step, model.done, model.total = Step(step), done, total
    model.save(update_fields=["step", "done", "total"])
    return True


@command
def finish_training(
    *, actor: Actor, model_id: int, points: Mapping[str, int], card: dict[str, Any], differences: list[dict[str, Any]]
) -> None:
    """Everything at once: a job killed before leaves nothing, and one that runs again finds it done."""
    model = _training(actor, model_id)
    if model is None:
        return
    model.points, model.card, model.differences = dict(points), card, differences
    model.trained_at = clock.now()
    model.save(update_fields=["points", "card", "differences", "trained_at"])
    model_workflow.advance(model, "finish", actor=actor)


@command
def fail_training(*, actor: Actor, model_id: int, trouble: str, card: dict[str, Any] | None = None) -> None:
    model = _training(actor, model_id)
    if model is None:
        return
    _fail(model, actor, trouble, card or {})


def _fail(model: LearnedModel, actor: Actor, trouble: str, card: dict[str, Any]) -> None:
    model.trouble, model.card = Trouble(trouble), card
    model.save(update_fields=["trouble", "card"])
    model_workflow.advance(model, "fail", actor=actor, trouble=str(trouble))


def _training(actor: Actor, model_id: int) -> LearnedModel | None:
    if not actor.is_system:
        raise NotAllowed
    rows = LearnedModel.objects.select_for_update(of=("self",), no_key=True)
    return rows.filter(pk=model_id, state=ModelState.TRAINING).first()


@command
def stop_training(*, actor: Actor, code: str) -> LearnedModel:
    model = get_model(code, actor=actor, lock=True)
    model_workflow.check(model, "fail", actor=actor)
    _fail(model, actor, Trouble.STOPPED, {})
    return model


# --- in force ---------------------------------------------------------------------------------------------------------


@command
def promote_model(*, actor: Actor, code: str, has_read_card: bool) -> LearnedModel:
    """Put learned points in force: all matches are computed anew by jobs. The card must be about what holds now."""
    current = model_in_force(lock=True)
    model = get_model(code, actor=actor, lock=True)
    model_workflow.check(model, "promote", actor=actor)
    if not has_read_card:
        raise NotConfirmed(field="confirmed")
    if model.card["before"] != matching.points_in_force().plain:
        raise PointsChanged
    _put_in_force(model, current, actor)
    model.follows = current
    model.save(update_fields=["follows"])
    return model


@command
def roll_back(*, actor: Actor, is_confirmed: bool) -> LearnedModel | None:
    """Back to what held before the present model: an earlier one, or with None the points that ship."""
    if not can_operate(actor):
        raise NotAllowed
    if not is_confirmed:
        raise NotConfirmed(_("请勾选“退回之前的权重”，再退回。"), field="confirmed")
    current = model_in_force(lock=True)
    if current is None:
        raise NothingToRollBack
    before = get_model(current.follows.code, actor=actor, lock=True) if current.follows else None
    if before:
        _put_in_force(before, current, actor)
    else:
        _retire(current, actor)
        matches.change_weights(actor=actor, points=None)
    record("learning.points_rolled_back", current, actor=actor, to=before.code if before else "")
    return before


def _put_in_force(model: LearnedModel, current: LearnedModel | None, actor: Actor) -> None:
    if current is not None:
        _retire(current, actor)
    model.promoted_by_id, model.promoted_at, model.retired_at = actor.person_id, clock.now(), None
    model.save(update_fields=["promoted_by", "promoted_at", "retired_at"])
    model_workflow.advance(model, "promote", actor=actor, points=model.points)
    matches.change_weights(actor=actor, points=model.points, label=model.code)


def _retire(current: LearnedModel, actor: Actor) -> None:
    current.retired_at = clock.now()
    current.save(update_fields=["retired_at"])
    model_workflow.advance(current, "retire", actor=actor)
