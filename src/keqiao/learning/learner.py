"""From what people made of their matches to points of the stones: plain data in, plain data out.

Three things stand between what people click and what they would want (docs/why/matching.md has the whole reasoning):

- *Position.* What stands at the top is looked at more often. A choice at place k counts 1 / (chance that place k is
  looked at), and that chance, k ** -η, is fitted on the rows themselves.
- *Many rows of one party.* Every organisation has one vote, shared equally by its people. At each step the votes are put
  together by a trimmed mean, stone by stone: less than the trimmed share of all organisations, whatever they say,
  cannot carry a stone past what the others want.
- *Little data.* The points are drawn towards those that ship, and no stone may leave them by more than a given number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

FULL = 100
STEEPNESS = 10.0  # ten points of difference between two matches are one unit of the logistic loss
MOST_WEIGHT = 10.0  # of one choice: choices far down the list are rare and would decide alone
PRIOR = 60  # organisations that the points that ship are worth: few others move them little
LEAST_SHRINKAGE = 0.5
STEPS = 240
STEP = 0.03
MOST_PAIRS = 2_000  # of one organisation
UNSUITABLE, SHOWN, CHOSEN = 0, 1, 2  # grades; answered 3 and signed 4 stand above
ETAS = np.arange(0.0, 2.01, 0.05)
RIDGE = 1e-6
RESAMPLES = 1_000
FOLDS = 5
TIE = 0.5  # points: below it two matches have the same whole score
SEED = 20_261_127

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One match in one list of one organisation, and what became of it."""

    organisation: int
    person: int | None  # who answered; None: nobody did
    shelf: tuple[str, int]  # the list: side and item
    fits: tuple[float, ...]
    has_unmet: bool
    score: int  # when it was shown
    position: int | None
    grade: int


@dataclass(frozen=True)
class Rules:
    """How far learning may go: dated parameters."""

    shipped: tuple[int, ...]
    most_change: int
    least_points: int
    trimmed: float  # share of organisations left out at either end


@dataclass(frozen=True)
class Estimate:
    """Share of preferences ordered rightly by two sets of points, and the 95 % interval of the difference."""

    before: float
    after: float
    low: float
    high: float
    organisations: int
    choices: int

    @property
    def difference(self) -> float:
        return self.after - self.before


# --- position ---------------------------------------------------------------------------------------------------------


def position_bias(examples: Sequence[Example]) -> float:
    """η of k ** -η, by maximum likelihood together with how the chance of a choice depends on the score.

    Only lists in which somebody did something are looked at: of the others nobody knows whether they were read.
    Every organisation counts the same. What tells a place from a score: lists of different quality show the same score
    at different places, and the scores of one list do not fall evenly.
    """
    active = {e.shelf for e in examples if e.grade != SHOWN}
    rows = [e for e in examples if e.shelf in active and e.position is not None and not e.has_unmet]
    if not any(e.grade >= CHOSEN for e in rows):
        return 0.0
    places = np.log([float(e.position or 1) for e in rows])
    scores = np.array([e.score / FULL for e in rows])
    chosen = np.array([e.grade >= CHOSEN for e in rows], dtype=float)
    weights = _equal_votes([e.organisation for e in rows])
    numbers = {shelf: number for number, shelf in enumerate(dict.fromkeys(e.shelf for e in rows))}
    shelf = np.array([numbers[e.shelf] for e in rows])
    means = np.bincount(shelf, weights=scores) / np.bincount(shelf)
    features = np.column_stack([np.ones(len(rows)), scores, scores - means[shelf]])
    fits = [_likelihood(np.exp(-eta * places), features, chosen, weights) for eta in ETAS]
    return float(ETAS[int(np.argmax(fits))])


def _likelihood(seen: Vector, features: Vector, chosen: Vector, weights: Vector) -> float:
    """The best log-likelihood over the two coefficients of the score, by Newton steps with a small ridge."""
    beta = np.zeros(features.shape[1])
    best = -np.inf
    for _step in range(25):
        wanted = 1 / (1 + np.exp(-np.clip(features @ beta, -30, 30)))
        chance = np.clip(seen * wanted, 1e-9, 1 - 1e-9)
        value = float(weights @ (chosen * np.log(chance) + (1 - chosen) * np.log(1 - chance))) - RIDGE * float(
            beta @ beta
        )
        if value <= best + 1e-9:
            break
        best = value
        slope = (1 - wanted) * (chosen - (1 - chosen) * chance / (1 - chance))
        gradient = features.T @ (weights * slope) - 2 * RIDGE * beta
        curve = weights * wanted * (1 - wanted) + 1e-9
        beta = beta + np.linalg.solve(
            (features * curve[:, None]).T @ features + 2 * RIDGE * np.eye(len(beta)), gradient
        )
    return best


