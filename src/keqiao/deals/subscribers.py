"""What deals hear: a notice is over, and organisations become one."""

from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties

PREFIX = "deals.distribution:"
PRICE = "deals.price:"


@on("kernel.public_notice_passed")
def public_notice_passed(event: Event) -> None:
    from keqiao.deals import services, telling

    if event.data["about"].startswith(PRICE):
        telling.price_notice_over(event.data["about"].removeprefix(PRICE), "price_passed")
    if event.data["about"].startswith(PREFIX):
        pk = int(event.data["about"].removeprefix(PREFIX))
        services.announcement_passed(actor=parties.system(), distribution_id=pk)


@on("kernel.public_notice_stopped")
def public_notice_stopped(event: Event) -> None:
    from keqiao.deals import services, telling

    if event.data["about"].startswith(PRICE):
        telling.price_notice_over(event.data["about"].removeprefix(PRICE), "price_stopped")
    if event.data["about"].startswith(PREFIX):
        pk = int(event.data["about"].removeprefix(PREFIX))
        services.announcement_stopped(actor=parties.system(), distribution_id=pk)


def _objection(event: Event) -> int:
    return int(event.subject.rsplit(":", 1)[1])


@on("kernel.objection_made")
def objection_made(event: Event) -> None:
    from keqiao.deals import telling

    telling.objection_made(_objection(event))


@on("kernel.objection_answered")
def objection_answered(event: Event) -> None:
    from keqiao.deals import telling

    telling.objection_answered(_objection(event))


@on("catalogue.contributor_joined")
def contributor_joined(event: Event) -> None:
    from keqiao.deals import services

    services.payee_joined(actor=parties.system(), person_id=event.data["person_id"])


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.deals.services import moving

    moving.move_deals(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.deals.services import moving

    moving.move_deals_back(actor=parties.system(), merge_id=event.data["merge_id"])
