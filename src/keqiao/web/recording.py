"""What a list of matches showed to the people whose item it is about: for learning, by pages and API alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keqiao.engagement.types import Side
from keqiao.learning import services as learning
from keqiao.matching.selectors import MatchSeen
from keqiao.parties.types import Actor


def of_need(need: Any, shown: Sequence[MatchSeen], *, actor: Actor, first: int = 1) -> None:
    """`first`: the place of the first of them in the whole list, from 1."""
    _note(Side.NEED, need.publisher_id, shown, actor, first)


def of_achievement(achievement: Any, shown: Sequence[MatchSeen], *, actor: Actor, first: int = 1) -> None:
    _note(Side.ACHIEVEMENT, achievement.owner_id, shown, actor, first)


def _note(side: str, organisation_id: int, shown: Sequence[MatchSeen], actor: Actor, first: int) -> None:
    """Others cannot answer, so nothing is learned from what they read; who only stands in for somebody changes nothing."""
    if shown and actor.works_for(organisation_id) and not actor.only_reads:
        learning.note_shown(actor=actor, side=side, organisation_id=organisation_id, matches=shown, first=first)
