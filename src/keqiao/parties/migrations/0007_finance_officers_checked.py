from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("parties", "0006_finance_officers")]

    operations = [
        ValidateConstraint("invitation", "invitation_role_is_known"),
        ValidateConstraint("joinrequest", "join_role_is_known"),
        ValidateConstraint("post", "post_role_is_known"),
    ]
