from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # indexes are built while the site writes

    dependencies = [("catalogue", "0003_terms_and_attachments")]

    operations = [
        ValidateConstraint("achievement", "achievement_state_is_known"),
        ValidateConstraint("need", "need_state_is_known"),
        AddIndexConcurrently(
            "achievement", models.Index(fields=["state", "expires_on"], name="achievement_by_expiry")
        ),
        AddIndexConcurrently("need", models.Index(fields=["state", "expires_on"], name="need_by_expiry")),
    ]
