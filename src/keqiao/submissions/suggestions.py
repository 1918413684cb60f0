"""What in a draft no person has answered for yet, and whether it still stands there as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from keqiao.kernel import clock, codes
from keqiao.parties.types import Actor
from keqiao.submissions.models import Source, Submission, Suggestion
from keqiao.submissions.types import SuggestionAnswer, Writer, Written

PRICE = ("price_kind", "price_low", "price_high")
SAME_ROW = ("value", "high")


def open_suggestions(submission: Submission) -> list[Suggestion]:
    """In the order in which they were made; what a person has changed meanwhile is the person's."""
    rows = Suggestion.objects.filter(submission=submission, answer="").select_related("source")
    return [row for row in rows if stands(row, submission.content)]


def mark(submission: Submission, written: Sequence[Written], *, source: Source | None = None, model: str = "") -> None:
    """These values of the draft are to be answered for by a person."""
    Suggestion.objects.bulk_create(suggestion_of(submission, one, source=source, model=model) for one in written)


def suggestion_of(submission: Submission, one: Written, *, source: Source | None = None, model: str = "") -> Suggestion:
    return Suggestion(
        submission=submission,
        source=source,
        field=one.field,
        value=one.value,
        by=one.by,
        model=model if one.by == Writer.MODEL else "",
        passage=one.passage,
        made_at=clock.now(),
    )


def reference(suggestion: Suggestion) -> str:
    """Names it in addresses and forms."""
    return codes.reference("submissions.suggestion", suggestion.pk)


def note_changed(submission: Submission, actor: Actor) -> None:
    """After a save: a value that a person has rewritten or taken away is no longer the machine's."""
    for row in Suggestion.objects.filter(submission=submission, answer=""):
        if not stands(row, submission.content):
            row.answer, row.answered_by_id, row.answered_at = SuggestionAnswer.CHANGED, actor.person_id, clock.now()
            row.save(update_fields=["answer", "answered_by", "answered_at"])


def stands(suggestion: Suggestion, content: Mapping[str, Any]) -> bool:
    """Is the value in the content still the one that was suggested? White space and the way a number is written do not count."""
    value, field = suggestion.value, suggestion.field
    if field == "indicators":
        return any(is_same_row(value, row) for row in content.get("indicators") or [])
    if field == "price":
        return all(content.get(name) == wanted for name, wanted in value.items())
    if field == "modes":
        return set(value) == set(content.get("modes") or [])
    if field.startswith("texts."):
        _texts, lang, part = field.split(".")
        return _even(value) == _even(((content.get("texts") or {}).get(lang) or {}).get(part))
    return str(value) == str(content.get(field))


def is_same_row(value: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """By name and number: with another comparator or unit it is still what was suggested, and still to be confirmed."""
    names = [(_even(value.get(name)), _even(row.get(name))) for name in ("name_zh", "name_en")]
    return any(mine and mine == yours for mine, yours in names) and all(
        _number(value.get(name)) == _number(row.get(name)) for name in SAME_ROW
    )


def without(content: Mapping[str, Any], dropped: Iterable[Suggestion]) -> dict[str, Any]:
    """What `save_draft` is given so that these values go."""
    changes: dict[str, Any] = {}
    rows = list(content.get("indicators") or [])
    for suggestion in dropped:
        field = suggestion.field
        if field == "indicators":
            rows = [row for row in rows if not is_same_row(suggestion.value, row)]
            changes["indicators"] = rows or None
        elif field == "price":
            changes |= dict.fromkeys(PRICE)
        elif field.startswith("texts."):
            _texts, lang, part = field.split(".")
            changes.setdefault("texts", {}).setdefault(lang, {})[part] = ""
        else:
            changes[field] = None
    return changes


def _even(value: Any) -> str:
    return " ".join(str(value or "").split())


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value)) if value not in {None, ""} else None
    except InvalidOperation:
        return None
