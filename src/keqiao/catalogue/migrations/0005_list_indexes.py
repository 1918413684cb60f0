from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F


def by_region(model):
    return AddIndexConcurrently(
        model, models.Index(fields=["region", "state", "-published_at"], name=f"{model}_by_region")
    )


class Migration(migrations.Migration):
    atomic = False  # indexes are built while the site writes

    dependencies = [("catalogue", "0004_expiry_indexes")]

    operations = [
        by_region("achievement"),
        by_region("need"),
        AddIndexConcurrently(
            "achievement",
            models.Index(
                "state",
                F("trl").desc(nulls_last=True),
                F("published_at").desc(),
                F("id").desc(),
                name="achievement_by_maturity",
            ),
        ),
    ]
