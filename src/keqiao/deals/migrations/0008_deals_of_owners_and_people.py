from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The deals of an owner and of a contributor are read from an index alone."""

    atomic = False

    dependencies = [("deals", "0007_states_of_payments_checked")]

    operations = [
        AddIndexConcurrently(
            "dealowner", models.Index(fields=["organisation"], include=["deal"], name="deals_of_an_owner")
        ),
        AddIndexConcurrently(
            "confirmation",
            models.Index(fields=["person"], include=["distribution"], name="distributions_of_a_person"),
        ),
    ]
