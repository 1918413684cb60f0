"""The only place that asks what time it is: the database's clock, one authority for every process."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection


def now() -> datetime:
    """The database's wall clock, aware, UTC. Read it after the lock (HOUSE, sentence 3)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def site_zone() -> ZoneInfo:
    """The zone in which the site's dates and deadlines are meant."""
    from keqiao.kernel import site  # late: its commands stand on what asks the clock

    return site.zone()


def today() -> date:
    """The date in the site's zone."""
    return now().astimezone(site_zone()).date()


def machine_today() -> date:
    """The date in the site's zone by this machine's clock: costs no query. For what is shown, never for what is decided."""
    return datetime.now(site_zone()).date()
