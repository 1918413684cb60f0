from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys are drawn at random (kernel/codes.py). The table keeps its own sequence, for processes of the release before."""

    dependencies = [("kernel", "0002_site_settings_and_notice_channels")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="storedfile",
                    name="id",
                    field=models.BigIntegerField(primary_key=True, serialize=False),
                ),
                migrations.AlterField(
                    model_name="notice",
                    name="id",
                    field=models.BigIntegerField(primary_key=True, serialize=False),
                ),
            ],
        ),
    ]
