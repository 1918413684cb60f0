"""How long a distribution takes: `python bench/distribution.py [--people 500] [--rounds 9] [--out FILE]`.

Pure computation, no database. One receipt for one result; then the last of twelve instalments of five results with two owners
each, every receipt with costs. People are spread evenly over the teams. The bar: every sheet for 500 people in one second.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

BAR_S = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    import django

    django.setup()
    text, worst = run(args.people, args.rounds)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0 if worst <= BAR_S else 1


def run(people: int, rounds: int) -> tuple[str, float]:
    from keqiao.deals.rulebook import rules_that_ship
    from keqiao.deals.waterfall import distribute

    rules, few = rules_that_ship(), people // 10
    plain, shared = ({count: terms(count, *size) for count in (few, people)} for size in ((1, 1), (5, 2)))
    cases: dict[str, Callable[[int], Any]] = {
        "one result, one receipt": lambda count: distribute(plain[count], receipts(1), rules),
        "five results, two owners each, twelfth instalment": lambda count: distribute(
            shared[count], receipts(12), rules
        ),
        "tax of each": lambda count: [estimate(n, rules) for n in range(count)],
    }
    rows, worst = [], 0.0
    for name, case in cases.items():
        small, large = (median(lambda n=n, case=case: case(n), rounds) for n in (few, people))
        worst = max(worst, large)
        rows.append(f"| {name} | {small * 1000:.1f} | {large * 1000:.1f} | {large / small:.1f} |")
    head = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        f"Distributions to {few} and to {people} people; median of {rounds}; {head}; load of the machine {os.getloadavg()[0]:.1f}",
        "",
        f"| distribution | {few} people, ms | {people} people, ms | ratio |",
        "|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n", worst


def median(call: Callable[[], Any], rounds: int) -> float:
    times = []
    for _round in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def terms(people: int, results: int, owners: int) -> Any:
    from keqiao.deals import types as t

    size = people // (results * owners)
    whole = sum(n % 7 + 1 for n in range(size))
    team = [Fraction(n % 7 + 1, whole) for n in range(size)]
    return t.Terms(
        t.Mode.LICENCE,
        date(2022, 3, 1),
        tuple(
            t.Achievement(
                f"a{a}",
                Fraction(1, results),
                tuple(
                    t.Stake(
                        f"u{o}",
                        Fraction(1, owners),
                        tuple(t.Share(f"a{a}u{o}p{n}", part) for n, part in enumerate(team)),
                    )
                    for o in range(owners)
                ),
            )
            for a in range(results)
        ),
        tuple(t.Owner(f"u{o}", t.OwnerKind.STATE_UNIT, ["CN-SH", "CN-ZJ"][o]) for o in range(owners)),
        registered_on=date(2022, 4, 1),
        broker=t.Broker("b", Fraction(3, 100)),
    )


def receipts(count: int) -> list[Any]:
    from keqiao.deals import types as t

    charges = (t.Charge(t.ChargeKind.VALUATION, 1_234), t.Charge(t.ChargeKind.UPKEEP, 567))
    return [t.Receipt(str(n), date(2023, n % 12 + 1, 1), 12_345_678 + n, charges=charges) for n in range(count)]


def estimate(number: int, rules: Any) -> Any:
    from keqiao.deals import tax

    person = tax.Person(wages=tax.Wages(20_000_000 + number * 10_000, 11, 4_000_000))
    return tax.cash_reward(
        person, 1_000_000 + number, rules, paid_on=date(2025, 11, 30), income_on=date(2025, 11, 1), is_registered=True
    )


if __name__ == "__main__":
    sys.exit(main())
