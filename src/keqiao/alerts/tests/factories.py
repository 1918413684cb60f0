"""Plain functions that build alerts rows, through the commands."""

from datetime import timedelta

from keqiao.accounts.tests.privacy_factories import agree, load_agreements
from keqiao.alerts import services
from keqiao.alerts.models import Watch
from keqiao.kernel import clock
from keqiao.parties import selectors as parties


def find(item, kind=None):
    """What the job does after the item was published or its matches were computed."""
    kind = kind or ("need" if hasattr(item, "publisher_id") else "achievement")
    return services.find_alerts(actor=parties.system(), kind=kind, ids=[item.pk])


def send(actor, cadence="daily"):
    return services.send_digest(actor=parties.system(), person_id=actor.person_id, cadence=cadence)


def watching(actor, subject="own", of="", **wishes):
    """A watch that began a day ago."""
    watch = services.start_watch(actor=actor, subject=subject, of=of, **wishes)
    Watch.objects.filter(pk=watch.pk).update(since=clock.now() - timedelta(days=1))
    watch.refresh_from_db()
    return watch


def agree_to_digests(actor):
    load_agreements()
    agree(actor, "digest")
