"""kill -9 of the database while entries are posted: nothing acknowledged is lost, nothing is posted twice."""

import random
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
        out = [(tmp_path / f"posted-{n}").open("w+") for n in range(2)]
        running = [start(site, organisation, f"p{n}-0", out[n]) for n in range(2)]
        try:
            for kill in range(1, KILLS + 1):
                time.sleep(random.uniform(2, 4))
                if kill % 2:
                    kill_database(site)
                running[kill % 2].kill()
                running[kill % 2].wait()
                running[kill % 2] = start(site, organisation, f"p{kill % 2}-{kill}", out[kill % 2])
            time.sleep(4)
        finally:
            for process in running:
                process.kill()
                process.wait()
        said = [line.strip() for file in out for line in (file.seek(0), file.readlines())[1] if line.endswith("\n")]
        kept = [line.split()[1] for line in site.python(LOOK).splitlines() if line.startswith("KEY")]
        assert len(said) > 20
        assert set(said) <= set(kept)
        assert len(kept) == len(set(kept))
        checked = site.keqiao("ledger", "check")
        assert (checked.returncode, f"{len(kept)} entries add up" in checked.stdout) == (0, True), checked.stdout


def start(site, organisation, name, out):
    command = [sys.executable, "-c", POSTER, organisation, name]
    return subprocess.Popen(command, env=site.variables, cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL)


def kill_database(site):
    """The postmaster of this site's folder."""
    folder = str(site.env.data)
    for process in psutil.process_iter(["name", "cmdline"]):
        line = process.info["cmdline"] or []
        if process.info["name"] == "postgres" and any(folder in part for part in line):
            process.kill()
