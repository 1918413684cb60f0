"""A site is backed up, restored elsewhere, and compared: every row of every table, every file, every key."""

import hashlib
import io
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

SOME_CONTENT = """
from keqiao.kernel import files, parameters, sealing
from keqiao.parties import selectors as parties, services as people
system = parties.system()
parameters.load_packs(actor=system)
people.register_organisation(actor=system, code="DW-1", kind="university", name_zh="澜江理工大学", name_en="Lanjiang")
files.store(actor=system, name="report.pdf", media_type="application/pdf", chunks=[b"a file" * 1000])
sealing.seal()
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with new_site(tmp_path_factory.mktemp("source") / "data") as site:
        assert site.keqiao("migrate").returncode == 0
        site.python(SOME_CONTENT)
        yield site


@pytest.fixture(scope="module")
def archive(source: Site) -> Path:
    file = source.env.data.parent / "backup.tar.gz"
    done = source.keqiao("backup", str(file))
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path / "data") as site:
        yield site


def content(site: Site) -> dict[str, tuple[int, str]]:
    """Table → rows and a digest of all of them."""
    found = {}
    with postgres.using(site.env), psycopg.connect(**postgres.conninfo(site.env)) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t")
            row = connection.execute(query.format(sql.Identifier(table))).fetchone()
            assert row
            found[table] = row
    return found


def files(site: Site) -> dict[str, str]:
    return {
        path.relative_to(site.env.data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("files", "keys")
        for path in (site.env.data / folder).rglob("*")
        if path.is_file()
    }


def test_restored_elsewhere_it_is_the_same_site(source: Site, archive: Path, target: Site) -> None:
    done = target.keqiao("restore", str(archive), "--no-index")

    assert done.returncode == 0, done.stderr
    assert "compared table by table" in done.stdout
    assert content(target) == content(source)
    assert sum(rows for rows, _ in content(target).values()) > 100
    assert files(target) == files(source)
    assert len(files(target)) >= 2
    assert (target.env.data / "keys").stat().st_mode & 0o077 == 0
    assert target.keqiao("audit", "verify").returncode == 0


def test_the_archive_is_private_and_says_what_it_holds(archive: Path) -> None:
    assert archive.stat().st_mode & 0o077 == 0
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json") or io.BytesIO())
    assert names == ["manifest.json", *manifest["members"]]
    assert manifest["tables"]["public.kernel_storedfile"] == 1


def test_a_site_that_holds_something_is_not_overwritten_unasked(source: Site, archive: Path) -> None:
    before = content(source)
    done = source.keqiao("restore", str(archive), "--no-index")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert content(source) == before

    done = source.keqiao("restore", str(archive), "--no-index", "--force")
    assert done.returncode == 0, done.stderr
    assert content(source) == before


@pytest.mark.parametrize("damage", ["cut", "changed", "strange", "not a backup"])
def test_a_damaged_archive_changes_nothing(archive: Path, target: Site, tmp_path: Path, damage: str) -> None:
    broken = tmp_path / "broken.tar.gz"
    if damage == "cut":
        broken.write_bytes(archive.read_bytes()[:-2000])
    elif damage == "not a backup":
        broken.write_bytes(b"hello" * 1000)
    else:
        with tarfile.open(archive) as old, tarfile.open(broken, "w:gz") as new:
            for member in old:
                piece = (old.extractfile(member) or io.BytesIO()).read()
                if damage == "changed" and member.name.startswith("files/"):
                    piece = b"X" + piece[1:]
                new.addfile(member, io.BytesIO(piece))
            if damage == "strange":
                new.addfile(tarfile.TarInfo("../../etc/evil"))

    done = target.keqiao("restore", str(broken))

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert content(target) == {}
    assert files(target) == {}
