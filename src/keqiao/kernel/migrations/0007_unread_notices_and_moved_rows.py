import django.db.models.fields.json
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Unread notices are counted, and what a merge moved is found, without reading everything else."""

    atomic = False

    dependencies = [("kernel", "0006_notices_in_order")]

    operations = [
        AddIndexConcurrently(
            "notice", models.Index(fields=["person_id"], name="notice_unread", condition=Q(read_at=None))
        ),
        AddIndexConcurrently(
            "event",
            models.Index(
                django.db.models.fields.json.KeyTransform("merge_id", "data"),
                name="event_by_merge",
                condition=Q(data__has_key="merge_id"),
            ),
        ),
    ]
