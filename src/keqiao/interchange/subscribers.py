"""What interchange does when two organisations become one."""

from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.interchange import moving

    moving.move_imports(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.interchange import moving

    moving.move_imports_back(actor=parties.system(), merge_id=event.data["merge_id"])
