from django.db import migrations


class Migration(migrations.Migration):
    """Codes are drawn at random (kernel/codes.py): a running number told how many complaints others had made."""

    dependencies = [("submissions", "0003_review_indexes")]

    operations = [
        migrations.RunSQL(
            "DROP SEQUENCE submissions_complaint_number", "CREATE SEQUENCE submissions_complaint_number START 1"
        ),
    ]
