"""Commands: hand in, review in two steps, answer questions, waive the organisation's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from keqiao.kernel import clock
from keqiao.kernel.calendar import add_working_days
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import Actor
from keqiao.submissions import publishing
from keqiao.submissions.changes import differences, flat, is_covered, touches, unconfirmed
from keqiao.submissions.models import ReviewNote, ReviewWaiver, Submission
from keqiao.submissions.policies import can_review_for_organisation, can_review_for_platform, can_waive, can_write
from keqiao.submissions.selectors import (
    content_before,
    decision_before,
    get_submission,
    open_questions,
    platform_reviewers,
    reviewers_of,
    waiver_of,
)
from keqiao.submissions.suggestions import open_suggestions
from keqiao.submissions.telling import tell_authors, tell_reviewers
from keqiao.submissions.types import (
    AlreadyDecided,
    ClaimedByOther,
    DeclineReason,
    NoteKind,
    OpenQuestions,
    OutdatedRevision,
    ReviewStep,
    SkipReason,
    SubmissionState,
    Unconfirmed,
)
from keqiao.submissions.workflow import submission_workflow

__all__ = [
    "accept",
    "accept_directly",
    "answer_question",
    "approve",
    "claim",
    "decline",
    "end_waiver",
    "hand_over",
    "promise_date",
    "remind_reviewers",
    "return_to_author",
    "send_back",
    "submit",
    "take_back",
    "waive_review",
]

LONGEST_TEXT = 4_000
MOST_QUESTIONS = 30
IN_REVIEW = {
    SubmissionState.ORGANISATION_REVIEW: ReviewStep.ORGANISATION,
    SubmissionState.PLATFORM_REVIEW: ReviewStep.PLATFORM,
}


# --- handing in -------------------------------------------------------------------------------------------------------


@publishes
@command
def submit(*, actor: Actor, code: str, revision: int) -> Submission:
    """Hand in for review: to the organisation first, or straight to the platform where that step is skipped.

    Raises BadContent with everything that stands in the way, OutdatedRevision when somebody saved in the meantime.
    After the platform sent it back, the organisation's approval still holds when only places changed that were asked about.
    """
    submission = get_submission(code, actor=actor, lock=True)
    _check_step(submission, "submit", actor)
    _check_revision(submission, revision)
    publishing.read(submission)
    _check_answered(submission)
    if open_suggestions(submission):
        raise Unconfirmed(field="suggestions")
    _remember_writer(submission, actor)
    handed_in = _note(submission, NoteKind.SUBMISSION, ReviewStep.ORGANISATION, actor)
    skip = _skip_reason(submission)
    covered = not skip and _is_still_approved(submission)
    goes_to_platform = bool(skip) or covered
    submission.skipped = skip
    submission.submitted_at = clock.now()
    submission.reviewer = None
    submission.due_on = _due_on("platform" if goes_to_platform else "organisation")
    submission.save(update_fields=["skipped", "submitted_at", "reviewer", "due_on", "writers"])
    if skip:
        _note(submission, NoteKind.SKIPPED, ReviewStep.ORGANISATION, None, reason=skip)
        tell_authors(submission, "skipped", handed_in.pk, actor=actor)
    elif covered:
        changed = differences(submission.approved_content, submission.content)
        text = ", ".join(change.field for change in changed)
        _note(submission, NoteKind.COVERED, ReviewStep.ORGANISATION, None, text=text)
    step = "submit_to_platform" if goes_to_platform else "submit"
    submission_workflow.advance(
        submission, step, actor=actor, revision=submission.revision, skipped=skip, is_covered=covered
    )
    _tell_next_reviewers(submission, handed_in.pk, actor)
    return submission


@command
def take_back(*, actor: Actor, code: str) -> Submission:
    """The author's side takes it out of review to write on."""
    submission = get_submission(code, actor=actor, lock=True)
    _check_step(submission, "take_back", actor)
    step, reviewer_id = IN_REVIEW[SubmissionState(submission.state)], submission.reviewer_id
    note = _note(submission, NoteKind.TAKEN_BACK, step, actor)
    _clear(submission)
    submission_workflow.advance(submission, "take_back", actor=actor, revision=submission.revision)
    if reviewer_id:
        is_platform = step == ReviewStep.PLATFORM
        tell_reviewers(submission, [reviewer_id], "taken_back", note.pk, actor=actor, is_platform=is_platform)
    return submission


