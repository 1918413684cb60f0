"""kill -9 of the database while finance pays: what was acknowledged is in the book, and nothing is paid twice."""

import subprocess
import sys
import time

import pytest

from tests.running_sites import ROOT, new_site
from tests.test_ledger_killed import kill_database

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

MAKE = """
from keqiao.kernel import parameters
from keqiao.parties import selectors as parties
parameters.load_packs(actor=parties.system())
from keqiao.deals.tests.factories import make_world, payable
world = make_world(shares=(500,) * 20)
row = payable(world)
print("MADE", world.finance.person_id, *row.payments.values_list("code", flat=True))
"""
# Pays every order, again and again until each is acknowledged.
PAYER = """
import sys, time
from keqiao.cli import ground
from keqiao.runtime.environment import read_environment
with ground.django(read_environment()):
    from django.db import DatabaseError, InterfaceError, connection
    from keqiao.deals import services
    from keqiao.kernel.errors import DomainError
    from keqiao.parties import selectors as parties
    for code in sys.argv[2:]:
        while True:
            try:
                services.pay(actor=parties.actor_of_person(int(sys.argv[1])), code=code)
            except (DatabaseError, InterfaceError, DomainError):
                connection.close()
                time.sleep(0.2)
                continue
            print(code, flush=True)
            break
        time.sleep(0.05)
"""
LOOK = """
from keqiao.deals.models import Distribution, Payment
from keqiao.ledger.models import Entry
for row in Payment.objects.filter(state="paid"):
    print("PAID", row.code, Entry.objects.filter(key=f"deals:{row.code}").count())
print("STATE", Distribution.objects.get().state)
"""


def test_killed_while_paying_loses_nothing_and_pays_nothing_twice(tmp_path):
    with new_site(tmp_path / "data") as site:
        assert site.keqiao("migrate").returncode == 0
        made = site.python(MAKE).split("MADE ")[1].split("\n")[0].split()
        person, codes = made[0], made[1:]
        out = tmp_path / "paid.out"
        with out.open("w") as said, (tmp_path / "paid.err").open("w") as wrong:
            command = [sys.executable, "-c", PAYER, person, *codes]
            payers = [
                subprocess.Popen(command, env=site.variables, cwd=ROOT, stdout=said, stderr=wrong) for _n in range(2)
            ]
            for paid in (2, 8, 14):
                until = time.monotonic() + 120
                while len(out.read_text().split()) < paid:
                    assert time.monotonic() < until, (tmp_path / "paid.err").read_text()[-2000:]
                    time.sleep(0.05)
                kill_database(site)
                assert site.keqiao("ledger", "check").returncode == 0  # starts the database again
            assert [payer.wait(timeout=180) for payer in payers] == [0, 0]
        found = [line.split() for line in site.python(LOOK).splitlines() if line.startswith(("PAID", "STATE"))]
        assert sorted(row[1] for row in found if row[0] == "PAID") == sorted(codes)
        assert {row[2] for row in found if row[0] == "PAID"} == {"1"}
        assert found[-1] == ["STATE", "paid"]
