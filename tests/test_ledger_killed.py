"""kill -9 of the database while entries are posted: nothing acknowledged is lost, nothing is posted twice."""

import subprocess
import sys
import time

import psutil
import pytest

from tests.running_sites import ROOT, new_site

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

# Posts for ever, saying each key once it is committed; a key that failed is posted again.
POSTER = """
import sys, time
from keqiao.cli import ground
from keqiao.runtime.environment import read_environment
with ground.django(read_environment()):
    from django.db import DatabaseError, InterfaceError, connection
    from keqiao.kernel.errors import DomainError
    from keqiao.kernel.money import Money
    from keqiao.ledger import services
    from keqiao.ledger.types import Draft, Purpose, credit, debit
    from keqiao.parties import selectors as parties
    organisation_id, name, n = int(sys.argv[1]), sys.argv[2], 0
    while True:
        money = Money(100 + n)
        draft = Draft("入账", f"{name}:{n}", (debit(Purpose.BANK, money, "入账"), credit(Purpose.FEE_INCOME, money, "入账")))
        try:
            services.post(actor=parties.system(), organisation_id=organisation_id, draft=draft)
        except (DatabaseError, InterfaceError, DomainError):
            connection.close()
            time.sleep(0.2)
            continue
        print(f"{name}:{n}", flush=True)
        n += 1
"""
MAKE = """
from keqiao.kernel import parameters
from keqiao.parties import selectors as parties
from keqiao.parties import services
from keqiao.parties.models import Organisation
parameters.load_packs(actor=parties.system())
made = Organisation.objects.create(code="DW-TEST", kind="university", name_zh="澜江测试大学")
print("ID", made.pk)
"""
LOOK = """
from keqiao.ledger.models import Entry
for key in Entry.objects.order_by("pk").values_list("key", flat=True):
    print("KEY", key)
"""
KILLS = 4


def test_killed_while_posting_loses_nothing_and_posts_nothing_twice(tmp_path):
    with new_site(tmp_path / "data") as site:
        assert site.keqiao("migrate").returncode == 0
        organisation = site.python(MAKE).split("ID ")[1].strip()
        posters = [Poster(site, organisation, f"p{n}", tmp_path) for n in range(2)]
        try:
            for kill in range(KILLS):
                for poster in posters:
                    poster.has_posted(5)
                if kill % 2 == 0:
                    kill_database(site)
                for poster in posters if kill % 2 == 0 else posters[:1]:
                    poster.kill()
                    poster.start()
            for poster in posters:
                poster.has_posted(5)
        finally:
            for poster in posters:
                poster.kill()
        said = [key for poster in posters for key in poster.said()]
        kept = [line.split()[1] for line in site.python(LOOK).splitlines() if line.startswith("KEY")]
        assert len(said) >= 5 * 2 * (KILLS // 2)
        assert set(said) <= set(kept)
        assert len(kept) == len(set(kept))
        checked = site.keqiao("ledger", "check")
        assert (checked.returncode, f"{len(kept)} entries add up" in checked.stdout) == (0, True), checked.stdout


class Poster:
    """A process that posts, started anew after each kill under another name."""

    def __init__(self, site, organisation, name, folder):
        self.site, self.organisation, self.name, self.folder = site, organisation, name, folder
        self.life, self.process = 0, None
        self.start()

    def start(self):
        self.life += 1
        command = [sys.executable, "-c", POSTER, self.organisation, f"{self.name}-{self.life}"]
        with self._file("out").open("w") as out, self._file("err").open("w") as err:
            self.process = subprocess.Popen(command, env=self.site.variables, cwd=ROOT, stdout=out, stderr=err)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def has_posted(self, count):
        """In this life, within two minutes: a busy machine is slow to begin."""
        until = time.monotonic() + 120
        while len(self._lines(self._file("out"))) < count:
            assert time.monotonic() < until, self._file("err").read_text()[-2000:]
            time.sleep(0.1)

    def said(self):
        """The keys that it said were committed, in all its lives."""
        return [line for file in self.folder.glob(f"{self.name}-*.out") for line in self._lines(file)]

    def _file(self, kind):
        return self.folder / f"{self.name}-{self.life}.{kind}"

    @staticmethod
    def _lines(file):
        """Whole lines only: the last may have been cut."""
        return [line.strip() for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


def kill_database(site):
    """The postmaster of this site's folder."""
    folder = str(site.env.data)
    for process in psutil.process_iter(["name", "cmdline"]):
        line = process.info["cmdline"] or []
        if process.info["name"] == "postgres" and any(folder in part for part in line):
            process.kill()
