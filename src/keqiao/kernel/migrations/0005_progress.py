from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0004_public_notices")]

    operations = [
        migrations.CreateModel(
            name="Progress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, unique=True)),
                ("done", models.PositiveBigIntegerField(default=0)),
                ("total", models.PositiveBigIntegerField(null=True)),
                ("outcome", models.CharField(max_length=12)),
                ("began_at", models.DateTimeField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["running", "done", "failed"])),
                        name="progress_outcome_is_known",
                    )
                ],
            },
        ),
    ]
