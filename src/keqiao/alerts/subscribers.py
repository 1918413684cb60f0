"""What alerts does when something becomes public, changes, ends or matches: a job looks who wants to hear of it."""

from __future__ import annotations

from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties

AT_ONCE = 50  # items that one job looks at
APPEARED = ("published", "renewed", "rewritten")
CHANGED = {"rewritten": "changed", "closed": "ended"}


def _ids(event: Event) -> list[int]:
    return event.data.get("ids") or [int(event.subject.rsplit(":", 1)[1])]


def _look(event: Event, kind: str) -> None:
    from keqiao.alerts.tasks import find_alerts

    ids = _ids(event)
    for first in range(0, len(ids), AT_ONCE):
        find_alerts.defer(kind=kind, ids=ids[first : first + AT_ONCE])


def achievements_appeared(event: Event) -> None:
    _look(event, "achievement")


def needs_appeared(event: Event) -> None:
    _look(event, "need")


@on("matching.matches_computed")
def matches_computed(event: Event) -> None:
    _look(event, event.data["kind"])


def item_changed(event: Event) -> None:
    """Its watchers are told of the very revision."""
    from keqiao.alerts.tasks import find_changes

    kind = event.name.removeprefix("catalogue.").partition("_")[0]
    reason = CHANGED[event.name.rpartition("_")[2]]
    find_changes.defer(kind=kind, item_id=_ids(event)[0], reason=reason)


for _name in APPEARED:
    on(f"catalogue.achievement_{_name}")(achievements_appeared)
    on(f"catalogue.need_{_name}")(needs_appeared)
on("catalogue.achievements_loaded")(achievements_appeared)
on("catalogue.needs_loaded")(needs_appeared)
for _name in CHANGED:
    on(f"catalogue.achievement_{_name}")(item_changed)
    on(f"catalogue.need_{_name}")(item_changed)


@on("engagement.search_found")
def search_found(event: Event) -> None:
    from keqiao.alerts import services

    search_id = int(event.subject.rsplit(":", 1)[1])
    services.tell_of_search(actor=parties.system(), search_id=search_id, scores=event.data["scores"])


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.alerts import services

    services.move_watches(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.alerts import services

    services.move_watches_back(actor=parties.system(), merge_id=event.data["merge_id"])