def _equal_votes(organisations: Sequence[int]) -> Vector:
    _names, place, counts = np.unique(np.array(organisations), return_inverse=True, return_counts=True)
    return 1.0 / counts[place] / len(counts)


def weight_of_place(position: int | None, eta: float) -> float:
    """How much a choice at a place counts. A choice whose place nobody recorded counts once."""
    return 1.0 if position is None else min(position**eta, MOST_WEIGHT)


# --- learning ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairs:
    """Preferences between two matches of one list: `gaps[i]` is how the fits of the preferred one differ."""

    gaps: Vector  # float[pairs, stones]
    weights: Vector  # of one organisation they add up to 1
    starts: NDArray[np.int64]  # where each organisation begins

    @property
    def organisations(self) -> int:
        return len(self.starts)


def preferences(examples: Sequence[Example], eta: float) -> Pairs:
    by_organisation: dict[int, list[Example]] = defaultdict(list)
    for example in examples:
        by_organisation[example.organisation].append(example)
    gaps, weights, starts, at = [], [], [], 0
    for organisation in sorted(by_organisation):
        found = _pairs_of(by_organisation[organisation], eta)
        if found is None:
            continue
        gaps.append(found[0])
        weights.append(found[1])
        starts.append(at)
        at += len(found[1])
    if not gaps:
        return Pairs(np.zeros((0, 0)), np.zeros(0), np.zeros(0, dtype=np.int64))
    return Pairs(np.concatenate(gaps), np.concatenate(weights), np.array(starts))


def _pairs_of(examples: Sequence[Example], eta: float) -> tuple[Vector, Vector] | None:
    shelves: dict[tuple[str, int, bool], list[Example]] = defaultdict(list)
    for example in examples:  # the line between met and unmet does not depend on points
        shelves[(*example.shelf, example.has_unmet)].append(example)
    gaps, weights, people = [], [], []
    for rows in shelves.values():
        for good in rows:
            for bad in rows:
                if good.grade > bad.grade:
                    gaps.append(np.subtract(good.fits, bad.fits))
                    weights.append((good.grade - bad.grade) * _weight(good, bad, eta))
                    people.append(good.person if good.grade >= CHOSEN else bad.person)
    if not gaps:
        return None
    chosen = np.linspace(0, len(gaps) - 1, min(len(gaps), MOST_PAIRS)).astype(int)
    each = np.array(weights)[chosen]
    names, place = np.unique(np.array([person or 0 for person in people])[chosen], return_inverse=True)
    totals = np.bincount(place, weights=each)
    return np.array(gaps)[chosen], each / totals[place] / len(names)


def _weight(good: Example, bad: Example, eta: float) -> float:
    """Both that were acted upon had to be looked at first; what was only shown says nothing by itself."""
    weight = weight_of_place(good.position, eta) if good.grade != SHOWN else 1.0
    return min(weight * (weight_of_place(bad.position, eta) if bad.grade != SHOWN else 1.0), MOST_WEIGHT)


def shrinkage(pairs: Pairs) -> float:
    """The pull towards the points that ship."""
    return max(LEAST_SHRINKAGE, PRIOR / max(1, pairs.organisations))


