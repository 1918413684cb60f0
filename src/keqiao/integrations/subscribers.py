"""What webhooks are told of (types.py: each kind names the events behind it), and what follows a merged organisation."""

from keqiao.integrations.types import KIND_OF_EVENT
from keqiao.kernel.events import on
from keqiao.kernel.models import Event


def tell_webhooks(event: Event) -> None:
    from keqiao.integrations.facts import facts_of
    from keqiao.integrations.services import webhooks
    from keqiao.parties import selectors as parties

    found = facts_of(event)
    if found is not None:
        facts, organisation_ids = found
        webhooks.queue_event(
            actor=parties.system(),
            event_id=event.pk,
            event=event.name,
            at=event.at,
            facts=facts,
            organisation_ids=organisation_ids,
        )


for _name in KIND_OF_EVENT:
    on(_name)(tell_webhooks)


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.integrations.services import moving
    from keqiao.parties import selectors as parties

    moving.move_integrations(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.integrations.services import moving
    from keqiao.parties import selectors as parties

    moving.move_integrations_back(actor=parties.system(), merge_id=event.data["merge_id"])
