"""Precision and recall of the reader of figures on the labelled sentences: `python bench/quantities.py [--slips]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from keqiao.matching.reading import measuring


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slips", action="store_true", help="show what was missed or wrongly read")
    arguments = parser.parse_args()
    print(
        "| set | language | sentences | figures | precision | recall | role | status |\n|---|---|--:|--:|--:|--:|--:|--:|"
    )
    for name in measuring.SETS:
        rows = measuring.sentences(name)
        for language in ("zh", "en", ""):
            total, slips = measuring.score([row for row in rows if language in {"", row["lang"]}])
            print(
                f"| {name} | {language or 'both'} | {total.sentences} | {total.right + total.missed} | {total.precision:.3f}"
                f" | {total.recall:.3f} | {total.roles / total.right:.3f} | {total.statuses / total.right:.3f} |"
            )
        for slip in slips if arguments.slips else ():
            print(f"    {'missed' if slip.is_missed else 'wrong '} {slip.text!r} in {slip.sentence!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
