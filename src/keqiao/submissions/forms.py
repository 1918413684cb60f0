"""What was typed on the pages of review, read into plain values. A value that cannot be used names its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http.request import QueryDict
from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput
from keqiao.submissions.models import Submission
from keqiao.submissions.selectors import AGES, SHOWN_STATES
from keqiao.submissions.types import ReviewStep, SubmissionKind

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class QueueRequest:
    """Which part of which queue is wanted."""

    side: ReviewStep
    state: str
    kind: str
    days: int
    reviewer: str


def read_queue(query: QueryDict, sides: Sequence[ReviewStep]) -> QueueRequest:
    """What is not known is left out: an address typed by hand shows the whole queue."""
    given = query.get("side", "")
    side = ReviewStep(given) if given in sides else sides[-1]
    state, kind, reviewer = query.get("state", ""), query.get("kind", ""), query.get("reviewer", "")
    is_person = reviewer in {"me", "nobody"} or drawn(reviewer) > 0
    return QueueRequest(
        side=side,
        state=state if state in SHOWN_STATES[side] else "",
        kind=kind if kind in SubmissionKind.values else "",
        days=AGES.get(query.get("age", ""), 0),
        reviewer=reviewer if is_person else "",
    )


@dataclass(frozen=True)
class Comparison:
    """What the content is compared with: the public version, or what a reviewer saw last."""

    with_what: str
    content: Mapping[str, Any] | None
    choices: list[tuple[str, str]]


def read_comparison(query: QueryDict, submission: Submission, public: Mapping[str, Any] | None) -> Comparison:
    known = {
        "returned": (submission.returned_content, _("上次退回时")),
        "approved": (submission.approved_content, _("单位同意时")),
        "public": (public, _("公开中的版本")),
    }
    known = {name: pair for name, pair in known.items() if pair[0] is not None and pair[0] != submission.content}
    choices = [(name, label) for name, (_content, label) in known.items()]
    wanted = query.get("with", "")
    chosen = wanted if wanted in known or wanted == "nothing" else next(iter(known), "")
    return Comparison(chosen, known[chosen][0] if chosen in known else None, choices)


def questions(post: QueryDict) -> list[dict[str, str]]:
    """A question stands in a field named for its place: `ask:indicators.2.value`."""
    return [
        {"field": name.removeprefix("ask:"), "text": text}
        for name, text in post.items()
        if name.startswith("ask:") and isinstance(text, str) and text.strip()
    ]


def whole(text: str) -> int:
    """A number of ours (a revision, an id); what is none of ours fits nothing."""
    is_whole = text.isascii() and text.isdigit() and len(text) < 11
    return min(int(text), LARGEST) if is_whole else 0


def drawn(text: str) -> int:
    """A number that was drawn (kernel/codes.py); what is none fits nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else 0


def day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        message = _("“%(value)s”不是日期。例如 2026-12-31。")
        raise BadInput(message % {"value": text[:40]}, field=field) from None
