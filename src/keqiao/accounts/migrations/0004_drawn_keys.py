from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys are drawn at random (kernel/codes.py). The table keeps its own sequence, for processes of the release before."""

    dependencies = [("accounts", "0003_attempt_counts")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="dataexport",
                    name="id",
                    field=models.BigIntegerField(primary_key=True, serialize=False),
                ),
            ],
        ),
    ]
