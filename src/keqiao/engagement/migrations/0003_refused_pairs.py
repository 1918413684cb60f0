from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Pairs that an organisation called unsuitable are found among few."""

    atomic = False

    dependencies = [("engagement", "0002_drawn_keys")]

    operations = [
        AddIndexConcurrently(
            "matchfeedback",
            models.Index(
                fields=["organisation", "need", "achievement"], condition=Q(is_suitable=False), name="feedback_refused"
            ),
        ),
    ]
