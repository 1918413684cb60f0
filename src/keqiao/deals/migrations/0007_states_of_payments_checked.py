from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("deals", "0006_evidence_and_held_payments")]

    operations = [ValidateConstraint(model_name="payment", name="payment_state_is_known")]
