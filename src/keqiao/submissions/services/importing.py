"""Commands: many drafts at once, from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.parties.types import Actor
from keqiao.submissions import suggestions
from keqiao.submissions.models import Submission, Suggestion
from keqiao.submissions.services.drafting import _check, _check_assets
from keqiao.submissions.sketching import PARTS, indicators_of, passage_of
from keqiao.submissions.types import Origin, SubmissionKind, Writer, Written
from keqiao.submissions.writing import writable

__all__ = ["mark_indicators", "start_drafts"]


@command
def start_drafts(
    *,
    actor: Actor,
    kind: str,
    organisation_id: int,
    contents: Sequence[Mapping[str, Any]],
    said: Sequence[str] = (),
) -> list[Submission]:
    """As start_draft, for the rows of a file: all of them or none, one event. Their external ids find them again.

    Figures that nobody entered one by one are read from the text and wait for a person: from what a row `said` of its
    indicators in sentences, else, where it has none, from its description.
    """
    if actor.person_id is None or not actor.works_for(organisation_id):
        raise NotAllowed
    if kind not in SubmissionKind.values:
        raise BadInput(field="kind")
    for content in contents:
        _check(content)
        if content.get("attachments"):
            raise BadInput(field="attachments")
        if content.get("asset_ids"):
            _check_assets(content, organisation_id)
    words = [*said, *[""] * (len(contents) - len(said))]
    readings = [_read_figures(kind, *pair) for pair in zip(contents, words, strict=True)]
    contents = [_with_rows(content, written) for content, written in zip(contents, readings, strict=True)]
    now = clock.now()
    drawn = codes.fresh_many(Submission, "SB", len(contents))
    made = Submission.objects.bulk_create(
        Submission(
            code=code,
            kind=kind,
            organisation_id=organisation_id,
            author_id=actor.person_id,
            content=dict(content),
            origin=Origin.IMPORT,
            external_id=str(content.get("external_id") or ""),
            writers=[actor.person_id],
            saved_at=now,
        )
        for code, content in zip(drawn, contents, strict=True)
    )
    Suggestion.objects.bulk_create(
        suggestions.suggestion_of(submission, one)
        for submission, written in zip(made, readings, strict=True)
        for one in written
    )
    if made:
        record(
            "submissions.submissions_imported",
            made[0],
            actor=actor,
            kind=kind,
            ids=[submission.pk for submission in made],
        )
    return made


@command
def mark_indicators(*, actor: Actor, code: str, said: str) -> None:
    """The rows of indicators that were read from these words wait for a person."""
    submission = writable(code, actor)
    waiting = suggestions.open_suggestions(submission)
    new = [
        one
        for one in _written(submission.kind, said, is_table=True)
        if not any(suggestions.is_same_row(row.value, one.value) for row in waiting if row.field == "indicators")
    ]
    suggestions.mark(submission, new)


def _read_figures(kind: str, content: Mapping[str, Any], said: str) -> list[Written]:
    if said or content.get("indicators"):
        return _written(kind, said, is_table=True)
    texts = content.get("texts") or {}
    described: Mapping[str, Any] = next((texts[lang] for lang in ("zh", "en") if texts.get(lang)), {})
    return _written(kind, "\n".join(described.get(part) or "" for part in PARTS[kind] if part != "title"))


def _written(kind: str, text: str, *, is_table: bool = False) -> list[Written]:
    return [
        Written(found.field, found.value, passage_of(text, found.start, found.end), Writer.RULES)
        for found in indicators_of(kind, text, is_table=is_table)
    ]


def _with_rows(content: Mapping[str, Any], written: Sequence[Written]) -> Mapping[str, Any]:
    return (
        content if content.get("indicators") or not written else {**content, "indicators": [w.value for w in written]}
    )
