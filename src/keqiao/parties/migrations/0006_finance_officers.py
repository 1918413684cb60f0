from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

ROLES = [
    ("researcher", "科研人员"),
    ("conversion_officer", "成果转化专员"),
    ("rd_manager", "研发负责人"),
    ("technology_manager", "技术经理人"),
    ("agency_staff", "机构工作人员"),
    ("exchange_operator", "交易所工作人员"),
    ("bank_officer", "银行客户经理"),
    ("investor", "投资人"),
    ("finance_officer", "财务人员"),
    ("administrator", "平台管理员"),
    ("auditor", "审计人员"),
]


def roles_of(model, name):
    """The wider list of roles is checked for new rows at once, for old ones in the next migration."""
    condition = models.Q(("role__in", [role for role, _label in ROLES]))
    return [
        migrations.RemoveConstraint(model_name=model, name=name),
        AddConstraintNotValid(model_name=model, constraint=models.CheckConstraint(condition=condition, name=name)),
        migrations.AlterField(
            model_name=model, name="role", field=models.CharField(choices=ROLES, max_length=30)
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("parties", "0005_drawn_keys")]

    operations = [
        *roles_of("invitation", "invitation_role_is_known"),
        *roles_of("joinrequest", "join_role_is_known"),
        *roles_of("post", "post_role_is_known"),
    ]
