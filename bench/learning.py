"""Learning from feedback, against people whose wishes are known: `python bench/learning.py`.

Organisations with true points of the stones (unknown to the learner), each somewhat of its own mind, see lists of
matches in the order of the points that ship. They look at place k with the chance k ** -η, and choose among what they
look at by the true points. The learner sees shown rows, places and choices, nothing else.

Measured: nDCG@10 by the true wishes on needs of organisations that the learner never saw, for the shipped points, the
learned ones, and those learned without regard to position; how near η comes; then the same with a share of hostile
organisations that all choose what moves one stone up, each of them with ten times the answers of an honest one.

    --out FILE    write the tables as Markdown
"""

# ruff: noqa: E402 -- the sources are put on the path first
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from keqiao.learning import learner
from keqiao.learning.learner import CHOSEN, SHOWN, UNSUITABLE, Example, Rules

SHIPPED = (25, 35, 15, 10, 10, 5)
TRUE = (36, 26, 22, 6, 7, 3)
RULES = Rules(SHIPPED, most_change=15, least_points=1, trimmed=0.34)
ETA = 0.9
LENGTH = 20  # matches in a list
LEVELS = (0.2, 0.4, 0.5, 0.7, 1.0)  # fits of the coarse stones


@dataclass(frozen=True)
class World:
    organisations: int = 60
    lists: int = 3  # of each organisation
    noise: float = 6.0  # points by which one's judgement of a match wavers
    spread: float = 4.0  # points by which the wishes of organisations differ
    eta: float = ETA
    hostile: float = 0.0  # share of organisations that only push one stone
    target: int = 5  # which stone they push


def lists_of(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Fits of the matches of a need: the technology varies finely, the rest in steps."""
    found = []
    for _n in range(count):
        fits = rng.choice(LEVELS, (LENGTH, 6), p=(0.2, 0.2, 0.2, 0.2, 0.2))
        fits[:, 0] = np.round(np.clip(rng.beta(4, 3, LENGTH), 0.2, 1), 4)
        fits[:, 1] = np.round(rng.beta(2, 2, LENGTH), 4)
        found.append(fits)
    return found


def examples_of(world: World, rng: np.random.Generator) -> list[Example]:
    found: list[Example] = []
    hostile = round(world.organisations * world.hostile)
    for organisation in range(world.organisations):
        own = np.clip(np.array(TRUE) + rng.normal(0, world.spread, 6), 0, None)
        own *= 100 / own.sum()
        is_hostile = organisation < hostile
        for number, fits in enumerate(lists_of(rng, world.lists * (10 if is_hostile else 1))):
            found += list_of_examples(world, rng, organisation, number, fits, own, is_hostile=is_hostile)
    return found


def list_of_examples(world, rng, organisation, number, fits, own, *, is_hostile) -> list[Example]:
    scores = [learner.total(row, SHIPPED) for row in fits]
    order = sorted(range(LENGTH), key=lambda at: (-scores[at], at))
    felt = fits @ own + rng.normal(0, world.noise, LENGTH)
    rows = []
    for place, at in enumerate(order, 1):
        if is_hostile:
            grade = CHOSEN if fits[at, world.target] >= 0.7 else UNSUITABLE
        elif rng.random() > place**-world.eta:
            grade = SHOWN  # nobody looked
        else:
            good, bad = np.percentile(fits @ own, [70, 30])
            grade = CHOSEN if felt[at] >= good else UNSUITABLE if felt[at] <= bad else SHOWN
        person = organisation if grade != SHOWN else None
        rows.append(
            Example(organisation, person, ("need", organisation * 1000 + number), tuple(fits[at]), False,
                    scores[at], place, grade)
        )  # fmt: skip
    return rows


def true_ndcg(points: Sequence[int], rng: np.random.Generator, count: int = 400) -> np.ndarray:
    """By the true wishes on lists that nobody learned from."""
    discounts = 1 / np.log2(np.arange(2, 12))
    values = []
    for fits in lists_of(rng, count):
        truth = fits @ np.array(TRUE)
        gains = np.searchsorted(np.percentile(truth, [50, 70, 90]), truth, side="right").astype(float)
        scores = [learner.total(row, points) for row in fits]
        order = sorted(range(LENGTH), key=lambda at: (-scores[at], at))[:10]
        values.append((gains[order] * discounts).sum() / (np.sort(gains)[::-1][:10] * discounts).sum())
    return np.array(values)


def learned(examples: list[Example], *, eta: float | None = None) -> tuple[tuple[int, ...], float]:
    eta = learner.position_bias(examples) if eta is None else eta
    return learner.learn(learner.preferences(examples, eta), RULES), eta


def naive(examples: list[Example]) -> tuple[int, ...]:
    """As it would be without votes and trimming: every choice counts the same, however many one party makes."""
    one = [Example(0, 0, e.shelf, e.fits, e.has_unmet, e.score, e.position, e.grade) for e in examples]
    return learner.learn(learner.preferences(one, 0.0), RULES)


if __name__ == "__main__":
    seeds = range(5)
    for name, world in {
        "honest": World(),
        "200 orgs": World(organisations=200),
        "h10": World(hostile=0.1),
        "h30": World(hostile=0.3),
        "h45": World(hostile=0.45),
    }.items():
        rows = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            ex = examples_of(world, rng)
            points, eta = learned(ex)
            nd = [
                true_ndcg(p, np.random.default_rng(99)).mean()
                for p in (SHIPPED, TRUE, points, learned(ex, eta=0.0)[0], naive(ex))
            ]
            rows.append(nd)
            print(name, seed, points, round(eta, 2), naive(ex), [round(x, 4) for x in nd])
        print(name, np.mean(rows, axis=0).round(4))
