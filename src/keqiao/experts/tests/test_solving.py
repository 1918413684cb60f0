"""The solver against every plan there is, on small problems."""

from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keqiao.experts import solving
from keqiao.experts.types import Problem, Solver, WhyNot


@st.composite
def problems(draw, most_per_need=2):
    needs, people = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    scores = draw(
        st.lists(st.lists(st.integers(0, 9), min_size=people, max_size=people), min_size=needs, max_size=needs)
    )
    ties = draw(st.sets(st.tuples(st.integers(0, needs - 1), st.integers(0, people - 1)), max_size=3))
    numbers = st.lists(st.integers(0, 2), min_size=people, max_size=people)
    return Problem(
        tuple(map(tuple, scores)),
        frozenset(ties),
        tuple(draw(numbers)),
        tuple(draw(numbers)),
        draw(st.integers(1, most_per_need)),
        draw(st.integers(0, 5)),
    )


def value(problem, chosen):
    """(places filled, points less what the desks cost); None: not allowed."""
    taken = [0] * len(problem.room)
    for need, found in enumerate(chosen):
        for one in found:
            if not problem.is_pair(need, one):
                return None
            taken[one] += 1
    if any(count > room for count, room in zip(taken, problem.room, strict=True)):
        return None
    points = sum(problem.scores[need][one] for need, found in enumerate(chosen) for one in found)
    cost = sum(problem.spread * (problem.load[one] + n) for one, count in enumerate(taken) for n in range(count))
    return sum(map(len, chosen)), points - cost


def best(problem):
    people = range(len(problem.room))
    sets = [found for size in range(problem.per_need + 1) for found in combinations(people, size)]
    values = [value(problem, chosen) for chosen in product(sets, repeat=len(problem.scores))]
    return max(v for v in values if v is not None)


def chosen(answer, problem):
    return [answer.chosen[need] for need in range(len(problem.scores))]


@settings(max_examples=60)
@given(problems())
def test_the_flow_is_the_best_plan_there_is(problem):
    answer = solving.by_flow(problem)
    assert value(problem, chosen(answer, problem)) == best(problem)


@pytest.mark.slow
@settings(max_examples=60)
@given(problems(most_per_need=1))
def test_rounds_are_exact_for_one_a_need(problem):
    answer = solving.by_rounds(problem)
    assert (value(problem, chosen(answer, problem)), answer.solver) == (best(problem), Solver.ROUNDS)


@settings(max_examples=40)
@given(problems())
def test_rounds_for_several_a_need_keep_the_rules_and_say_what_they_are(problem):
    answer = solving.by_rounds(replace(problem, per_need=2))
    assert value(replace(problem, per_need=2), chosen(answer, problem)) is not None
    assert answer.solver == Solver.ROUNDS_APPROXIMATE


@settings(max_examples=40)
@given(problems())
def test_raising_the_worst_fills_as_many_places_and_never_lowers_the_least(problem):
    plain, raised = solving.solve(problem), solving.solve(replace(problem, raises_worst=True))

    def least(answer):
        return min((problem.scores[n][one] for n, found in answer.chosen.items() for one in found), default=0)

    assert raised.count == plain.count
    assert least(raised) >= least(plain)


def test_spreading_moves_a_task_from_a_full_desk_to_an_empty_one():
    problem = Problem(((50, 46), (50, 46)), frozenset(), (3, 3), (0, 0))
    assert sorted(solving.solve(problem).loads.values()) == [2]
    spread = solving.solve(replace(problem, spread=10))
    assert sorted(spread.loads.values()) == [1, 1]
    assert solving.price_of_fairness(replace(problem, spread=10), spread) == 4


@pytest.mark.slow
def test_without_ortools_scipy_steps_in_and_says_so(monkeypatch):
    monkeypatch.setattr(solving, "is_exact_everywhere", lambda: False)
    assert solving.solve(Problem(((5,),), frozenset(), (1,), (0,))).solver == Solver.ROUNDS


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (Problem(((5, 9),), frozenset({(0, 1)}), (1, 1), (0, 0)), WhyNot.TIE),
        (Problem(((5, 9),), frozenset(), (1, 0), (0, 2)), WhyNot.AWAY),
        (Problem(((5, 3),), frozenset(), (1, 1), (0, 0)), WhyNot.LOWER),
        (Problem(((8, 9), (1, 9)), frozenset(), (1, 1), (0, 0)), WhyNot.FULL),
        (Problem(((5, 9),), frozenset(), (1, 1), (0, 1), 1, 10), WhyNot.LOAD),
    ],
)
def test_the_next_best_says_why_they_were_not_taken(problem, reason):
    answer = solving.solve(problem)
    assert solving.next_best(problem, answer, 0, answer.chosen[0]) == (1, reason)
