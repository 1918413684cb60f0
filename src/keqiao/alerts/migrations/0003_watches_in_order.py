from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The list of watches is read in its order, not sorted each time."""

    atomic = False

    dependencies = [("alerts", "0002_stale_items")]

    operations = [
        AddIndexConcurrently(
            "watch",
            models.Index(fields=["person", "-is_active", "-created_at", "-id"], name="watch_by_person_in_order"),
        ),
        RemoveIndexConcurrently("watch", "watch_by_person"),
    ]