@publishes
@command
def answer_question(*, actor: Actor, code: str, number: int, text: str) -> ReviewNote:
    """The author's side answers a reviewer's question; the text may be changed instead, or as well."""
    submission = get_submission(code, actor=actor, lock=True)
    if not can_write(actor, submission):
        raise NotAllowed
    question = submission.notes.filter(number=number, kind=NoteKind.QUESTION).first()
    if question is None:
        raise NotFound
    if submission.state not in {SubmissionState.RETURNED, *IN_REVIEW}:
        raise WrongState
    text = _text(text, "text", required=True, example=_("“第 3 项指标按附件 2 的检测报告填写。”"))
    step = ReviewStep(question.step)
    answer = _note(submission, NoteKind.ANSWER, step, actor, text=text, field=question.field, question=question)
    record("submissions.question_answered", submission, actor=actor, question=question.pk)
    if question.person_id:
        is_platform = step == ReviewStep.PLATFORM
        tell_reviewers(submission, [question.person_id], "answered", answer.pk, actor=actor, is_platform=is_platform)
    return answer


# --- taking it in hand ------------------------------------------------------------------------------------------------


@command
def claim(*, actor: Actor, code: str, takes_over: bool = False) -> Submission:
    """Say that one reviews it. What a colleague has claimed is taken over only on purpose."""
    submission, step = _under_review(code, actor)
    if submission.reviewer_id == actor.person_id:
        return submission
    if submission.reviewer_id and not takes_over:
        raise _claimed(submission)
    before = submission.reviewer_id
    submission.reviewer_id = actor.person_id
    submission.save(update_fields=["reviewer"])
    _note(submission, NoteKind.CLAIM, step, actor)
    record("submissions.submission_claimed", submission, actor=actor, before=before)
    return submission


@command
def hand_over(*, actor: Actor, code: str, person_id: int, text: str = "") -> Submission:
    """Give it to a colleague who may review it too."""
    submission, step = _under_review(code, actor)
    _check_claim(submission, actor)
    is_platform = step == ReviewStep.PLATFORM
    colleagues = platform_reviewers(submission) if is_platform else reviewers_of(submission)
    if person_id == actor.person_id or not colleagues.filter(pk=person_id).exists():
        raise BadInput(_("只能转交给另一位可以审核这份申报的同事。"), field="person_id")
    submission.reviewer_id = person_id
    submission.save(update_fields=["reviewer"])
    note = _note(submission, NoteKind.HANDED, step, actor, text=_text(text, "text"))
    record("submissions.submission_handed_over", submission, actor=actor, to=person_id)
    tell_reviewers(submission, [person_id], "handed", note.pk, actor=actor, is_platform=is_platform)
    return submission


@command
def promise_date(*, actor: Actor, code: str, due_on: date) -> Submission:
    """Tell the author by when the answer comes."""
    submission, step = _under_review(code, actor)
    _check_claim(submission, actor)
    today = clock.today()
    if due_on < today:
        raise BadInput(
            _("答复期限 %(day)s 已经过去，例如 %(example)s。")
            % {"day": due_on, "example": add_working_days(today, 3).day},
            field="due_on",
        )
    if due_on > add_working_days(today, 60).day:
        raise BadInput(
            _("答复期限太远，最迟 60 个工作日内，例如 %(example)s。") % {"example": add_working_days(today, 10).day},
            field="due_on",
        )
    submission.due_on = due_on
    submission.save(update_fields=["due_on"])
    note = _note(submission, NoteKind.PROMISE, step, actor, due_on=due_on)
    record("submissions.date_promised", submission, actor=actor, due_on=due_on.isoformat())
    tell_authors(submission, "promised", note.pk, actor=actor)
    return submission


@command
def remind_reviewers(*, actor: Actor, code: str) -> None:
    """The promised day has passed: who claimed it hears, or everybody who may. Once per promised day; the job does this."""
    if not actor.is_system:
        raise NotAllowed
    submission = get_submission(code, actor=actor)
    if submission.state not in IN_REVIEW or submission.due_on is None or submission.due_on >= clock.today():
        return
    is_platform = submission.state == SubmissionState.PLATFORM_REVIEW
    everybody = platform_reviewers(submission) if is_platform else reviewers_of(submission)
    people = [submission.reviewer_id] if submission.reviewer_id else list(everybody.values_list("pk", flat=True))
    cause = submission.due_on.toordinal()
    tell_reviewers(submission, people, "overdue", cause, actor=actor, is_platform=is_platform)


# --- deciding ---------------------------------------------------------------------------------------------------------


