from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the index is built while the site writes

    dependencies = [("ledger", "0001_first_tables")]

    operations = [
        AddIndexConcurrently(
            "entryline",
            models.Index(
                condition=models.Q(("due_on__isnull", False)), fields=["account", "due_on"], name="line_by_due_day"
            ),
        ),
    ]
