import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

STATES = ["draft", "published", "closed", "withdrawn", "expired"]
CHOICES = [("draft", "草稿"), ("published", "公开"), ("closed", "已结束"), ("withdrawn", "已撤回"), ("expired", "已到期")]


def states_of(model):
    """The wider list of states is checked for new rows at once, for old ones in the next migration."""
    name = f"{model}_state_is_known"
    return [
        migrations.RemoveConstraint(model_name=model, name=name),
        AddConstraintNotValid(
            model_name=model, constraint=models.CheckConstraint(condition=models.Q(("state__in", STATES)), name=name)
        ),
        migrations.AlterField(
            model_name=model, name="state", field=models.CharField(choices=CHOICES, default="draft", max_length=12)
        ),
        migrations.AddField(model_name=model, name="expires_on", field=models.DateField(null=True)),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0002_item_number"),
        ("kernel", "0002_site_settings_and_notice_channels"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "achievement",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="catalogue.achievement",
                    ),
                ),
                (
                    "need",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="catalogue.need",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="kernel.storedfile"
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        choices=[("public", "公开"), ("signed_in", "登录后可见"), ("nda", "签署保密协议后可见")],
                        max_length=12,
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=200)),
                ("proves", models.CharField(blank=True, max_length=20)),
                ("position", models.PositiveSmallIntegerField()),
            ],
            options={
                "ordering": ["position"],
                "indexes": [models.Index(fields=["file"], name="attachment_by_file")],
                "constraints": [
                    models.CheckConstraint(
                        name="attachment_belongs_to_one_item",
                        condition=models.Q(("achievement__isnull", False), ("need", None))
                        | models.Q(("achievement", None), ("need__isnull", False)),
                    ),
                    models.CheckConstraint(
                        name="attachment_level_is_known",
                        condition=models.Q(("level__in", ["public", "signed_in", "nda"])),
                    ),
                ],
            },
        ),
        *states_of("achievement"),
        *states_of("need"),
    ]
