"""Our quick `migrate` and Django's own make the same tables."""

from pathlib import Path

import psycopg
import pytest

from keqiao.runtime import postgres
from tests.running_sites import new_site

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

DJANGOS_OWN = """
from django.core.management import call_command
from django.core.management.commands.migrate import Command
call_command(Command(), interactive=False, verbosity=0)
"""
SCHEMA = (
    """
    SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
           pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY c.relname, a.attnum
    """,
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
    "SELECT oid::regprocedure::text, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    "SELECT app, name FROM django_migrations ORDER BY 1, 2",
)


def schema(data: Path, *, by_django: bool) -> list[list[tuple[object, ...]]]:
    with new_site(data) as site:
        if by_django:
            site.python(DJANGOS_OWN)
        else:
            done = site.keqiao("migrate")
            assert done.returncode == 0, done.stderr
        with postgres.using(site.env), psycopg.connect(**postgres.conninfo(site.env)) as connection:
            return [connection.execute(query).fetchall() for query in SCHEMA]


def test_the_quick_way_makes_the_same_tables(tmp_path: Path) -> None:
    ours, djangos = (schema(tmp_path / name, by_django=name == "djangos") for name in ("ours", "djangos"))
    assert ours == djangos
    assert len(ours[0]) > 1000
