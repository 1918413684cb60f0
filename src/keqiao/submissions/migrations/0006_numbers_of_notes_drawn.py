from django.db import migrations


class Migration(migrations.Migration):
    """Rows of before get theirs."""

    dependencies = [("submissions", "0005_numbers_of_notes")]

    operations = [
        migrations.RunSQL(
            "UPDATE submissions_reviewnote SET number = 1099511627776 + floor(random() * 4503599627370496) WHERE number = 0",
            migrations.RunSQL.noop,
        ),
    ]