@command
def approve(*, actor: Actor, code: str, revision: int, text: str = "") -> Submission:
    """The organisation agrees; the platform is next."""
    submission = _to_decide(code, "approve", actor, revision)
    publishing.read(submission)
    note = _note(submission, NoteKind.APPROVAL, ReviewStep.ORGANISATION, actor, text=_text(text, "text"))
    submission.approved_content = submission.content
    submission.reviewer = None
    submission.due_on = _due_on("platform")
    submission.save(update_fields=["approved_content", "reviewer", "due_on"])
    submission_workflow.advance(submission, "approve", actor=actor, revision=submission.revision)
    tell_authors(submission, "approved", note.pk, actor=actor)
    _tell_next_reviewers(submission, note.pk, actor)
    return submission


@command
def return_to_author(
    *, actor: Actor, code: str, revision: int, text: str = "", questions: Sequence[Mapping[str, str]] = ()
) -> Submission:
    """The organisation asks for more. Each question is {field, text}: the place of the content it is about."""
    return _give_back("return_to_author", ReviewStep.ORGANISATION, actor, code, revision, text, questions)


@command
def send_back(
    *, actor: Actor, code: str, revision: int, text: str = "", questions: Sequence[Mapping[str, str]] = ()
) -> Submission:
    """The platform asks for more."""
    return _give_back("send_back", ReviewStep.PLATFORM, actor, code, revision, text, questions)


@command
def accept(
    *, actor: Actor, code: str, revision: int, confirms_classification: bool = False, text: str = ""
) -> Submission:
    """The platform publishes it: a new item, or a new version in the place of the old one.

    Classification that was only suggested from the text is confirmed by the reviewer here at the latest.
    """
    submission = _to_decide(code, "accept", actor, revision)
    suggested = unconfirmed(submission.content, content_before(submission))
    if suggested and not confirms_classification:
        raise BadInput(_("分类仍是系统建议，请核对后确认再公开。"), field="confirms_classification")
    version = publishing.publish(submission, actor=actor)
    if suggested:
        _note(
            submission,
            NoteKind.CONFIRMED,
            ReviewStep.PLATFORM,
            actor,
            text=", ".join(code for _name, code in suggested),
        )
    note = _note(submission, NoteKind.ACCEPTANCE, ReviewStep.PLATFORM, actor, text=_text(text, "text"))
    _close(submission, "need", "achievement", "version")
    submission_workflow.advance(submission, "accept", actor=actor, revision=submission.revision, version=version)
    approvers = submission.notes.filter(kind=NoteKind.APPROVAL).values_list("person_id", flat=True)
    tell_authors(submission, "accepted", note.pk, actor=actor, also=[p for p in approvers if p])
    return submission


@command
def accept_directly(*, actor: Actor, code: str) -> Submission:
    """What an operator imports for others is published without review; the record says so."""
    submission = get_submission(code, actor=actor, lock=True)
    submission_workflow.check(submission, "accept_directly", actor=actor)
    version = publishing.publish(submission, actor=actor)
    _note(submission, NoteKind.DIRECT, ReviewStep.PLATFORM, actor)
    _close(submission, "need", "achievement", "version")
    submission_workflow.advance(
        submission, "accept_directly", actor=actor, revision=submission.revision, version=version
    )
    return submission


@command
def decline(*, actor: Actor, code: str, revision: int, reason: str, text: str) -> Submission:
    """The platform does not publish it: a reason from the list, and words that its author can use."""
    submission = _to_decide(code, "decline", actor, revision)
    if reason not in DeclineReason.values:
        raise BadInput(_("请从列表里选一个原因，例如“内容不实”。"), field="reason")
    words = _text(text, "text", required=True, example=_("“指标 2 的数值与所附报告不一致。”"))
    note = _note(submission, NoteKind.DECLINE, ReviewStep.PLATFORM, actor, text=words, reason=reason)
    _close(submission)
    submission_workflow.advance(submission, "decline", actor=actor, revision=submission.revision, reason=reason)
    approvers = submission.notes.filter(kind=NoteKind.APPROVAL).values_list("person_id", flat=True)
    tell_authors(submission, "declined", note.pk, actor=actor, also=[p for p in approvers if p])
    return submission


# --- an organisation that does without ---------------------------------------------------------------------------------


