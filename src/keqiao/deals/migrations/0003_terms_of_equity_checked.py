from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("deals", "0002_owners_laws_and_terms_of_equity")]

    operations = [ValidateConstraint(model_name="deal", name="deal_equity_as_is_known")]
