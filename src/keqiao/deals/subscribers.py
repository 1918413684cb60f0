"""What deals hear: a notice is over, and organisations become one."""

from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties

PREFIX = "deals.distribution:"


@on("kernel.public_notice_passed")
def public_notice_passed(event: Event) -> None:
    from keqiao.deals import services

    if event.data["about"].startswith(PREFIX):
        pk = int(event.data["about"].removeprefix(PREFIX))
        services.announcement_passed(actor=parties.system(), distribution_id=pk)


@on("kernel.public_notice_stopped")
def public_notice_stopped(event: Event) -> None:
    from keqiao.deals import services

    if event.data["about"].startswith(PREFIX):
        pk = int(event.data["about"].removeprefix(PREFIX))
        services.announcement_stopped(actor=parties.system(), distribution_id=pk)


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.deals.services import moving

    moving.move_deals(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.deals.services import moving

    moving.move_deals_back(actor=parties.system(), merge_id=event.data["merge_id"])
