"""What an item's page asks about renewing, closing, withdrawing and complaining."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django import template

from keqiao.catalogue.types import CLOSING, WITHDRAWING

register = template.Library()


@register.simple_tag(takes_context=True)
def item_rights(context: template.Context, item: Any) -> SimpleNamespace:
    """Is the reader one of the owner's people, and which reasons are offered. The commands ask again."""
    actor = context["request"].actor
    owner_id = item.publisher_id if hasattr(item, "publisher_id") else item.owner_id
    return SimpleNamespace(
        works_here=actor.works_for(owner_id),
        closing=[(reason.value, reason.label) for reason in CLOSING],
        withdrawing=[(reason.value, reason.label) for reason in WITHDRAWING],
    )
