import pytest
from django.db import IntegrityError, connection, transaction

from keqiao.kernel.events import record
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties


@pytest.mark.django_db
def test_no_session_can_leave_a_trigger_out():
    with transaction.atomic():
        event = record("test.thing_happened", Event(pk=1), actor=parties.system())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL pgtrigger.ignore = '{kernel_event:event_is_final,event_is_final}'")
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgtrigger_event_is_final%'")
        (name,) = cursor.fetchone()
        cursor.execute(f"SET LOCAL pgtrigger.ignore = '{{{name}}}'")
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute("DELETE FROM kernel_event WHERE id = %s", [event.pk])
