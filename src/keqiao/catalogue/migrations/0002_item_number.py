from django.db import migrations


class Migration(migrations.Migration):
    """The running number in public codes such as CG-2026-00642; numbers below 10000 are left to imported items."""

    dependencies = [("catalogue", "0001_first_tables")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE catalogue_item_number START 10000", "DROP SEQUENCE catalogue_item_number"),
    ]
