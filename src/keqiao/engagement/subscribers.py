"""What engagement does when two organisations become one, and who is woken when something happens in a thread."""

from keqiao.engagement import watching
from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.engagement import services

    services.move_contacts(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.engagement import services

    services.move_contacts_back(actor=parties.system(), merge_id=event.data["merge_id"])


def something_happened(event: Event) -> None:
    """In a thread: open pages of its readers ask again."""
    if (contact_id := watching.contact_id_of(event)) is not None:
        watching.wake_readers(contact_id)


for name in watching.HAPPENINGS:
    on(name)(something_happened)
