from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Of which deal a contributor's distributions are, and whether they stand, is read from an index alone."""

    atomic = False

    dependencies = [("deals", "0008_deals_of_owners_and_people")]

    operations = [
        AddIndexConcurrently(
            "distribution",
            models.Index(fields=["id"], include=["deal", "state"], name="distribution_in_short"),
        ),
    ]