def learn(pairs: Pairs, rules: Rules) -> tuple[int, ...]:
    """Whole points of the stones, adding up to 100."""
    start = np.array(rules.shipped, dtype=float) / FULL
    if not pairs.organisations:
        return rules.shipped
    lowest = np.maximum(rules.least_points / FULL, start - rules.most_change / FULL)
    highest = start + rules.most_change / FULL
    points, average, pull = start, np.zeros_like(start), shrinkage(pairs)
    for step in range(STEPS):
        gradient = trimmed_mean(_votes(pairs, points), rules.trimmed) + pull * (points - start)
        points = _onto_bounds(points - STEP * gradient, lowest, highest)
        if step >= STEPS // 2:
            average += points
    return whole(average / (STEPS - STEPS // 2), rules)


def _votes(pairs: Pairs, points: Vector) -> Vector:
    """The gradient of each organisation's own loss: float[organisations, stones]."""
    margin = np.clip(STEEPNESS * (pairs.gaps @ points), -30, 30)
    slope = -STEEPNESS * pairs.weights / (1 + np.exp(margin))
    return np.add.reduceat(slope[:, None] * pairs.gaps, pairs.starts, axis=0)


def trimmed_mean(votes: Vector, share: float) -> Vector:
    """Stone by stone without the highest and the lowest `share`: fewer than that, saying the same, are cut away whole."""
    cut = int(np.ceil(share * len(votes)))
    cut = min(cut, (len(votes) - 1) // 2)  # of very few the median is left
    ordered = np.sort(votes, axis=0)
    return np.asarray(ordered[cut : len(votes) - cut].mean(axis=0))


def _onto_bounds(points: Vector, lowest: Vector, highest: Vector) -> Vector:
    """The nearest points within the bounds that add up to 1."""
    low, high = float((points - highest).min()) - 1, float((points - lowest).max()) + 1
    for _step in range(34):
        middle = (low + high) / 2
        if np.clip(points - middle, lowest, highest).sum() > 1:
            low = middle
        else:
            high = middle
    return np.clip(points - (low + high) / 2, lowest, highest)


def whole(points: Vector, rules: Rules) -> tuple[int, ...]:
    """By largest remainder; no stone leaves its bounds."""
    exact = [Fraction(round(value * FULL * 10_000), 10_000) for value in points]
    found = [value.numerator // value.denominator for value in exact]
    found = [max(value, rules.least_points) for value in found]
    order = sorted(range(len(found)), key=lambda place: (found[place] - exact[place], place))
    for place in order[: FULL - sum(found)]:
        found[place] += 1
    while sum(found) > FULL:  # a stone was lifted to its least
        found[max(range(len(found)), key=lambda place: found[place] - exact[place])] -= 1
    return tuple(found)


# --- what it would have brought ---------------------------------------------------------------------------------------


def cross_fitted(examples: Sequence[Example], rules: Rules, before: Sequence[int], eta: float) -> Estimate:
    """Each fifth of the organisations is judged by points learned from the others."""
    votes = []
    for fold in range(FOLDS):
        taught = [e for e in examples if e.organisation % FOLDS != fold]
        held_back = preferences([e for e in examples if e.organisation % FOLDS == fold], eta)
        after = learn(preferences(taught, eta), rules)
        votes.append(np.column_stack([agreement(held_back, before), agreement(held_back, after)]))
    return _estimate(np.concatenate(votes), sum(1 for e in examples if e.grade != SHOWN))


def compared(examples: Sequence[Example], before: Sequence[int], after: Sequence[int], eta: float) -> Estimate:
    """Two given sets of points on these choices."""
    pairs = preferences(examples, eta)
    votes = np.column_stack([agreement(pairs, before), agreement(pairs, after)])
    return _estimate(votes, sum(1 for e in examples if e.grade != SHOWN))


def agreement(pairs: Pairs, points: Sequence[int]) -> Vector:
    """Of each organisation, the share of its preferences that these points order as it does; a tie is half a share.

    Preferences are weighted against the bias of position and add up to 1 (clipped and self-normalised inverse
    propensity), which makes it an estimate of what the order would have been worth had every place been looked at.
    """
    if not pairs.organisations:
        return np.zeros(0)
    margin = pairs.gaps @ np.array(points, dtype=float)
    right = np.where(np.abs(margin) < TIE, 0.5, (margin > 0).astype(float))
    return np.asarray(np.add.reduceat(right * pairs.weights, pairs.starts))


def _estimate(votes: Vector, choices: int) -> Estimate:
    """One organisation, one vote; the interval by drawing organisations anew."""
    if not len(votes):
        return Estimate(0.0, 0.0, 0.0, 0.0, 0, 0)
    differences = votes[:, 1] - votes[:, 0]
    drawn = np.random.default_rng(SEED).integers(0, len(votes), (RESAMPLES, len(votes)))
    low, high = np.percentile(differences[drawn].mean(axis=1), [2.5, 97.5])
    before, after = votes.mean(axis=0)
    return Estimate(float(before), float(after), float(low), float(high), len(votes), choices)


def total(fits: Sequence[float], points: Sequence[int]) -> int:
    """As the arch adds up: half a point is rounded up."""
    return int(sum(Fraction(p * round(f * 10_000), 10_000) for p, f in zip(points, fits, strict=True)) + Fraction(1, 2))


def counts_by_grade(examples: Sequence[Example]) -> Mapping[int, int]:
    found: dict[int, int] = defaultdict(int)
    for example in examples:
        found[example.grade] += 1
    return dict(found)
