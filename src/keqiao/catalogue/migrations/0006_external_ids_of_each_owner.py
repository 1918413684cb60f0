from django.db import migrations, models

OWNERS = {"achievement": "owner", "need": "publisher"}


def of_each_owner(model):
    """Two organisations may number alike. The wider index is there before the narrower one goes."""
    owner, new, old = OWNERS[model], f"one_{model}_per_owner_and_external_id", f"one_{model}_per_external_id"
    constraint = models.UniqueConstraint(
        name=new, fields=[owner, "external_id"], condition=~models.Q(("external_id", ""))
    )
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                f"""CREATE UNIQUE INDEX CONCURRENTLY {new} ON catalogue_{model} ({owner}_id, external_id)
                WHERE NOT (external_id = '')""",
                f"DROP INDEX CONCURRENTLY {new}",
            ),
            migrations.RunSQL(f"DROP INDEX CONCURRENTLY {old}", migrations.RunSQL.noop),
        ],
        state_operations=[
            migrations.RemoveConstraint(model, old),
            migrations.AddConstraint(model, constraint),
        ],
    )


class Migration(migrations.Migration):
    atomic = False  # indexes are built while the site writes

    dependencies = [("catalogue", "0005_list_indexes")]

    operations = [of_each_owner("achievement"), of_each_owner("need")]
