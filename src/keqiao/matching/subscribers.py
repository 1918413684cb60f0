"""What matching does when the catalogue changes: index the item, then recompute its matches, in jobs."""

from keqiao.kernel.events import on
from keqiao.kernel.models import Event


def _ids(event: Event) -> list[int]:
    return event.data.get("ids") or [int(event.subject.rsplit(":", 1)[1])]


@on("catalogue.achievement_published")
@on("catalogue.achievement_closed")
@on("catalogue.achievement_withdrawn")
@on("catalogue.achievement_expired")
@on("catalogue.achievement_renewed")
@on("catalogue.achievement_rewritten")
@on("catalogue.achievements_loaded")
def achievements_changed(event: Event) -> None:
    from keqiao.matching.tasks import update_items

    update_items.defer(kind="achievement", ids=_ids(event))


@on("catalogue.asset_rewritten")
def rights_changed(event: Event) -> None:
    """Achievements that name a right which came into force, or went out of it."""
    from keqiao.matching.tasks import update_items

    if event.data["ids"]:
        update_items.defer(kind="achievement", ids=event.data["ids"])


@on("catalogue.need_published")
@on("catalogue.need_closed")
@on("catalogue.need_withdrawn")
@on("catalogue.need_expired")
@on("catalogue.need_renewed")
@on("catalogue.need_rewritten")
@on("catalogue.needs_loaded")
def needs_changed(event: Event) -> None:
    from keqiao.matching.tasks import update_items

    update_items.defer(kind="need", ids=_ids(event))
