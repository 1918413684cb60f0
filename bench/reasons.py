"""Are the reasons true? `python bench/reasons.py [--matches 200] [--data FOLDER] [--out FILE]`.

On random stored matches of a demo site (FOLDER holds one that `keqiao demo` has filled), takes passages out of the
texts and computes the technology stone again. A citation is faithful when
  - without the cited passage the stone is lower, and
  - without any single uncited passage of about the same length, of the same item, it is not.
Both sides are asked. The indicators stone is asked in the same way: without the cited row of the achievement a met
indicator is no longer met; without an uncited row the stone stays. The choice is seeded; nothing is written.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

SEED = 20_261_120
LENGTH_WITHIN = 0.25  # an uncited passage is compared when its length is within a quarter of the cited one's …
NEAREST = 2  # … or among the two nearest in length


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--matches", type=int, default=200)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.environ |= {"KEQIAO_DATA": str(args.data), "KEQIAO_LOG_LEVEL": "WARNING"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    with postgres.using(read_environment()):
        import django

        django.setup()
        report = measure(args.matches)
    print(report)
    if args.out:
        args.out.write_text(report + "\n", encoding="utf-8")
    return 0


def measure(count: int) -> str:
    from keqiao.matching import scoring
    from keqiao.matching.models import Match

    every = sorted(Match.objects.values_list("need__code", "achievement__code"))
    pairs = sorted(random.Random(SEED).sample(every, min(count, len(every))))
    tally: Counter[tuple[str, bool]] = Counter()
    whole = 0
    for need_code, achievement_code in pairs:
        (need,) = scoring.items("need", [need_code])
        (achievement,) = scoring.items("achievement", [achievement_code])
        results = list(asked(need, achievement))
        tally.update(results)
        whole += all(is_right for _name, is_right in results)
    lines = [f"{len(pairs)} matches, {whole} of them faithful in every question ({whole / len(pairs):.3f})"]
    for name in sorted({name for name, _ in tally}):
        right, wrong = tally[name, True], tally[name, False]
        lines.append(f"{name:58} {right:5} of {right + wrong:5}  {right / (right + wrong):.3f}")
    right = sum(n for (_, is_right), n in tally.items() if is_right)
    lines.append(f"{'together':58} {right:5} of {tally.total():5}  {right / tally.total():.3f}")
    return "\n".join(lines)


def asked(need: Any, achievement: Any) -> Iterator[tuple[str, bool]]:
    """(question, was it answered as it should be) for one match."""
    from keqiao.matching.types import Stone, Verdict

    arch = scored(need.facts, achievement.facts)
    finding = arch[Stone.TECHNOLOGY].findings[0]
    for side in ("need", "achievement"):
        cited = {place(getattr(one, side)) for one in finding.citations}
        facts = (need if side == "need" else achievement).facts
        for passage in sorted(cited):
            yield f"{side}: without the cited passage lower", without(need, achievement, side, passage) < fit_of(arch)
            for other in like(passage, cited, facts):
                same = without(need, achievement, side, other) >= fit_of(arch)
                yield f"{side}: without an uncited one of like length not", same
    stone = arch.get(Stone.INDICATORS)
    rows = achievement.facts.indicators
    cited_rows = {f.achievement_row for f in stone.findings if f.achievement_row is not None} if stone else set()
    for row in range(len(rows)):
        left = replace(achievement.facts, indicators=rows[:row] + rows[row + 1 :])
        again = scored(need.facts, left)[Stone.INDICATORS]
        met = [f for f in stone.findings if f.achievement_row == row and f.verdict is Verdict.MET]
        if met and stone.verdict is not Verdict.UNMET:
            yield "indicators: without the cited row of a met one lower", again.fit < stone.fit
        elif row not in cited_rows:
            yield "indicators: without an uncited row the same", again.fit == stone.fit


def scored(need: Any, achievement: Any) -> dict[Any, Any]:
    from keqiao.matching import indexing, scoring
    from keqiao.matching.known import as_known

    arch = scoring.Scorer(need).arch(as_known(achievement, 0, indexing.model()))
    return {stone.stone: stone for stone in arch.stones}


def fit_of(arch: dict[Any, Any]) -> float:
    from keqiao.matching.types import Stone

    fit: float = arch[Stone.TECHNOLOGY].fit
    return fit


def place(quote: Any) -> tuple[str, str, int, int]:
    return quote.lang, quote.part, quote.start, quote.end


def like(passage: Any, cited: Any, facts: Any) -> list[Any]:
    """Uncited passages of the item of about the same length."""
    from keqiao.matching.retrieval import sentences

    every = [(part.lang, part.name, start, end) for part in facts.parts for start, end in sentences(part.text)]
    length = passage[3] - passage[2]
    others = sorted((p for p in every if p not in cited), key=lambda p: (abs(p[3] - p[2] - length), p))
    near = [p for p in others if abs(p[3] - p[2] - length) <= length * LENGTH_WITHIN]
    return near or others[:NEAREST]


def without(need: Any, achievement: Any, side: str, passage: Any) -> float:
    """The stone's fit when one passage is cut out of its part."""
    lang, name, start, end = passage
    facts = (need if side == "need" else achievement).facts
    parts = tuple(
        replace(part, text=part.text[:start] + part.text[end:]) if (part.lang, part.name) == (lang, name) else part
        for part in facts.parts
    )
    cut = replace(facts, parts=tuple(part for part in parts if part.text.strip()))
    pair = (cut, achievement.facts) if side == "need" else (need.facts, cut)
    return fit_of(scored(*pair))


if __name__ == "__main__":
    sys.exit(main())
