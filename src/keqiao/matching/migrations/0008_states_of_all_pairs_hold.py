from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('matching', '0007_faults_of_all_pairs'),
    ]

    operations = [ValidateConstraint(model_name='pairsrun', name='pairs_run_state')]
