from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models

OPEN = ["open", "in_review"]


def one_open(item):
    """One open complaint per person and item; built while the site writes."""
    name = f"one_open_complaint_per_{item}"
    return migrations.RunSQL(
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON submissions_complaint (complainant_id, {item}_id) "
        f"WHERE state IN ('open', 'in_review') AND {item}_id IS NOT NULL",
        f"DROP INDEX CONCURRENTLY {name}",
        state_operations=[
            migrations.AddConstraint(
                "complaint",
                models.UniqueConstraint(
                    name=name,
                    fields=["complainant", item],
                    condition=models.Q((f"{item}__isnull", False), ("state__in", OPEN)),
                ),
            )
        ],
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("submissions", "0002_review_record")]

    operations = [
        ValidateConstraint("reviewnote", "note_kind_is_known"),
        AddIndexConcurrently(
            "complaint", models.Index(fields=["complainant", "-made_at"], name="complaint_by_complainant")
        ),
        AddIndexConcurrently("complaint", models.Index(fields=["need"], name="complaint_by_need")),
        AddIndexConcurrently("complaint", models.Index(fields=["achievement"], name="complaint_by_achievement")),
        one_open("need"),
        one_open("achievement"),
    ]