@command
def waive_review(*, actor: Actor, organisation_id: int, reason: str) -> ReviewWaiver:
    """The organisation declares that its people's submissions go straight to the platform."""
    if not actor.works_for(organisation_id):
        raise NotFound
    if not can_waive(actor, organisation_id):
        raise NotAllowed
    words = _text(reason, "reason", required=True, longest=300, example=_("“本单位人员少，由平台统一审核。”"))
    waiver, is_new = ReviewWaiver.objects.get_or_create(
        organisation_id=organisation_id,
        ended_at=None,
        defaults={"declared_by_id": int(actor.person_id or 0), "reason": words},
    )
    if not is_new:
        raise WrongState(_("本单位已经声明免去单位审核。"))
    record("submissions.review_waived", waiver, actor=actor, organisation=organisation_id)
    return waiver


@command
def end_waiver(*, actor: Actor, organisation_id: int) -> ReviewWaiver:
    """From now on the organisation reviews again."""
    if not actor.works_for(organisation_id):
        raise NotFound
    if not can_waive(actor, organisation_id):
        raise NotAllowed
    waiver = waiver_of(organisation_id, lock=True)
    if waiver is None:
        raise WrongState(_("本单位没有免去单位审核的声明。"))
    waiver.ended_at = clock.now()
    waiver.save(update_fields=["ended_at"])
    record("submissions.waiver_ended", waiver, actor=actor, organisation=organisation_id)
    return waiver


# --- parts ------------------------------------------------------------------------------------------------------------


def _check_step(submission: Submission, step: str, actor: Actor) -> None:
    """As Workflow.check, but who comes too late hears who did what."""
    try:
        submission_workflow.check(submission, step, actor=actor)
    except WrongState:
        raise _too_late(submission) from None


def _too_late(submission: Submission) -> WrongState:
    note = decision_before(submission)
    if note is None:
        return WrongState()
    who = str(note.person) if note.person else _("系统")
    at = note.at.astimezone(clock.site_zone()).strftime("%Y-%m-%d %H:%M")
    what = {"who": who, "at": at, "what": NoteKind(note.kind).label}
    return AlreadyDecided(_("%(who)s已于 %(at)s 办理：%(what)s。请刷新页面查看。") % what)


def _check_revision(submission: Submission, revision: int) -> None:
    if submission.revision != revision:
        raise OutdatedRevision


def _to_decide(code: str, step: str, actor: Actor, revision: int) -> Submission:
    submission = get_submission(code, actor=actor, lock=True)
    _check_step(submission, step, actor)
    _check_claim(submission, actor)
    _check_revision(submission, revision)
    return submission


def _under_review(code: str, actor: Actor) -> tuple[Submission, ReviewStep]:
    """Locked, in one of the two steps, and this actor may review it there."""
    submission = get_submission(code, actor=actor, lock=True)
    is_colleague = can_review_for_organisation(actor, submission)
    if not (is_colleague or can_review_for_platform(actor, submission)):
        raise NotAllowed
    if submission.state not in IN_REVIEW:
        raise _too_late(submission)
    step = IN_REVIEW[SubmissionState(submission.state)]
    if is_colleague != (step == ReviewStep.ORGANISATION):
        raise _too_late(submission)
    return submission, step


def _check_claim(submission: Submission, actor: Actor) -> None:
    if submission.reviewer_id and submission.reviewer_id != actor.person_id:
        raise _claimed(submission)


def _claimed(submission: Submission) -> ClaimedByOther:
    return ClaimedByOther(_("这份申报已由%(who)s领取。需要由您办理时，请先接手。") % {"who": str(submission.reviewer)})


def _note(submission: Submission, kind: NoteKind, step: ReviewStep, actor: Actor | None, **fields: Any) -> ReviewNote:
    return ReviewNote.objects.create(
        submission=submission,
        kind=kind,
        step=step,
        person_id=actor.person_id if actor else None,
        at=clock.now(),
        revision=submission.revision,
        **fields,
    )


def _text(text: str, field: str, *, required: bool = False, longest: int = LONGEST_TEXT, example: str = "") -> str:
    text = text.strip()
    if required and not text:
        raise BadInput(_("请写明理由，例如 %(example)s") % {"example": example}, field=field)
    if len(text) > longest:
        raise BadInput(_("有 %(n)d 个字，最多 %(most)d 个。") % {"n": len(text), "most": longest}, field=field)
    return text


def _remember_writer(submission: Submission, actor: Actor) -> None:
    if actor.person_id is not None and actor.person_id not in submission.writers:
        submission.writers = [*submission.writers, actor.person_id]


def _due_on(step: str) -> date:
    today = clock.today()
    return add_working_days(today, parameter(f"submissions.{step}_review_days", on=today)).day


