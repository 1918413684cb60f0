"""Who takes which need: a pure function of numbers. As many places as possible are filled; among such plans, the most points.

A task costs as many points as its taker's desk is full: `spread` for each one already there. That is convex, so that the
whole is a flow of least cost: need → candidate → one arc for each further task, dearer than the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec

from keqiao.experts.types import Answer, Problem, Solver, WhyNot


def is_exact_everywhere() -> bool:
    """Is OR-Tools installed here? It is an extra: pip install 'keqiao[assignment]'."""
    return find_spec("ortools") is not None


def solve(problem: Problem) -> Answer:
    """With OR-Tools where it is installed, else with SciPy; the answer says which."""
    method = by_flow if is_exact_everywhere() else by_rounds
    best = method(problem)
    if not problem.raises_worst:
        return best
    steps = sorted({score for row in problem.scores for score in row if score > 0})
    low, high = (
        0,
        len(steps),
    )  # with everything from steps[low] on the places are filled; from steps[high] on they are not
    while high - low > 1:
        middle = (low + high) // 2
        narrower = method(_from(problem, steps[middle]))
        if narrower.count == best.count:
            low, best = middle, replace(narrower, least=steps[middle])
        else:
            high = middle
    return best


def price_of_fairness(problem: Problem, answer: Answer) -> int:
    """Points that the most one-sided plan would have more."""
    plain = solve(replace(problem, spread=0, raises_worst=False))
    return max(plain.points - answer.points, 0)


def _from(problem: Problem, least: int) -> Problem:
    """Without pairs below a score."""
    scores = tuple(tuple(score if score >= least else 0 for score in row) for row in problem.scores)
    return replace(problem, scores=scores)


def by_flow(problem: Problem) -> Answer:
    """Exact, by OR-Tools. Imported in the job alone: web processes stay light."""
    from ortools.graph.python import min_cost_flow

    needs, people = len(problem.scores), len(problem.room)
    flow = min_cost_flow.SimpleMinCostFlow()
    source, sink = needs + people, needs + people + 1
    for need in range(needs):
        flow.add_arc_with_capacity_and_unit_cost(source, need, problem.per_need, 0)
    arcs = {}
    for need in range(needs):
        for one in range(people):
            if problem.is_pair(need, one):
                score = problem.scores[need][one]
                arcs[flow.add_arc_with_capacity_and_unit_cost(need, needs + one, 1, -score)] = (need, one)
    for one in range(people):
        for further in range(min(problem.room[one], needs)):
            cost = problem.spread * (problem.load[one] + further)
            flow.add_arc_with_capacity_and_unit_cost(needs + one, sink, 1, cost)
    if arcs:
        flow.set_nodes_supplies([source, sink], [needs * problem.per_need, -needs * problem.per_need])
        status = flow.solve_max_flow_with_min_cost()
        if status != flow.OPTIMAL:
            raise RuntimeError(f"min cost flow: {status}")
    return _answer(problem, [pair for arc, pair in arcs.items() if flow.flow(arc)], Solver.FLOW)


def by_rounds(problem: Problem) -> Answer:
    """One candidate for each need at a time, by SciPy: exact for one round, near it for more."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    needs, people = len(problem.scores), len(problem.room)
    taken: list[tuple[int, int]] = []
    used = [0] * people
    dear = 1 + 100 * needs + problem.spread * 200  # dearer than any plan: filling a place comes first
    for _round in range(problem.per_need):
        slots = [
            (one, problem.spread * (problem.load[one] + used[one] + further))
            for one in range(people)
            for further in range(min(problem.room[one] - used[one], needs))
        ]
        if not slots or not needs:
            break
        cost = np.full((needs, len(slots)), float(dear * needs))
        for need in range(needs):
            for column, (one, desk) in enumerate(slots):
                if problem.is_pair(need, one) and (need, one) not in taken:
                    cost[need, column] = desk - problem.scores[need][one]
        found = [
            (int(need), slots[column][0])
            for need, column in zip(*linear_sum_assignment(cost), strict=True)
            if cost[need, column] < dear
        ]
        for _need, one in found:
            used[one] += 1
        taken += found
    name = Solver.ROUNDS if problem.per_need == 1 else Solver.ROUNDS_APPROXIMATE
    return _answer(problem, taken, name)


def _answer(problem: Problem, pairs: Sequence[tuple[int, int]], solver: str) -> Answer:
    chosen: dict[int, list[int]] = {need: [] for need in range(len(problem.scores))}
    loads: dict[int, int] = {}
    for need, one in pairs:
        chosen[need].append(one)
        loads[one] = loads.get(one, 0) + 1
    for need, found in chosen.items():
        found.sort(key=lambda one: (-problem.scores[need][one], one))
    points = sum(problem.scores[need][one] for need, one in pairs)
    return Answer({need: tuple(found) for need, found in chosen.items()}, solver, points, 0, loads)


# --- explaining -------------------------------------------------------------------------------------------------------


def next_best(problem: Problem, answer: Answer, need: int, taken: Sequence[int]) -> tuple[int, str] | None:
    """The best other candidate of a need by score, and why they were not chosen for it."""
    others = [one for one in range(len(problem.room)) if one not in taken and problem.scores[need][one] > 0]
    if not others:
        return None
    other = max(others, key=lambda one: (problem.scores[need][one], -one))
    return other, why_not(problem, answer, need, other)


def why_not(problem: Problem, answer: Answer, need: int, other: int) -> str:
    if (need, other) in problem.ties:
        return WhyNot.TIE
    if not problem.room[other]:
        return WhyNot.AWAY
    score = problem.scores[need][other]
    chosen = answer.chosen[need]
    least = min((problem.scores[need][one] for one in chosen), default=0)
    if score < answer.least:
        return WhyNot.WORST
    if chosen and score <= least:
        return WhyNot.LOWER
    if answer.loads.get(other, 0) >= problem.room[other]:
        return WhyNot.FULL
    return WhyNot.LOAD


def loads_after(problem: Problem, answer: Answer) -> Mapping[int, int]:
    return {one: problem.load[one] + answer.loads.get(one, 0) for one in range(len(problem.room))}
