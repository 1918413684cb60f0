from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys are drawn at random (kernel/codes.py). The table keeps its own sequence, for processes of the release before."""

    dependencies = [("parties", "0009_numbers_of_posts_drawn")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="person",
                    name="id",
                    field=models.BigIntegerField(primary_key=True, serialize=False),
                ),
            ],
        ),
    ]
