from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Long lists are read in their order, not sorted each time."""

    atomic = False

    dependencies = [("submissions", "0006_numbers_of_notes_drawn")]

    operations = [
        AddIndexConcurrently(
            "submission",
            models.Index(fields=["state", "due_on", "submitted_at", "id"], name="submission_by_promise"),
        ),
        AddIndexConcurrently("submission", models.Index(fields=["-saved_at", "-id"], name="submission_by_saving")),
    ]
