"""What would change this: which hard requirement, relaxed how far, brings how many more matches above the line.

Exact, not estimated: every candidate is scored again against the need as it would then be. Only one condition is
relaxed at a time. Softer conditions (price, mode, place) put nothing below the line, so they are not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from keqiao.matching.indicators import align, offered_in_unit_of
from keqiao.matching.types import AchievementFacts, Arch, NeedFacts, Wanted

MOST_STEPS = 3  # values shown of one condition: the nearest that brings any, and where most is gained after it
TRL_SLACK = 2  # a maturity this far below the one asked is not yet a red stone

Value = tuple[Decimal, Decimal | None]  # target and, of a range, its upper end
Scored = Callable[[NeedFacts, AchievementFacts], Arch | None]  # None: no match, whatever is relaxed


@dataclass(frozen=True)
class Step:
    """One condition at one value, and the codes of the achievements that come above the line by it."""

    row: int | None  # of the need's indicators; None: the maturity
    target: Decimal | None  # None: the must becomes a wish
    high: Decimal | None
    codes: tuple[str, ...]


def relaxations(need: NeedFacts, below: Sequence[AchievementFacts], scored: Scored) -> list[Step]:
    """`below`: the candidates under the line. Steps of each condition, those that bring most first."""
    found = [list(_steps(need, row, below, scored)) for row, want in enumerate(need.indicators) if want.must]
    found.append(list(_maturity_steps(need, below, scored)))
    ordered = sorted((steps for steps in found if steps), key=lambda steps: -len(steps[-1].codes))
    return [step for steps in ordered for step in steps]


def relaxed(need: NeedFacts, step: Step) -> NeedFacts:
    """The need as it would be."""
    if step.row is None:
        return replace(need, trl_min=int(step.target) if step.target is not None else None)
    want = need.indicators[step.row]
    changed = replace(want, must=False)
    if step.target is not None:
        changed = replace(want, target=step.target, high=step.high)
    return replace(need, indicators=(*need.indicators[: step.row], changed, *need.indicators[step.row + 1 :]))


def _steps(need: NeedFacts, row: int, below: Sequence[AchievementFacts], scored: Scored) -> Iterator[Step]:
    """Each candidate is asked at the value at which it would just do; what a value brings, every laxer one brings."""
    want = need.indicators[row]
    passing: dict[Value, list[str]] = {}
    given_up: list[str] = []
    for candidate in below:
        value = _just_met(want, row, need, candidate)
        if value is not None and _passes(need, Step(row, value[0], value[1], ()), candidate, scored):
            passing.setdefault(value, []).append(candidate.code)
            given_up.append(candidate.code)
        elif _passes(need, Step(row, None, None, ()), candidate, scored):
            given_up.append(candidate.code)
    steps = list(_growing(want, row, passing))
    chosen = _chosen(steps)
    yield from chosen
    if len(given_up) > (len(chosen[-1].codes) if chosen else 0):
        yield Step(row, None, None, tuple(sorted(given_up)))


def _growing(want: Wanted, row: int, passing: Mapping[Value, list[str]]) -> Iterator[Step]:
    """From the value nearest to what is asked to the farthest, with all that come in up to there."""
    codes: list[str] = []
    for (target, high), more in sorted(passing.items(), key=lambda item: _distance(want, *item[0])):
        codes += more
        yield Step(row, target, high, tuple(sorted(codes)))


def _chosen(steps: Sequence[Step]) -> list[Step]:
    """The first, the last, and between them the one after which most are in."""
    if len(steps) <= MOST_STEPS:
        return list(steps)
    half = next(step for step in steps if 2 * len(step.codes) >= len(steps[-1].codes))
    return list(dict.fromkeys((steps[0], half, steps[-1])))


def _distance(want: Wanted, target: Decimal, high: Decimal | None) -> Decimal:
    return abs(target - want.target) + (abs(high - want.high) if high is not None and want.high is not None else 0)


def _just_met(want: Wanted, row: int, need: NeedFacts, candidate: AchievementFacts) -> Value | None:
    """(target, high) at which the candidate's own figure meets the condition; None when it has none to compare."""
    offer = align(need.indicators, candidate.indicators)[row]
    given = offered_in_unit_of(want, offer) if offer is not None else None
    if given is None:
        return None
    low, high = given
    if want.comparator == ">=":
        return (low, None) if low is not None and low < want.target else None
    if want.comparator == "<=":
        return (high, None) if high is not None and high > want.target else None
    if want.comparator == "range" and want.high is not None and low is not None and high is not None:
        return min(want.target, low), max(want.high, high)
    return None


def _maturity_steps(need: NeedFacts, below: Sequence[AchievementFacts], scored: Scored) -> Iterator[Step]:
    if need.trl_min is None:
        return
    passing: dict[int, list[str]] = {}
    for candidate in below:
        if candidate.trl is not None and candidate.trl < need.trl_min - TRL_SLACK:
            level = candidate.trl + TRL_SLACK
            if _passes(need, Step(None, Decimal(level), None, ()), candidate, scored):
                passing.setdefault(level, []).append(candidate.code)
    codes: list[str] = []
    for level in sorted(passing, reverse=True):
        codes += passing[level]
        yield Step(None, Decimal(level), None, tuple(sorted(codes)))


def _passes(need: NeedFacts, step: Step, candidate: AchievementFacts, scored: Scored) -> bool:
    arch = scored(relaxed(need, step), candidate)
    return arch is not None and not arch.has_unmet
