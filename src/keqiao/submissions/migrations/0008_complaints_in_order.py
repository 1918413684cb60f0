from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Open complaints are read in the order of their promised dates, not sorted each time."""

    atomic = False

    dependencies = [("submissions", "0007_lists_in_order")]

    operations = [
        AddIndexConcurrently(
            "complaint",
            models.Index(
                fields=["due_on", "made_at", "id"],
                name="complaint_by_promise",
                condition=Q(state__in=["open", "in_review"]),
            ),
        ),
    ]
