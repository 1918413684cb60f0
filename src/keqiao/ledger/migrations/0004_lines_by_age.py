import django.db.models.functions.comparison
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the index is built while the site writes

    dependencies = [("ledger", "0003_take_a_book")]

    operations = [
        AddIndexConcurrently(
            "entryline",
            models.Index(
                models.F("account"),
                django.db.models.functions.comparison.Coalesce("due_on", "booked_on"),
                condition=models.Q(("organisation__isnull", False), ("person__isnull", False), _connector="OR"),
                include=("organisation", "person", "amount", "is_red", "due_on", "booked_on"),
                name="line_by_age",
            ),
        ),
        RemoveIndexConcurrently("entryline", "line_by_due_day"),
    ]
