"""What a side makes of a match: unsuitable with one click, and back again."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.engagement.models import MatchFeedback
from keqiao.engagement.selectors import position_of, side_of
from keqiao.engagement.types import Side, UnsuitableReason
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.matching import selectors as matching
from keqiao.parties.types import Actor

__all__ = ["mark_match", "unmark_match"]

LONGEST_NOTE = 300


@command
def mark_match(
    *,
    actor: Actor,
    need_code: str,
    achievement_code: str,
    is_suitable: bool = False,
    reason: str = "",
    note: str = "",
) -> MatchFeedback:
    """Say for one's own side whether the match fits. Unsuitable ones leave that side's list, and only that one.

    Marking again adds a reason or changes the mind.
    """
    need, achievement, side = _pair(actor, need_code, achievement_code)
    if reason and reason not in UnsuitableReason.values:
        raise BadInput(_("没有这样的原因，请从列表中选择，例如“指标达不到”。"), field="reason")
    place = position_of(need, achievement, side, actor=actor)  # before it leaves the list
    row = _row(actor, need, achievement, side)
    row.is_suitable = is_suitable
    row.reason = reason if not is_suitable else ""
    row.note = " ".join(note.split())[:LONGEST_NOTE] if not is_suitable else ""
    row.person_id = actor.person_id
    row.marked_at = clock.now()
    row.shown_position = row.shown_position or place
    row.save(update_fields=["is_suitable", "reason", "note", "person", "marked_at", "shown_position"])
    record("engagement.match_marked", row, actor=actor, need=need.pk, achievement=achievement.pk, suitable=is_suitable)
    return row


@command
def unmark_match(*, actor: Actor, need_code: str, achievement_code: str) -> None:
    """Undo: the match is in the list again. That it was shown, and where, is kept."""
    need, achievement, side = _pair(actor, need_code, achievement_code)
    row = MatchFeedback.objects.select_for_update().filter(need=need, achievement=achievement, side=side).first()
    if row is None or row.is_suitable is None:
        return
    row.is_suitable, row.reason, row.note = None, "", ""
    row.save(update_fields=["is_suitable", "reason", "note"])
    record("engagement.match_unmarked", row, actor=actor, need=need.pk, achievement=achievement.pk)


def _pair(actor: Actor, need_code: str, achievement_code: str) -> tuple[Any, Any, str]:
    need = catalogue.get_need(need_code, actor=actor)
    achievement = catalogue.get_achievement(achievement_code, actor=actor)
    side = side_of(actor, need, achievement)
    if not side:
        raise NotAllowed
    return need, achievement, side


def _row(actor: Actor, need: Any, achievement: Any, side: str) -> MatchFeedback:
    """One row for a side; with the score of the stored match and what computed it."""
    organisation_id = need.publisher_id if side == Side.NEED else achievement.owner_id
    match = matching.matches_visible_to(actor).filter(need=need, achievement=achievement).first()
    if match is None:
        raise NotFound
    MatchFeedback.objects.get_or_create(
        need=need,
        achievement=achievement,
        side=side,
        defaults={"organisation_id": organisation_id, "person_id": actor.person_id},
    )
    row = MatchFeedback.objects.select_for_update().get(need=need, achievement=achievement, side=side)
    row.score, row.version = match.score, match.version
    row.save(update_fields=["score", "version"])
    return row
