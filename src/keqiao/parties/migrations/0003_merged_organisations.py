from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the index is built while the site writes

    dependencies = [("parties", "0002_joining_verification_and_merging")]

    operations = [
        migrations.RunSQL(
            'ALTER TABLE "parties_organisation" ADD CONSTRAINT "organisation_merged_into_fk" FOREIGN KEY ("merged_into_id") '
            'REFERENCES "parties_organisation" ("id") DEFERRABLE INITIALLY DEFERRED NOT VALID',
            'ALTER TABLE "parties_organisation" DROP CONSTRAINT "organisation_merged_into_fk"',
        ),
        migrations.RunSQL(
            'ALTER TABLE "parties_organisation" VALIDATE CONSTRAINT "organisation_merged_into_fk"', migrations.RunSQL.noop
        ),
        AddConstraintNotValid(
            "organisation",
            models.CheckConstraint(
                condition=models.Q(("merged_into", None), models.Q(("merged_into", models.F("id")), _negated=True), _connector="OR"),
                name="organisation_not_merged_into_itself",
            ),
        ),
        ValidateConstraint("organisation", "organisation_not_merged_into_itself"),
        AddIndexConcurrently(
            "organisation",
            models.Index(
                condition=models.Q(("merged_into__isnull", False)), fields=["merged_into"], name="organisation_by_successor"
            ),
        ),
        AddIndexConcurrently(
            "post",
            models.Index(condition=models.Q(("ended_on__isnull", True)), fields=["role", "organisation"], name="post_in_force"),
        ),
    ]
