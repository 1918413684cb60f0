from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys are drawn at random (kernel/codes.py). The table keeps its own sequence, for processes of the release before."""

    dependencies = [("engagement", "0001_first_tables")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="messagefile",
                    name="id",
                    field=models.BigIntegerField(primary_key=True, serialize=False),
                ),
                migrations.AlterField(
                    model_name="savedsearch",
                    name="id",
                    field=models.BigIntegerField(primary_key=True, serialize=False),
                ),
                migrations.AlterField(
                    model_name="task",
                    name="id",
                    field=models.BigIntegerField(primary_key=True, serialize=False),
                ),
            ],
        ),
    ]
