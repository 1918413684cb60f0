"""Joinings follow an organisation that was merged."""

from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.joining import services

    services.move_joinings(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.joining import services

    services.move_joinings_back(actor=parties.system(), merge_id=event.data["merge_id"])
