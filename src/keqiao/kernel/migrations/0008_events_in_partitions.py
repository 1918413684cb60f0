from typing import Any

from django.db import migrations

from keqiao.kernel.partitions import split


def into_partitions(_apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        split(cursor, "kernel_event", "id", 10_000_000)


class Migration(migrations.Migration):
    """The event table becomes the first of its partitions; no row is copied (decision 0029)."""

    dependencies = [("kernel", "0007_unread_notices_and_moved_rows")]

    operations = [migrations.RunPython(into_partitions, elidable=False)]
