import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('parties', '0007_finance_officers_checked'),
    ]

    operations = [
        migrations.CreateModel(
            name='Book',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=24, unique=True)),
                ('standard', models.CharField(choices=[('government', '政府会计制度'), ('enterprise', '企业会计准则')], max_length=12)),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('organisation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
            ],
        ),
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=20)),
                ('purpose', models.CharField(choices=[('bank', '银行存款'), ('receivable', '应收账款'), ('other_receivable', '其他应收款'), ('payable', '应付账款'), ('advance', '预收账款'), ('other_payable', '其他应付款'), ('reward_payable', '应付成果转化奖励'), ('tax_payable', '应交税费'), ('net_assets', '累计盈余'), ('conversion_income', '成果转化收入'), ('fee_income', '服务费收入'), ('direct_cost', '成果转化成本'), ('reward_expense', '成果转化奖励'), ('admin_expense', '管理费用'), ('tax_expense', '税金及附加'), ('exchange', '货币兑换'), ('escrow_bank', '代管资金专户'), ('held', '代管款')], max_length=20)),
                ('kind', models.CharField(choices=[('asset', '资产'), ('liability', '负债'), ('equity', '净资产'), ('income', '收入'), ('expense', '费用')], max_length=10)),
                ('currency', models.CharField(max_length=3)),
                ('label', models.CharField(blank=True, max_length=60)),
                ('name_zh', models.CharField(max_length=80)),
                ('is_escrow', models.BooleanField()),
                ('has_party', models.BooleanField()),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('closed_at', models.DateTimeField(null=True)),
                ('book', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='accounts', to='ledger.book')),
            ],
        ),
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last_on', models.DateField()),
                ('balance', models.BigIntegerField()),
                ('debit', models.BigIntegerField()),
                ('credit', models.BigIntegerField()),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.account')),
                ('organisation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('person', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
            ],
        ),
        migrations.CreateModel(
            name='Closing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last_on', models.DateField()),
                ('closed_at', models.DateTimeField()),
                ('book', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='closings', to='ledger.book')),
                ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
            ],
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('number', models.IntegerField()),
                ('booked_on', models.DateField()),
                ('kind', models.CharField(choices=[('ordinary', '记账'), ('opening', '期初'), ('reversal', '红字冲销'), ('carry', '年末结转')], max_length=10)),
                ('why', models.CharField(max_length=200)),
                ('cause', models.CharField(blank=True, max_length=80)),
                ('key', models.CharField(max_length=120)),
                ('digest', models.CharField(max_length=64)),
                ('line_count', models.IntegerField()),
                ('posted_at', models.DateTimeField()),
                ('book', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='ledger.book')),
                ('posted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
                ('reverses', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='ledger.entry')),
            ],
        ),
        migrations.CreateModel(
            name='EntryLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.IntegerField()),
                ('booked_on', models.DateField()),
                ('due_on', models.DateField(null=True)),
                ('amount', models.BigIntegerField()),
                ('is_red', models.BooleanField()),
                ('why', models.CharField(max_length=200)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='ledger.account')),
                ('entry', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='ledger.entry')),
                ('organisation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('person', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.person')),
            ],
            options={
                'db_table': 'ledger_line',
            },
        ),
        migrations.AddConstraint(
            model_name='book',
            constraint=models.CheckConstraint(condition=models.Q(('standard__in', ['government', 'enterprise'])), name='book_standard_is_known'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.UniqueConstraint(fields=('book', 'number'), name='one_ledger_account_per_number'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.UniqueConstraint(fields=('book', 'purpose', 'currency', 'label'), name='one_ledger_account_per_purpose'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['asset', 'liability', 'equity', 'income', 'expense'])), name='account_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('purpose__in', ['bank', 'receivable', 'other_receivable', 'payable', 'advance', 'other_payable', 'reward_payable', 'tax_payable', 'net_assets', 'conversion_income', 'fee_income', 'direct_cost', 'reward_expense', 'admin_expense', 'tax_expense', 'exchange', 'escrow_bank', 'held'])), name='account_purpose_is_known'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('currency__in', ['CHF', 'CNY', 'EUR', 'GBP', 'HKD', 'ILS', 'JPY', 'KRW', 'SGD', 'USD'])), name='account_currency_is_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='account_stays_what_it_is', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF (NEW.book_id, NEW.purpose, NEW.kind, NEW.currency, NEW.is_escrow, NEW.has_party) IS DISTINCT FROM (OLD.book_id, OLD.purpose, OLD.kind, OLD.currency, OLD.is_escrow, OLD.has_party) THEN RAISE EXCEPTION 'an account keeps its book, purpose and currency' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW;", hash='af4d54ae0adb81bd4c8f0446d071472bdab69394', operation='UPDATE', pgid='pgtrigger_account_stays_what_it_is_ee366', table='ledger_account', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='checkpoint',
            constraint=models.UniqueConstraint(fields=('account', 'last_on', 'organisation', 'person'), name='one_ledger_checkpoint_per_month', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='checkpoint',
            constraint=models.CheckConstraint(condition=models.Q(('organisation__isnull', True), ('person__isnull', True), _connector='OR'), name='checkpoint_has_one_party'),
        ),
        migrations.AddConstraint(
            model_name='checkpoint',
            constraint=models.CheckConstraint(condition=models.Q(('balance', 0), ('credit', 0), ('debit', 0), _negated=True), name='checkpoint_says_something'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='checkpoint',
            trigger=pgtrigger.compiler.Trigger(name='checkpoint_is_final', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='cf4a2434fcb8aa1f2635829a5316913374a999ac', operation='UPDATE OR DELETE', pgid='pgtrigger_checkpoint_is_final_622f4', table='ledger_checkpoint', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='checkpoint',
            trigger=pgtrigger.compiler.Trigger(name='checkpoint_no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF current_setting('keqiao.allow_truncate', true) = 'on' THEN RETURN NULL; END IF; RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e96fe2b122203d05fa4d77420fbf8c81e1f986c2', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_checkpoint_no_truncate_e1c5b', table='ledger_checkpoint', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='closing',
            constraint=models.UniqueConstraint(fields=('book', 'last_on'), name='one_ledger_closing_per_month'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='closing',
            trigger=pgtrigger.compiler.Trigger(name='closing_is_final', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='481bad31d1eb96a086216245620e7f90112dd4b8', operation='UPDATE OR DELETE', pgid='pgtrigger_closing_is_final_18c1c', table='ledger_closing', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='closing',
            trigger=pgtrigger.compiler.Trigger(name='closing_no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF current_setting('keqiao.allow_truncate', true) = 'on' THEN RETURN NULL; END IF; RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='437a1091c1efb616bdffa5f8d07a10ad65872631', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_closing_no_truncate_b6334', table='ledger_closing', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='closing',
            trigger=pgtrigger.compiler.Trigger(name='closing_waits_for_entries', sql=pgtrigger.compiler.UpsertTriggerSql(func="PERFORM 1 FROM ledger_book WHERE id = NEW.book_id FOR NO KEY UPDATE; IF EXISTS (SELECT 1 FROM ledger_closing WHERE book_id = NEW.book_id AND last_on > NEW.last_on) OR NEW.last_on <> (date_trunc('month', NEW.last_on) + interval '1 month - 1 day')::date THEN RAISE EXCEPTION 'months are closed whole and in order' USING ERRCODE = 'check_violation'; END IF; RETURN NEW;", hash='12de6a4f6f0b72d51938ab63c6c2f245d799732d', operation='INSERT', pgid='pgtrigger_closing_waits_for_entries_e6cf2', table='ledger_closing', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='one_ledger_entry_per_key'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(fields=('book', 'month', 'number'), name='one_ledger_entry_per_number'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['ordinary', 'opening', 'reversal', 'carry'])), name='entry_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='entry_has_a_number'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('line_count__gte', 2)), name='entry_has_two_lines'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('why', ''), _negated=True), name='entry_says_why'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'reversal'), ('reverses__isnull', False)), models.Q(models.Q(('kind', 'reversal'), _negated=True), ('reverses__isnull', True)), _connector='OR'), name='reversal_names_what_it_reverses'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entry_is_final', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='02517ed184bd0c162cc2ed3c7d91939af4da325f', operation='UPDATE OR DELETE', pgid='pgtrigger_entry_is_final_c65e6', table='ledger_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entry_no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF current_setting('keqiao.allow_truncate', true) = 'on' THEN RETURN NULL; END IF; RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='1297689211408b2df311628431f391a974104b24', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_entry_no_truncate_57f08', table='ledger_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entry_month_is_open', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF NEW.month <> date_trunc('month', NEW.booked_on)::date THEN RAISE EXCEPTION '% is not the month of %', NEW.month, NEW.booked_on USING ERRCODE = 'check_violation'; END IF; PERFORM 1 FROM ledger_book WHERE id = NEW.book_id FOR SHARE; IF EXISTS (SELECT 1 FROM ledger_closing WHERE book_id = NEW.book_id AND last_on >= NEW.booked_on) THEN RAISE EXCEPTION 'the month is closed' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW;", hash='51deab3d79a9ed322847a5ed023fa416d221e1ea', operation='INSERT', pgid='pgtrigger_entry_month_is_open_8dba2', table='ledger_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entry_balances', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', func="IF (SELECT count(*) FROM ledger_line WHERE entry_id = NEW.id) <> NEW.line_count OR EXISTS (SELECT 1 FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id WHERE l.entry_id = NEW.id GROUP BY a.currency, a.is_escrow HAVING sum(l.amount) <> 0) THEN RAISE EXCEPTION 'entry % does not balance', NEW.id USING ERRCODE = 'check_violation'; END IF; RETURN NULL;", hash='54cd6a5e11b852d8336e4e3681d0073e32b910af', operation='INSERT', pgid='pgtrigger_entry_balances_46a3e', table='ledger_entry', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='entryline',
            index=models.Index(fields=['account', 'booked_on', 'id'], include=('amount', 'is_red'), name='line_by_account'),
        ),
        migrations.AddIndex(
            model_name='entryline',
            index=models.Index(condition=models.Q(('organisation__isnull', False)), fields=['organisation', 'account', 'booked_on', 'id'], include=('amount', 'is_red'), name='line_by_organisation'),
        ),
        migrations.AddIndex(
            model_name='entryline',
            index=models.Index(condition=models.Q(('person__isnull', False)), fields=['person', 'account', 'booked_on', 'id'], include=('amount', 'is_red'), name='line_by_person'),
        ),
        migrations.AddConstraint(
            model_name='entryline',
            constraint=models.UniqueConstraint(fields=('entry', 'position'), name='one_ledger_line_per_position'),
        ),
        migrations.AddConstraint(
            model_name='entryline',
            constraint=models.CheckConstraint(condition=models.Q(('position__gte', 1)), name='line_has_a_position'),
        ),
        migrations.AddConstraint(
            model_name='entryline',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', -1000000000000000), ('amount__lte', 1000000000000000), models.Q(('amount', 0), _negated=True)), name='line_amount_is_sensible'),
        ),
        migrations.AddConstraint(
            model_name='entryline',
            constraint=models.CheckConstraint(condition=models.Q(('why', ''), _negated=True), name='line_says_why'),
        ),
        migrations.AddConstraint(
            model_name='entryline',
            constraint=models.CheckConstraint(condition=models.Q(('organisation__isnull', True), ('person__isnull', True), _connector='OR'), name='line_has_one_party'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entryline',
            trigger=pgtrigger.compiler.Trigger(name='line_is_final', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='d4fe04b844b6ed2845180799a99d0dd4dbaf20ef', operation='UPDATE OR DELETE', pgid='pgtrigger_line_is_final_60155', table='ledger_line', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entryline',
            trigger=pgtrigger.compiler.Trigger(name='line_no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF current_setting('keqiao.allow_truncate', true) = 'on' THEN RETURN NULL; END IF; RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='92af840581cec8837069a1fcd867f22cf51ce16e', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_line_no_truncate_0a597', table='ledger_line', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entryline',
            trigger=pgtrigger.compiler.Trigger(name='line_fits_its_entry', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF EXISTS (SELECT 1 FROM new_lines l JOIN ledger_entry e ON e.id = l.entry_id JOIN ledger_account a ON a.id = l.account_id WHERE l.position > e.line_count OR a.book_id <> e.book_id OR l.booked_on <> e.booked_on OR (a.has_party AND l.organisation_id IS NULL AND l.person_id IS NULL)) THEN RAISE EXCEPTION 'a line does not fit its entry' USING ERRCODE = 'check_violation'; END IF; RETURN NULL;", hash='c77fe73aba1c03e51ac6db70456e0b259f9738ed', level='STATEMENT', operation='INSERT', pgid='pgtrigger_line_fits_its_entry_cbec8', referencing='REFERENCING NEW TABLE AS new_lines ', table='ledger_line', when='AFTER')),
        ),
    ]
