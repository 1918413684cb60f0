import django.contrib.postgres.fields
import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

KINDS = [
    ("submission", "提交"),
    ("taken_back", "撤回"),
    ("handed", "转交"),
    ("claim", "领取"),
    ("promise", "答复期限"),
    ("question", "提问"),
    ("answer", "答复"),
    ("approval", "同意"),
    ("return", "退回"),
    ("decline", "不通过"),
    ("skipped", "跳过单位审核"),
    ("covered", "沿用单位同意"),
    ("acceptance", "通过并公开"),
    ("direct", "管理员直接公开"),
    ("confirmed", "确认分类"),
]


class Migration(migrations.Migration):
    """What a review keeps: who wrote, what was approved and returned, reasons; the owner's side of a complaint."""

    dependencies = [("submissions", "0001_first_tables")]

    operations = [
        migrations.AddField("complaint", "owner_answer", models.TextField(blank=True, db_default="")),
        migrations.AddField("complaint", "owner_view", models.TextField(blank=True, db_default="")),
        migrations.AddField("complaint", "owner_view_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "reviewnote",
            "question",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="answers",
                to="submissions.reviewnote",
            ),
        ),
        migrations.AddField("reviewnote", "reason", models.CharField(blank=True, db_default="", max_length=16)),
        migrations.AddField("submission", "approved_content", models.JSONField(null=True)),
        migrations.AddField("submission", "returned_content", models.JSONField(null=True)),
        migrations.AddField(
            "submission",
            "writers",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                blank=True,
                db_default=models.Value("{}"),
                default=list,
                size=None,
            ),
        ),
        migrations.RemoveConstraint("reviewnote", "note_kind_is_known"),
        migrations.AlterField("reviewnote", "kind", models.CharField(choices=KINDS, max_length=10)),
        AddConstraintNotValid(
            "reviewnote",
            models.CheckConstraint(
                condition=models.Q(("kind__in", [kind for kind, _label in KINDS])), name="note_kind_is_known"
            ),
        ),
        migrations.RunSQL(
            "CREATE SEQUENCE submissions_complaint_number START 1", "DROP SEQUENCE submissions_complaint_number"
        ),
    ]
