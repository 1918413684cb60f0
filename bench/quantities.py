"""Precision and recall of the reader of figures on the labelled sentences: `python bench/quantities.py [--slips]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import NormalDist
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from draw_typed_sentences import restored

from keqiao.matching.reading import measuring

HALF = 0.975  # of a two-sided 95 % interval


def interval(hits: int, count: int) -> str:
    """Wilson's, at 95 %."""
    z = NormalDist().inv_cdf(HALF)
    middle = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * (hits * (count - hits) / count + z * z / 4) ** 0.5
    return f"{middle - half:.3f}-{middle + half:.3f}"


def row_of(name: str, language: str, total: measuring.Score) -> str:
    found, labelled = total.right + total.wrong, total.right + total.missed
    precision = f"{total.precision:.3f} ({interval(total.right, found)})"
    recall = f"{total.recall:.3f} ({interval(total.right, labelled)})"
    shares = f"{total.roles / total.right:.3f} | {total.statuses / total.right:.3f}"
    return f"| {name} | {language or 'both'} | {total.sentences} | {labelled} | {precision} | {recall} | {shares} |"


def _shown(name: str, rows: list[dict[str, Any]]) -> list[measuring.Slip]:
    slips: list[measuring.Slip] = []
    for language in ("zh", "en", ""):
        mine = [row for row in rows if language in {"", row["lang"]}]
        if not mine:
            continue  # all of them are published by reference
        total, slips = measuring.score(mine)
        print(row_of(name, language, total))
    return slips


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slips", action="store_true", help="show what was missed or wrongly read")
    parser.add_argument("--data", type=Path, help="the collections, for the sentences that are published by reference")
    parser.add_argument("--sets", nargs="*", default=measuring.SETS, choices=measuring.SETS)
    arguments = parser.parse_args()
    print(
        "| set | language | sentences | figures | precision | recall | role | status |\n|---|---|--:|--:|--:|--:|--:|--:|"
    )
    for name in arguments.sets:
        rows = restored(measuring.published(name), arguments.data) if arguments.data else measuring.sentences(name)
        damaged = [row for row in rows if row.get("stratum") == measuring.DAMAGED]
        typed = [row for row in rows if row not in damaged]
        slips = _shown(name, typed)
        if damaged:
            slips += _shown(f"{name}, damaged", damaged)
        for slip in slips if arguments.slips else ():
            print(f"    {'missed' if slip.is_missed else 'wrong '} {slip.text!r} in {slip.sentence!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
