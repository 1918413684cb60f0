"""Whether an alert may be shown now: everything in it must be public, and name nobody who stays anonymous."""

from __future__ import annotations

from keqiao.alerts.models import Alert
from keqiao.alerts.types import Reason, Subject
from keqiao.catalogue.types import ItemState, Shown


def shows(alert: Alert) -> bool:
    """Asked when it is sent, and again wherever it is shown afterwards. Its items must be loaded."""
    wanted = ItemState.CLOSED if alert.reason == Reason.ENDED else ItemState.PUBLISHED
    items = [item for item in (alert.need, alert.achievement) if item is not None]
    if any(item.state != wanted for item in items):
        return False
    if alert.watch.subject != Subject.ORGANISATION:
        return True
    if alert.need is not None:  # it may have become anonymous, or another's
        is_theirs = alert.need.publisher_id == alert.watch.organisation_id
        return is_theirs and alert.need.publisher_shown == Shown.SHOWN
    return alert.achievement is not None and alert.achievement.owner_id == alert.watch.organisation_id
