from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Which assignments an expert has is read from indexes alone."""

    atomic = False

    dependencies = [("experts", "0001_first_tables")]

    operations = [
        AddIndexConcurrently(
            "candidate", models.Index(fields=["profile"], include=["id"], name="candidate_of_profile")
        ),
        AddIndexConcurrently(
            "assignment",
            models.Index(fields=["candidate", "state"], include=["id"], name="assignment_of_candidate"),
        ),
        RemoveIndexConcurrently("assignment", "assignment_by_candidate"),
    ]
