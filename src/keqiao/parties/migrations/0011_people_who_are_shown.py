from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The people on an organisation's page are found without looking at everybody."""

    atomic = False

    dependencies = [("parties", "0010_drawn_keys_of_people")]

    operations = [
        AddIndexConcurrently(
            "person",
            models.Index(fields=["id"], name="person_who_is_shown", condition=Q(shown__contains=["name"])),
        ),
    ]
