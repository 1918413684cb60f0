from django.db import migrations

# A new last partition, without an upper bound; its name. Triggers of rows come to it by themselves, those of statements do not.
ADD_LAST = """
CREATE FUNCTION keqiao_add_last_partition(grown text, first bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    part text := grown || '_from_' || first;
    definition text;
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (MAXVALUE)', part, grown, first);
    FOR definition IN SELECT pg_get_triggerdef(oid) FROM pg_trigger
        WHERE tgrelid = grown::regclass AND NOT tgisinternal AND tgtype & 1 = 0
    LOOP
        EXECUTE regexp_replace(definition, ' ON \\S+', format(' ON %I', part));
    END LOOP;
    RETURN part;
END $$
"""

# The table as it stands becomes the first partition of a new one of its name; no row is copied. What is unique by other
# columns alone becomes unique together with the column of the partitions: that no two rows then share an id is the
# sequence's doing. Indexes, constraints, triggers and what refers to the table stay as they were, by their names. The order
# matters: a partition's indexes are taken over where equal ones stand already, its triggers may not have the same names.
SPLIT = """
CREATE FUNCTION keqiao_split(grown text, by_column text, width bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := grown || '_from_0';
    one record;
    uniques jsonb;
    others jsonb;
    indexes jsonb;
    triggers jsonb;
    referring jsonb;
    number bigint;
    until bigint;
    wider text;
BEGIN
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', grown);
    EXECUTE format('SELECT (coalesce(max(%I), 0) / $1 + 1) * $1 FROM %I', by_column, grown) INTO until USING width;
    EXECUTE format('SELECT last_value + is_called::int FROM %s', pg_get_serial_sequence(grown, 'id')) INTO number;

    SELECT coalesce(jsonb_agg(jsonb_build_object('name', conname, 'definition', pg_get_constraintdef(oid)))
            FILTER (WHERE contype IN ('p', 'u')), '[]'),
        coalesce(jsonb_agg(jsonb_build_object('name', conname, 'definition', pg_get_constraintdef(oid)))
            FILTER (WHERE contype IN ('c', 'f')), '[]')
        INTO uniques, others FROM pg_constraint WHERE conrelid = grown::regclass;
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', relname, 'definition', pg_get_indexdef(indexrelid))), '[]')
        INTO indexes FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = grown::regclass
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid);
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', tgname, 'definition', pg_get_triggerdef(oid),
            'comment', obj_description(oid, 'pg_trigger'), 'of_rows', tgtype & 1 = 1)), '[]')
        INTO triggers FROM pg_trigger WHERE tgrelid = grown::regclass AND NOT tgisinternal;
    SELECT coalesce(jsonb_agg(jsonb_build_object('owner', conrelid::regclass, 'name', conname,
            'definition', pg_get_constraintdef(oid))), '[]')
        INTO referring FROM pg_constraint WHERE confrelid = grown::regclass AND contype = 'f' AND conparentid = 0;

    FOR one IN SELECT * FROM jsonb_to_recordset(referring) AS each(owner text, name text) LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.owner, one.name);
    END LOOP;
    FOR one IN SELECT * FROM jsonb_to_recordset(triggers) AS each(name text, of_rows boolean) WHERE of_rows LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', one.name, grown);
    END LOOP;
    EXECUTE format('ALTER TABLE %I ALTER id DROP IDENTITY, ALTER id DROP DEFAULT', grown);
    FOR one IN SELECT * FROM jsonb_to_recordset(uniques || indexes) AS each(name text) LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', one.name, left(one.name, 55) || '_from_0');
    END LOOP;

    EXECUTE format('ALTER TABLE %I RENAME TO %I', grown, part);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMPRESSION) '
        'PARTITION BY RANGE (%I)', grown, part, by_column);
    EXECUTE format('CREATE SEQUENCE %I AS bigint START %s OWNED BY %I.id', grown || '_id_seq', number, grown);
    EXECUTE format('ALTER TABLE %I ALTER id SET DEFAULT nextval(%L)', grown, grown || '_id_seq');
    FOR one IN SELECT * FROM jsonb_to_recordset(uniques) AS each(name text, definition text) LOOP
        wider := one.definition;
        IF NOT by_column = ANY (string_to_array(substring(wider from '\\((.*?)\\)'), ', ')) THEN
            wider := regexp_replace(wider, '\\)', format(', %I)', by_column));
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', part, left(one.name, 55) || '_from_0');
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I %s', part, left(one.name, 55) || '_from_0', wider);
        END IF;
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I %s', grown, one.name, wider);
    END LOOP;
    FOR one IN SELECT * FROM jsonb_to_recordset(others) AS each(name text, definition text) LOOP
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I %s', grown, one.name, one.definition);
    END LOOP;
    FOR one IN SELECT * FROM jsonb_to_recordset(indexes) AS each(definition text) LOOP
        EXECUTE one.definition;
    END LOOP;

    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%s)', grown, part, until);
    FOR one IN SELECT * FROM jsonb_to_recordset(triggers) AS each(name text, definition text, comment text) LOOP
        EXECUTE one.definition;
        EXECUTE format('COMMENT ON TRIGGER %I ON %I IS %L', one.name, grown, one.comment);
    END LOOP;
    FOR one IN SELECT * FROM jsonb_to_recordset(referring) AS each(owner text, name text, definition text) LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', one.owner, one.name, one.definition);
    END LOOP;
    PERFORM keqiao_add_last_partition(grown, until);
    EXECUTE format('ANALYZE %I', grown);
END $$
"""


class Migration(migrations.Migration):
    """The event table becomes the first of its partitions (decision 0029); other tables that grow use the same functions."""

    dependencies = [("kernel", "0007_unread_notices_and_moved_rows")]

    operations = [
        migrations.RunSQL(ADD_LAST),
        migrations.RunSQL(SPLIT),
        migrations.RunSQL("SELECT keqiao_split('kernel_event', 'id', 10000000)"),
    ]
