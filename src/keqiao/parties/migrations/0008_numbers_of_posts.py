from django.db import migrations, models
from django.db.models import Value
from django.db.models.functions import Cast, Floor, Random

DRAWN = Cast(Value(2**40) + Floor(Random() * Value(2.0**52)), models.BigIntegerField())


class Migration(migrations.Migration):
    """In two steps: a column whose default differs from row to row would rewrite the table under a lock."""

    dependencies = [("parties", "0007_finance_officers_checked")]

    operations = [
        migrations.AddField(
            model_name="post",
            name="number",
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
        migrations.AlterField(
            model_name="post",
            name="number",
            field=models.BigIntegerField(db_default=DRAWN, editable=False),
        ),
    ]
