from typing import Any

from django.db import migrations

from keqiao.kernel.partitions import split


def into_partitions(_apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        split(cursor, "matching_match", "need_id", 250_000)


class Migration(migrations.Migration):
    """The table of matches becomes the first of its partitions, by the numbers of their needs (decision 0029)."""

    dependencies = [("matching", "0008_states_of_all_pairs_hold")]

    operations = [migrations.RunPython(into_partitions, elidable=False)]