def _skip_reason(submission: Submission) -> str:
    """Why there is no review by the organisation; empty when there is one."""
    if not reviewers_of(submission).exists():
        return SkipReason.ONE_PERSON
    return SkipReason.WAIVED if waiver_of(submission.organisation_id) else ""


def _is_still_approved(submission: Submission) -> bool:
    """The platform sent it back, and nothing changed beyond the places that it asked about."""
    last = submission.notes.filter(kind__in=[NoteKind.RETURN, NoteKind.TAKEN_BACK]).last()
    if submission.approved_content is None or last is None or last.step != ReviewStep.PLATFORM:
        return False
    asked = submission.notes.filter(kind=NoteKind.QUESTION, step=ReviewStep.PLATFORM).values_list("field", flat=True)
    return is_covered(differences(submission.approved_content, submission.content), asked)


def _check_answered(submission: Submission) -> None:
    """Every question of the last return has an answer, or its place was changed."""
    questions = open_questions(submission)
    if not questions:
        return
    changed = differences(submission.returned_content, submission.content)
    waiting = [q for q in questions if not any(touches(c.field, q.field) for c in changed)]
    if waiting:
        raise OpenQuestions(
            _("还有 %(n)d 个提问没有答复：请逐条答复，或修改所问之处。") % {"n": len(waiting)},
            field=waiting[0].field or "text",
        )


def _give_back(
    step: str,
    side: ReviewStep,
    actor: Actor,
    code: str,
    revision: int,
    text: str,
    questions: Sequence[Mapping[str, str]],
) -> Submission:
    submission = _to_decide(code, step, actor, revision)
    asked = _read_questions(submission, questions)
    words = _text(text, "text", required=not asked, example=_("“请补充检测报告，并说明测试条件。”"))
    note = _note(submission, NoteKind.RETURN, side, actor, text=words)
    for field, question in asked:
        _note(submission, NoteKind.QUESTION, side, actor, field=field, text=question)
    submission.returned_content = submission.content
    submission.save(update_fields=["returned_content"])
    _clear(submission)
    submission_workflow.advance(
        submission, step, actor=actor, revision=submission.revision, questions=[field for field, _words in asked]
    )
    tell_authors(submission, "returned", note.pk, actor=actor)
    return submission


def _read_questions(submission: Submission, questions: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    if len(questions) > MOST_QUESTIONS:
        raise BadInput(_("一次最多提 %(most)d 个问题。") % {"most": MOST_QUESTIONS}, field="questions")
    known, found = {*PLACES, *flat(submission.content)}, []
    for n, question in enumerate(questions):
        field, place = str(question.get("field", "")).strip(), f"questions.{n}"
        if not any(touches(name, field) for name in known):
            raise BadInput(_("申报里没有“%(field)s”这一处。") % {"field": field[:80]}, field=f"{place}.field")
        found.append(
            (
                field,
                _text(str(question.get("text", "")), f"{place}.text", required=True, example=_("“测试温度是多少？”")),
            )
        )
    return found


# Places that may be asked about although nothing is written there yet.
PLACES = (
    "texts.zh.title", "texts.zh.problem", "texts.zh.background", "texts.zh.tried", "texts.zh.wanted", "texts.zh.offers",
    "texts.zh.how", "texts.zh.stage", "texts.zh.summary", "texts.zh.incumbent", "texts.zh.advantage",
    "texts.en.title", "texts.en.problem", "texts.en.summary", "indicators", "attachments", "team", "asset_ids",
    "field", "ipc", "industry", "discipline", "region", "modes", "price_kind", "price_low", "price_high",
    "trl", "trl_min", "trl_evidence_zh", "ownership", "deadline", "publisher_shown", "budget_shown",
    "keywords_zh", "keywords_en",
)  # fmt: skip


def _clear(submission: Submission) -> None:
    submission.reviewer = None
    submission.due_on = None
    submission.save(update_fields=["reviewer", "due_on"])


def _close(submission: Submission, *also: str) -> None:
    submission.decided_at = clock.now()
    submission.due_on = None
    submission.save(update_fields=["decided_at", "due_on", *also])


def _tell_next_reviewers(submission: Submission, cause: int, actor: Actor) -> None:
    is_platform = submission.state == SubmissionState.PLATFORM_REVIEW
    people = platform_reviewers(submission) if is_platform else reviewers_of(submission)
    tell_reviewers(
        submission, people.values_list("pk", flat=True), "to_review", cause, actor=actor, is_platform=is_platform
    )
