"""The backup of a populated site of an older release is restored with today's programs: every row is there, and works."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from keqiao.runtime import postgres
from tests.running_sites import Site, new_site

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

RELEASES = sorted((Path(__file__).parent / "data").glob("release-*.tar.gz"))
# Rows of these are made anew by each release: migrations, content types, permissions, triggers' bookkeeping.
MADE_BY_DJANGO = ("public.django_", "public.auth_permission", "public.procrastinate_")

USE_IT = """
from django.core.management import call_command
from keqiao.catalogue import selectors as catalogue
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.submissions import content
visitor = parties.visitor()
need = catalogue.newest_needs(visitor).first()
achievement = catalogue.newest_achievements(visitor).first()
print(catalogue.get_need(need.code, actor=visitor).texts.count() > 0)
print(catalogue.get_achievement(achievement.code, actor=visitor).texts.count() > 0)
print(Event.objects.exists())
call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
"""


@pytest.fixture(params=RELEASES, ids=lambda file: file.name.removesuffix(".tar.gz"))
def archive(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def upgraded(archive: Path, tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as site:
        done = site.keqiao("restore", str(archive))
        assert done.returncode == 0, done.stderr
        yield site


def test_there_is_an_older_release_to_come_from() -> None:
    assert RELEASES


def test_nothing_is_lost_on_the_way_to_this_release(archive: Path, upgraded: Site) -> None:
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest
        before = json.load(manifest)["tables"]
    ours = {table: rows for table, rows in before.items() if not table.startswith(MADE_BY_DJANGO)}
    assert sum(ours.values()) > 10_000
    assert {table: rows for table, rows in counts(upgraded, list(ours)).items() if rows < ours[table]} == {}
    assert upgraded.keqiao("migrate", "--check").returncode == 0
    assert upgraded.keqiao("audit", "verify").returncode == 0
    assert upgraded.python(USE_IT).split() == ["True", "True", "True"]


def counts(site: Site, tables: list[str]) -> dict[str, int]:
    found = {}
    with postgres.using(site.env), psycopg.connect(**postgres.conninfo(site.env)) as connection:
        for table in tables:
            row = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
            ).fetchone()
            assert row
            found[table] = row[0]
    return found
