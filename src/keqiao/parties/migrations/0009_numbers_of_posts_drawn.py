from django.db import migrations


class Migration(migrations.Migration):
    """Rows of before get theirs."""

    dependencies = [("parties", "0008_numbers_of_posts")]

    operations = [
        migrations.RunSQL(
            "UPDATE parties_post SET number = 1099511627776 + floor(random() * 4503599627370496) WHERE number = 0",
            migrations.RunSQL.noop,
        ),
    ]
