import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0002_site_settings_and_notice_channels'),
        ('parties', '0001_first_tables'),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='is_verified',
            field=models.BooleanField(db_default=True),
        ),
        migrations.AddField(
            model_name='organisation',
            name='is_listed',
            field=models.BooleanField(db_default=True),
        ),
        # The column alone: its foreign key is added without holding up writers, in the next migration.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name='organisation',
                    name='merged_into',
                    field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='absorbed', to='parties.organisation'),
                ),
            ],
            database_operations=[
                migrations.RunSQL(
                    'ALTER TABLE "parties_organisation" ADD COLUMN "merged_into_id" bigint NULL',
                    'ALTER TABLE "parties_organisation" DROP COLUMN "merged_into_id"',
                ),
            ],
        ),
        migrations.AddField(
            model_name='person',
            name='orcid',
            field=models.CharField(max_length=19, null=True),
        ),
        migrations.AddField(
            model_name='person',
            name='title_zh',
            field=models.CharField(blank=True, db_default='', max_length=80),
        ),
        migrations.AddField(
            model_name='person',
            name='title_en',
            field=models.CharField(blank=True, db_default='', max_length=80),
        ),
        migrations.AddField(
            model_name='person',
            name='expertise',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='person',
            name='language',
            field=models.CharField(blank=True, db_default='', max_length=8),
        ),
        migrations.AddField(
            model_name='person',
            name='shown',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=12), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=24, unique=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='verifications', to='parties.organisation')),
                ('applicant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('licence', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='kernel.storedfile')),
                ('credit_code', models.CharField(blank=True, max_length=18)),
                ('state', models.CharField(choices=[('open', '待核实'), ('asked', '待补充'), ('approved', '已核实'), ('declined', '未通过核实')], default='open', max_length=12)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('due_on', models.DateField()),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('decided_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['state', 'due_on', 'id'], name='verification_queue')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['open', 'asked', 'approved', 'declined'])), name='verification_state_is_known'), models.UniqueConstraint(condition=models.Q(('state__in', ['open', 'asked'])), fields=('organisation',), name='one_verification_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='VerificationNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verification', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='parties.verification')),
                ('kind', models.CharField(choices=[('question', '提问'), ('answer', '答复'), ('reason', '不通过的理由')], max_length=10)),
                ('person', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('text', models.TextField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['question', 'answer', 'reason'])), name='verification_note_is_known')],
                'indexes': [],
            },
        ),
        migrations.CreateModel(
            name='JoinRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=24, unique=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='join_requests', to='parties.organisation')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='join_requests', to='parties.person')),
                ('role', models.CharField(choices=[('researcher', '科研人员'), ('conversion_officer', '成果转化专员'), ('rd_manager', '研发负责人'), ('technology_manager', '技术经理人'), ('agency_staff', '机构工作人员'), ('exchange_operator', '交易所工作人员'), ('bank_officer', '银行客户经理'), ('investor', '投资人'), ('administrator', '平台管理员'), ('auditor', '审计人员')], max_length=30)),
                ('text', models.CharField(blank=True, max_length=500)),
                ('state', models.CharField(choices=[('open', '待答复'), ('approved', '已同意'), ('declined', '未同意'), ('taken_back', '已撤回')], default='open', max_length=12)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'indexes': [models.Index(fields=['organisation', 'state', '-id'], name='join_by_organisation'), models.Index(fields=['person', '-id'], name='join_by_person'), models.Index(fields=['state', 'id'], name='join_queue')],
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['researcher', 'conversion_officer', 'rd_manager', 'technology_manager', 'agency_staff', 'exchange_operator', 'bank_officer', 'investor', 'administrator', 'auditor'])), name='join_role_is_known'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'approved', 'declined', 'taken_back'])), name='join_state_is_known'), models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('organisation', 'person'), name='one_open_join_request')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=24, unique=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='parties.organisation')),
                ('role', models.CharField(choices=[('researcher', '科研人员'), ('conversion_officer', '成果转化专员'), ('rd_manager', '研发负责人'), ('technology_manager', '技术经理人'), ('agency_staff', '机构工作人员'), ('exchange_operator', '交易所工作人员'), ('bank_officer', '银行客户经理'), ('investor', '投资人'), ('administrator', '平台管理员'), ('auditor', '审计人员')], max_length=30)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('state', models.CharField(choices=[('open', '未使用'), ('used', '已使用'), ('withdrawn', '已收回')], default='open', max_length=12)),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField()),
                ('used_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('used_at', models.DateTimeField(null=True)),
                ('mailed_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['organisation', 'state', '-id'], name='invitation_by_organisation')],
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['researcher', 'conversion_officer', 'rd_manager', 'technology_manager', 'agency_staff', 'exchange_operator', 'bank_officer', 'investor', 'administrator', 'auditor'])), name='invitation_role_is_known'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'used', 'withdrawn'])), name='invitation_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'used'), _negated=True), ('used_at__isnull', False), _connector='OR'), name='used_invitation_has_a_moment')],
            },
        ),
        migrations.CreateModel(
            name='Absence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='absences', to='parties.person')),
                ('substitute', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='substitutions', to='parties.person')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('first_on', models.DateField()),
                ('last_on', models.DateField()),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['substitute', 'last_on'], name='absence_by_substitute'), models.Index(fields=['person', 'organisation', 'last_on'], name='absence_by_person')],
                'constraints': [models.CheckConstraint(condition=models.Q(('last_on__gte', models.F('first_on'))), name='absence_ends_after_it_begins'), models.CheckConstraint(condition=models.Q(('person', models.F('substitute')), _negated=True), name='nobody_stands_in_for_themselves')],
            },
        ),
        migrations.CreateModel(
            name='OrganisationAlias',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='aliases', to='parties.organisation')),
                ('name', models.CharField(max_length=200)),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('organisation', 'name'), name='one_alias_per_name')],
                'indexes': [],
            },
        ),
        migrations.CreateModel(
            name='OrganisationIdentifier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identifiers', to='parties.organisation')),
                ('scheme', models.CharField(choices=[('lei', 'LEI'), ('ror', 'ROR'), ('isni', 'ISNI'), ('grid', 'GRID'), ('registration', '境外登记号')], max_length=12)),
                ('value', models.CharField(max_length=60)),
            ],
            options={
                'ordering': ['scheme', 'value'],
                'constraints': [models.CheckConstraint(condition=models.Q(('scheme__in', ['lei', 'ror', 'isni', 'grid', 'registration'])), name='identifier_scheme_is_known'), models.UniqueConstraint(fields=('scheme', 'value'), name='one_organisation_per_identifier')],
                'indexes': [],
            },
        ),
        migrations.CreateModel(
            name='OrganisationQualification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='qualification_rows', to='parties.organisation')),
                ('kind', models.CharField(choices=[('hitech_enterprise', '高新技术企业'), ('tech_sme', '科技型中小企业'), ('tech_little_giant', '科技小巨人'), ('specialised_sme', '专精特新中小企业')], max_length=40)),
                ('number', models.CharField(blank=True, max_length=60)),
                ('valid_until', models.DateField(null=True)),
                ('evidence', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='kernel.storedfile')),
            ],
            options={
                'ordering': ['kind'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['hitech_enterprise', 'tech_sme', 'tech_little_giant', 'specialised_sme'])), name='qualification_is_known'), models.UniqueConstraint(fields=('organisation', 'kind'), name='one_row_per_qualification')],
                'indexes': [],
            },
        ),
        migrations.CreateModel(
            name='OrganisationChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='parties.organisation')),
                ('person', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('fields', models.JSONField()),
            ],
            options={
                'indexes': [models.Index(fields=['organisation', '-id'], name='change_by_organisation')],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='Merge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=24, unique=True)),
                ('kept', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('gone', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('moved', models.JSONField(default=dict)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('undone_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('undone_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('undone_at', None)), fields=('gone',), name='one_merge_at_a_time'), models.CheckConstraint(condition=models.Q(('kept', models.F('gone')), _negated=True), name='merge_of_two')],
                'indexes': [],
            },
        ),
    ]
