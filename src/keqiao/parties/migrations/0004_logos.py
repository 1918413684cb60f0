import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the index is built while the site writes

    dependencies = [
        ("kernel", "0002_site_settings_and_notice_channels"),
        ("parties", "0003_merged_organisations"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="organisation",
                    name="logo",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="kernel.storedfile",
                    ),
                ),
            ],
            database_operations=[
                migrations.RunSQL(
                    'ALTER TABLE "parties_organisation" ADD COLUMN "logo_id" bigint NULL',
                    'ALTER TABLE "parties_organisation" DROP COLUMN "logo_id"',
                ),
            ],
        ),
        migrations.RunSQL(
            'ALTER TABLE "parties_organisation" ADD CONSTRAINT "organisation_logo_fk" FOREIGN KEY ("logo_id") '
            'REFERENCES "kernel_storedfile" ("id") DEFERRABLE INITIALLY DEFERRED NOT VALID',
            'ALTER TABLE "parties_organisation" DROP CONSTRAINT "organisation_logo_fk"',
        ),
        migrations.RunSQL(
            'ALTER TABLE "parties_organisation" VALIDATE CONSTRAINT "organisation_logo_fk"', migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            "organisation",
            models.Index(
                condition=models.Q(("logo__isnull", False)), fields=["logo"], name="organisation_by_logo"
            ),
        ),
    ]
