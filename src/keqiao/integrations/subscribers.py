"""What webhooks are told of. The table is in types.py: each kind names the event behind it."""

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
