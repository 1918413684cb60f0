from django.db import migrations


class Migration(migrations.Migration):
    """Codes are drawn at random (kernel/codes.py): a running number told how many items others had."""

    dependencies = [("catalogue", "0006_external_ids_of_each_owner")]

    operations = [
        migrations.RunSQL("DROP SEQUENCE catalogue_item_number", "CREATE SEQUENCE catalogue_item_number START 10000"),
    ]
