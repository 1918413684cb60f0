import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalogue', '0006_external_ids_of_each_owner'),
        ('matching', '0002_counts_of_long_lists'),
    ]

    operations = [
        migrations.CreateModel(
            name='Study',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(max_length=80)),
                ('relaxations', models.JSONField(default=list)),
                ('combinations', models.JSONField(default=list)),
                ('at', models.DateTimeField()),
                ('need', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalogue.need')),
            ],
            options={
                'indexes': [models.Index(fields=['version'], name='study_by_version')],
            },
        ),
    ]
