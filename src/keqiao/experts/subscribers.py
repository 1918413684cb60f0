"""What experts hear of below: texts that speak for somebody changed, organisations became one."""

from keqiao.kernel.events import on
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties


def _subject(event: Event) -> int:
    return int(event.subject.rsplit(":", 1)[1])


@on("catalogue.achievement_published")
@on("catalogue.achievement_rewritten")
@on("catalogue.achievement_withdrawn")
@on("catalogue.achievement_expired")
@on("catalogue.achievement_renewed")
def achievement_changed(event: Event) -> None:
    from keqiao.experts import services

    services.mark_stale(actor=parties.system(), achievement_id=_subject(event))


@on("parties.profile_rewritten")
def profile_rewritten(event: Event) -> None:
    from keqiao.experts import services

    services.mark_stale(actor=parties.system(), person_id=_subject(event))


@on("parties.organisations_merged")
def organisations_merged(event: Event) -> None:
    from keqiao.experts import services

    services.move_expert_rows(actor=parties.system(), from_id=event.data["from_id"], merge_id=event.data["merge_id"])


@on("parties.merge_undone")
def merge_undone(event: Event) -> None:
    from keqiao.experts import services

    services.move_expert_rows_back(actor=parties.system(), merge_id=event.data["merge_id"])
