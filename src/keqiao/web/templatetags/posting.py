"""What the page of a public item says of its files and versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

from keqiao.catalogue import selectors as catalogue

register = template.Library()


@register.simple_tag(takes_context=True)
def item_extras(context: Mapping[str, Any], item: Any) -> dict[str, Any]:
    """The files that the reader may open, and whether the reader's house may write a new version."""
    actor = context["request"].actor
    owner_id = item.publisher_id if hasattr(item, "publisher_id") else item.owner_id
    is_own = actor.works_for(owner_id)
    return {
        "files": list(catalogue.attachments_of(item, actor=actor)),
        "may_change": is_own and item.state in {"published", "expired"},
    }
