"""What fictional enterprises made of matches they were shown: rows for the learning page to count and to train from.

Matches are computed by jobs after the city is loaded, so the arches of these rows are built here, from the city's own
needs and results with a drawn nearness of the fields. The enterprises look more at the top of a list, and want a little more
of technology and maturity than the points that ship say.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.models import Achievement, Need
from keqiao.kernel import clock
from keqiao.learning.learner import total
from keqiao.learning.models import TrainingRow
from keqiao.matching import selectors as matching
from keqiao.matching import stones
from keqiao.matching.gathering import Regions, achievement_facts, need_facts
from keqiao.matching.types import Arch, Weights
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person

ENTERPRISES, SHOWN, WITHIN_DAYS = 16, 12, 150
WISHES = (34, 28, 22, 6, 6, 4)
VERSION = "demo"
SEED = 20_261_127


def load() -> None:
    """Once; call it after the items are there."""
    rng = random.Random(SEED)  # noqa: S311 -- a demo that is the same everywhere
    results = list(Achievement.objects.filter(state="published", is_fictional=True).order_by("code"))
    if len(results) < SHOWN:
        return
    rows = [row for need, person in _askers() for row in _rows(need, person, rng.sample(results, SHOWN), rng)]
    TrainingRow.objects.bulk_create(rows)


def _askers() -> Iterator[tuple[Need, Person]]:
    """One public need of each enterprise, and somebody of the city who works on it."""
    needs = Need.objects.filter(state="published", publisher__kind="enterprise", publisher__is_fictional=True)
    first = {need.publisher_id: need for need in needs.order_by("-code")}
    for number, publisher_id in enumerate(sorted(first)[:ENTERPRISES], 1):
        person = Person.objects.create(
            name_zh=f"演示人员 {number:02d}", name_en=f"Demo person {number:02d}", is_fictional=True
        )
        yield first[publisher_id], person


def _rows(need: Need, person: Person, results: list[Achievement], rng: random.Random) -> list[TrainingRow]:
    weights = Weights(matching.points_that_ship().points, VERSION)
    regions = Regions()
    (asked,) = catalogue.needs_by_code([need.code], actor=parties.system())
    facts = need_facts(asked, regions)
    found: list[tuple[Achievement, Arch]] = []
    for result in catalogue.achievements_by_code([row.code for row in results], actor=parties.system()):
        offered = achievement_facts(result, regions)
        near = stones.technology_fit(facts, offered, text=rng.uniform(0.2, 0.9))
        found.append((result, stones.build_arch(facts, offered, weights, near)))
    found.sort(key=lambda row: (row[1].has_unmet, -row[1].score, row[0].code))
    wishes = sorted(total(matching.fits_of(arch), WISHES) for _result, arch in found)
    shown_at = clock.now() - timedelta(days=rng.randrange(WITHIN_DAYS))
    return [
        _row(need, person, result, arch, place, shown_at, _wants(arch, wishes) if rng.random() < place**-0.5 else None)
        for place, (result, arch) in enumerate(found, 1)
    ]


def _wants(arch: Arch, wishes: list[int]) -> bool | None:
    wish = total(matching.fits_of(arch), WISHES)
    return True if wish >= wishes[-4] else False if wish <= wishes[4] else None


def _row(
    need: Need, person: Person, result: Achievement, arch: Arch, place: int, shown_at: Any, verdict: bool | None
) -> TrainingRow:
    has_said = verdict is not None
    answered_at = shown_at + timedelta(hours=3) if has_said else None
    return TrainingRow(
        need=need,
        achievement=result,
        side="need",
        organisation_id=need.publisher_id,
        person=person if has_said else None,
        version=VERSION,
        position=place,
        shown_at=shown_at,
        score=arch.score,
        has_unmet=arch.has_unmet,
        fits=list(matching.fits_of(arch)),
        is_suitable=verdict,
        reason="indicators" if verdict is False else "",
        marked_at=answered_at,
        contacted_at=answered_at if verdict and place <= 2 else None,
        touched_at=answered_at or shown_at,
    )
