"""What learning hears: what sides made of their matches, and organisations that become one."""

from keqiao.engagement import selectors as engagement
from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties


@on("engagement.match_marked")
@on("engagement.match_unmarked")
def match_marked(event: Event) -> None:
    _note(event.data["need"], event.data["achievement"])


@on("engagement.contact_sent")
@on("engagement.contact_answered")
@on("engagement.contact_declined")
def contact_went_on(event: Event) -> None:
    pair = engagement.pair_of_contact(int(event.subject.rsplit(":", 1)[1]))
    if pair is not None:
        _note(*pair)


def _note(need_id: int, achievement_id: int) -> None:
    from keqiao.learning import services

    services.note_answers(actor=parties.system(), need_id=need_id, achievement_id=achievement_id)


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.learning import services

    services.move_rows(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.learning import services

    services.move_rows_back(actor=parties.system(), merge_id=event.data["merge_id"])
