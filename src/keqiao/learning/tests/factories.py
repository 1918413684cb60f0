"""Plain functions that build rows to learn from: organisations whose wishes are known."""

import random

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock
from keqiao.learning import learner
from keqiao.learning.models import TrainingRow
from keqiao.matching import stones
from keqiao.matching.models import Match
from keqiao.matching.tests.factories import POINTS
from keqiao.matching.types import Arch, Finding, Stone, StoneResult, Verdict
from keqiao.parties.tests.factories import make_organisation, make_person

SHIPPED = tuple(POINTS.values())
WISHES = (40, 20, 25, 5, 5, 5)  # of everybody in a city that is made here


def make_arch_of(fits, *, unmet=False, points=SHIPPED):
    """An arch with these fits."""
    shares = stones.whole_points(points, fits)
    results = [
        StoneResult(
            stone,
            weight,
            fit,
            share,
            Verdict.PARTLY,
            (Finding(stone, stone.value, stone.value, Verdict.PARTLY, fit, "", ""),),
        )
        for stone, weight, fit, share in zip(Stone, points, fits, shares, strict=True)
    ]
    return Arch(sum(shares), tuple(results), unmet)


def make_fits_match(need, achievement, fits, *, version="test"):
    arch = make_arch_of(fits)
    return Match.objects.create(
        need=need,
        achievement=achievement,
        score=arch.score,
        has_unmet=False,
        arch=stones.arch_to_json(arch),
        version=version,
    )


def some_fits(rng):
    return tuple(round(rng.choice((0.2, 0.4, 0.5, 0.7, 1.0)), 4) for _stone in Stone)


def make_city(*, organisations=6, matches=8, seed=1, wishes=WISHES):
    """Enterprises with a need each, whose people marked what they looked at. The needs, with their matches stored."""
    rng = random.Random(seed)
    needs = []
    for number in range(organisations):
        home = make_organisation(kind="enterprise", code=f"DW-L{seed}{number:04d}")
        person = make_person(organisation=home)
        need = make_need(publisher=home)
        needs.append(need)
        fits = [some_fits(rng) for _n in range(matches)]
        stored = [make_fits_match(need, make_achievement(), one) for one in fits]
        stored.sort(key=lambda match: (-match.score, match.achievement_id))
        TrainingRow.objects.bulk_create(answered(need, person, stored, wishes))
    return needs


def answered(need, person, stored, wishes):
    """The better half by one's wishes is called suitable, the worst two not."""
    now = clock.now()
    liked = sorted(stored, key=lambda match: -learner.total(fits_of(match), wishes))
    for place, match in enumerate(stored, 1):
        at = liked.index(match)
        verdict = True if at < len(stored) // 2 else False if at >= len(stored) - 2 else None
        yield TrainingRow(
            need=need,
            achievement=match.achievement,
            side="need",
            organisation=need.publisher,
            person=person if verdict is not None else None,
            version=match.version,
            position=place,
            shown_at=now,
            score=match.score,
            has_unmet=False,
            fits=list(fits_of(match)),
            is_suitable=verdict,
            marked_at=now if verdict is not None else None,
            touched_at=now,
        )


def fits_of(match):
    return tuple(row["fit"] for row in match.arch["stones"])
