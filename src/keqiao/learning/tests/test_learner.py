"""Learning helps, position is told from liking, and hostile feedback cannot take over: small, with known truth."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.learning import judged, learner
from keqiao.learning.learner import CHOSEN, SHOWN, UNSUITABLE, Example, Rules

SHIPPED = (25, 35, 15, 10, 10, 5)
TRUE = (36, 26, 22, 6, 7, 3)
RULES = Rules(SHIPPED, most_change=15, least_points=1, trimmed=0.34)
LEVELS = (0.2, 0.4, 0.5, 0.7, 1.0)
LENGTH, PUSHED = 12, 5


def lists_of(rng, count):
    return [[tuple(rng.choice(LEVELS) for _stone in SHIPPED) for _row in range(LENGTH)] for _list in range(count)]


def world(*, organisations=40, lists=3, eta=1.0, hostile=0, seed=1):
    """Everybody looks at place k with the chance k ** -eta and chooses by TRUE; the hostile push one stone, five times as often."""
    rng, found = random.Random(seed), []
    for organisation in range(organisations):
        is_hostile = organisation < hostile
        for number, fits in enumerate(lists_of(rng, lists * (5 if is_hostile else 1))):
            shown = sorted(fits, key=lambda row: -learner.total(row, SHIPPED))
            liked = sorted(learner.total(row, TRUE) for row in fits)
            for place, row in enumerate(shown, 1):
                wish = learner.total(row, TRUE)
                looked = rng.random() < place**-eta
                grade = CHOSEN if looked and wish >= liked[-4] else UNSUITABLE if looked and wish <= liked[3] else SHOWN
                if is_hostile:
                    grade = CHOSEN if row[PUSHED] >= 0.7 else UNSUITABLE
                person = None if grade == SHOWN else organisation
                shelf = ("need", organisation * 1000 + number)
                found.append(
                    Example(organisation, person, shelf, row, False, learner.total(row, SHIPPED), place, grade)
                )
    return found


def quality(points):
    """Share of the true wish that the first three hold, on lists that nobody learned from."""
    values = []
    for fits in lists_of(random.Random(99), 200):
        first = sorted(fits, key=lambda row: -learner.total(row, points))[:3]
        best = sorted((learner.total(row, TRUE) for row in fits), reverse=True)[:3]
        values.append(sum(learner.total(row, TRUE) for row in first) / sum(best))
    return float(np.mean(values))


def learned(examples):
    eta = learner.position_bias(examples)
    return learner.learn(learner.preferences(examples, eta), RULES)


def test_learning_comes_nearer_to_what_people_want():
    points = learned(world())
    assert quality(points) > quality(SHIPPED)
    assert sum(abs(a - b) for a, b in zip(points, TRUE, strict=True)) < sum(
        abs(a - b) for a, b in zip(SHIPPED, TRUE, strict=True)
    )


@pytest.mark.slow
def test_what_is_estimated_on_others_says_so_too():
    examples = world()
    found = learner.cross_fitted(examples, RULES, SHIPPED, learner.position_bias(examples))
    assert found.low > 0
    assert found.organisations == 40
    worse = learner.compared(examples, SHIPPED, (5, 5, 5, 40, 40, 5), 1.0)
    assert worse.high < 0


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_position_is_told_from_liking(eta):
    assert learner.position_bias(world(organisations=80, eta=eta)) == pytest.approx(eta, abs=0.35)


@pytest.mark.slow
def test_hostile_organisations_do_not_take_over():
    """A tenth with five times the answers changes little; a third stays bounded and does no harm."""
    honest, tenth, third = (learned(world(hostile=count)) for count in (0, 4, 12))
    assert abs(tenth[PUSHED] - honest[PUSHED]) <= 4
    assert quality(tenth) > quality(SHIPPED)
    assert third[PUSHED] < SHIPPED[PUSHED] + RULES.most_change
    assert quality(third) > quality(SHIPPED) - 0.01


def test_one_organisation_has_one_vote_however_much_it_says():
    rng = random.Random(3)
    loud = [
        Example(1, 7, ("need", n), fits, False, 50, 1, CHOSEN if fits[PUSHED] == 1.0 else UNSUITABLE)
        for n, fits in enumerate(row for rows in lists_of(rng, 100) for row in rows)
    ]
    pairs = learner.preferences([*loud, *world(organisations=2)], 1.0)
    sums = np.add.reduceat(pairs.weights, pairs.starts)
    assert sums == pytest.approx(np.ones(pairs.organisations))


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_points_are_whole_add_up_and_stay_in_bounds(values):
    low = np.maximum(0.01, np.array(SHIPPED) / 100 - 0.15)
    points = learner.whole(learner._onto_bounds(np.array(values), low, np.array(SHIPPED) / 100 + 0.15), RULES)
    assert sum(points) == 100
    assert min(points) >= 1
    assert all(abs(a - b) <= 15 for a, b in zip(points, SHIPPED, strict=True))


@given(
    st.lists(st.floats(-1, 1), min_size=7, max_size=30),
    st.lists(st.floats(-1_000, 1_000), min_size=1, max_size=3),
)
def test_fewer_than_the_trimmed_share_cannot_leave_what_the_others_say(honest, hostile):
    votes = np.array([[vote] for vote in [*honest, *hostile]])
    found = learner.trimmed_mean(votes, 0.34)[0]
    assert min(honest) - 1e-9 <= found <= max(honest) + 1e-9


def test_nothing_to_learn_from_leaves_the_points():
    assert learner.learn(learner.preferences([], 1.0), RULES) == SHIPPED


def test_judged_needs_notice_points_that_nobody_would_sign():
    assert judged.ndcg(SHIPPED) > 0.95
    assert judged.ndcg((10, 20, 10, 20, 20, 20)) < 0.85
    assert [max(need.grades) for need in judged.judged_needs()] == [3] * 12
