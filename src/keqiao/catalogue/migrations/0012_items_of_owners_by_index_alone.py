from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Which needs and achievements an organisation has is read from an index alone."""

    atomic = False

    dependencies = [("catalogue", "0011_heads_and_assigned_ownership")]

    operations = [
        AddIndexConcurrently(
            "achievement",
            models.Index(fields=["owner", "state", "-published_at"], include=["id"], name="achievement_of_owner"),
        ),
        RemoveIndexConcurrently("achievement", "achievement_by_owner"),
        AddIndexConcurrently(
            "need",
            models.Index(fields=["publisher", "state", "-published_at"], include=["id"], name="need_of_publisher"),
        ),
        RemoveIndexConcurrently("need", "need_by_publisher"),
    ]
