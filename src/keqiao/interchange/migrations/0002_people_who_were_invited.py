"""A row of people with an address became an invitation: it was kept as if its id were a person's."""

from django.db import migrations

SQL = """
UPDATE interchange_importedthing AS thing SET became = 'invitation'
FROM interchange_importrow AS row JOIN interchange_import AS job ON job.id = row.job_id
WHERE thing.kind = 'people' AND thing.became = 'person' AND job.kind = 'people'
  AND row.key = thing.key AND row.organisation_id IS NOT DISTINCT FROM thing.organisation_id AND row.made <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("interchange", "0001_first_tables")]

    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
