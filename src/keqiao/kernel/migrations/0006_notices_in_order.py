from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The list of public notices is read in its order, not sorted each time."""

    atomic = False

    dependencies = [("kernel", "0005_progress")]

    operations = [
        AddIndexConcurrently("publicnotice", models.Index(fields=["-opened_at", "-id"], name="public_notice_by_opening")),
    ]
