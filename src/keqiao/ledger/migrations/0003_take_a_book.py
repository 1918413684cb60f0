from django.db import migrations

# Lock a book, then read what a posting must know of it. In one question, because postings into one book wait for each
# other. Each statement of the function sees what was committed before the lock was had. By index always: a plan that a
# session keeps from the time when the tables were small would walk through all of them later.
TAKE = """
CREATE FUNCTION ledger_take(
    asked_book bigint, asked_organisation bigint, asked_key text, asked_day date, zone text, names text[]
) RETURNS TABLE (
    id bigint, code varchar, organisation_id bigint, standard varchar, opened_at timestamptz,
    now timestamptz, today date, closed_through date, last_number int, before_id bigint, accounts jsonb
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    held ledger_book;
    moment timestamptz;
    local_day date;
BEGIN
    IF asked_book IS NULL THEN
        SELECT b.id INTO asked_book FROM ledger_book b JOIN parties_organisation o ON o.id = b.organisation_id
        WHERE b.organisation_id = asked_organisation AND o.merged_into_id IS NULL;
    END IF;
    SELECT b.* INTO held FROM ledger_book b WHERE b.id = asked_book FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    moment := clock_timestamp();
    local_day := (moment AT TIME ZONE zone)::date;
    RETURN QUERY SELECT held.id, held.code, held.organisation_id, held.standard, held.opened_at, moment, local_day,
        (SELECT max(c.last_on) FROM ledger_closing c WHERE c.book_id = held.id),
        (SELECT max(e.number) FROM ledger_entry e WHERE e.book_id = held.id
            AND e.month = date_trunc('month', coalesce(asked_day, local_day)::timestamp)::date),
        (SELECT e.id FROM ledger_entry e WHERE e.book_id = held.id AND e.key = asked_key),
        (SELECT coalesce(jsonb_agg(to_jsonb(a)), '[]'::jsonb) FROM ledger_account a
            WHERE a.book_id = held.id AND (a.purpose = ANY (names) OR a.number = ANY (names)));
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_lines_by_due_day")]

    operations = [
        migrations.RunSQL(
            TAKE, "DROP FUNCTION ledger_take(bigint, bigint, text, date, text, text[])"
        ),
    ]
