"""From a need's candidates to what is stored of its study: relaxations and combinations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keqiao.catalogue import selectors as catalogue
from keqiao.matching import combining, relaxing, scoring, stones
from keqiao.matching.types import AchievementFacts, Arch, NeedFacts


def study(need: Any, stored: Sequence[str], least: int) -> dict[str, Any]:
    """`stored`: codes of the need's stored matches; `least`: the score from which a pair is a match.

    A need without a hard requirement has nothing below the line and nothing to be reached together.
    """
    if not scoring.has_hard_requirements(need):
        return {"relaxations": [], "combinations": []}
    scorer, candidates = scoring.candidates_of_need(need, stored)
    fits = {other.facts.code: scorer.technology(other) for other in candidates}
    facts = {other.facts.code: other.facts for other in candidates}
    weights, names = scoring.weights(), scoring.region_names()

    def scored(asked: NeedFacts, offer: AchievementFacts) -> Arch | None:
        arch = stones.build_arch(asked, offer, weights, fits[offer.code], names)
        return arch if scoring.is_near(arch) and arch.score >= least else None

    # What lies under the line may be under the least score, too: a red stone gives nothing.
    arches = {code: stones.build_arch(scorer.need, offer, weights, fits[code], names) for code, offer in facts.items()}
    near = {code: arch for code, arch in arches.items() if scoring.is_near(arch)}
    below = [facts[code] for code, arch in near.items() if arch.has_unmet]
    steps = relaxing.relaxations(scorer.need, below, scored)
    best = sorted(near, key=lambda code: (-near[code].score, code))
    parts = [combining.Part(facts[code], stones.judge(scorer.need, facts[code], fits[code], names)) for code in best]
    found = combining.combine(scorer.need, parts, weights)
    ids = catalogue.ids_by_code("achievement", list(near))
    return {
        "relaxations": [
            {
                "row": step.row,
                "target": None if step.target is None else f"{step.target:f}",
                "high": None if step.high is None else f"{step.high:f}",
                "brings": [ids[code] for code in step.codes if code in ids],
            }
            for step in steps
        ],
        "combinations": [combining.to_json(one, ids) for one in found if all(code in ids for code in one.codes)],
    }
