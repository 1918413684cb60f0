import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

STATES = ["waiting", "paid", "held", "withheld", "cancelled"]
CHOICES = [("waiting", "待支付"), ("paid", "已支付"), ("held", "待收款人加入"), ("withheld", "停止支付"), ("cancelled", "已作废")]
PROTECT = django.db.models.deletion.PROTECT


class Migration(migrations.Migration):
    """The wider list of states is checked for new rows at once, for old ones in the next migration."""

    dependencies = [
        ("deals", "0005_named_staff"),
        ("kernel", "0005_progress"),
        ("parties", "0007_finance_officers_checked"),
    ]

    operations = [
        migrations.CreateModel(
            name="Evidence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("confirmation", models.OneToOneField(null=True, on_delete=PROTECT, related_name="evidence", to="deals.confirmation")),
                ("payment", models.OneToOneField(null=True, on_delete=PROTECT, related_name="evidence", to="deals.payment")),
                ("file", models.ForeignKey(on_delete=PROTECT, related_name="+", to="kernel.storedfile")),
                ("made_at", models.DateTimeField()),
                ("made_by", models.ForeignKey(null=True, on_delete=PROTECT, related_name="+", to="parties.person")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("confirmation__isnull", False), ("payment", None)),
                            models.Q(("confirmation", None), ("payment__isnull", False)),
                            _connector="OR",
                        ),
                        name="evidence_is_of_one",
                    )
                ]
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="evidence",
            trigger=pgtrigger.compiler.Trigger(name="evidence_is_final", sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash="d439c1e3d027531dd48fd40ce494c04b45d7d45f", operation="UPDATE OR DELETE", pgid="pgtrigger_evidence_is_final_b1ad6", table="deals_evidence", when="BEFORE")),
        ),
        migrations.RemoveConstraint(model_name="payment", name="payment_state_is_known"),
        AddConstraintNotValid(
            model_name="payment",
            constraint=models.CheckConstraint(condition=models.Q(("state__in", STATES)), name="payment_state_is_known"),
        ),
        migrations.AlterField(
            model_name="payment", name="state", field=models.CharField(choices=CHOICES, default="waiting", max_length=12)
        ),
    ]
