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

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
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


def list_of_examples(
    world: World,
    rng: np.random.Generator,
    organisation: int,
    number: int,
    fits: np.ndarray,
    own: np.ndarray,
    *,
    is_hostile: bool,
) -> list[Example]:
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
    """The same without votes, trimming and regard to position: every list counts, however many one party has."""
    each = [Example(e.shelf[1], e.person, e.shelf, e.fits, e.has_unmet, e.score, e.position, e.grade) for e in examples]
    return learner.learn(learner.preferences(each, 0.0), replace(RULES, trimmed=0.0))


# --- tables -----------------------------------------------------------------------------------------------------------


def quality_of(points: Sequence[int]) -> float:
    return float(true_ndcg(points, np.random.default_rng(99)).mean())


def measure(world: World, seeds: int) -> dict[str, np.ndarray]:
    """Rows: what was tried; columns: the seeds."""
    found: dict[str, list[float]] = {
        name: [] for name in ("learned", "blind", "naive", "eta", "pushed", "naive_pushed")
    }
    for seed in range(seeds):
        examples = examples_of(world, np.random.default_rng(seed))
        points, eta = learned(examples)
        simple = naive(examples)
        found["learned"].append(quality_of(points))
        found["blind"].append(quality_of(learned(examples, eta=0.0)[0]))
        found["naive"].append(quality_of(simple))
        found["eta"].append(eta)
        found["pushed"].append(points[world.target])
        found["naive_pushed"].append(simple[world.target])
    return {name: np.array(values) for name, values in found.items()}


def report(seeds: int) -> str:
    shipped, best = quality_of(SHIPPED), quality_of(TRUE)
    lines = [
        f"# Learning from simulated feedback, {date.today().isoformat()}",  # noqa: DTZ011 -- a bench, on this machine
        "",
        (
            f"`python bench/learning.py`; {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; "
            f"{seeds} seeds each. nDCG@10 by the true wishes on 400 lists that nobody learned from: "
            f"**{shipped:.4f}** by the points that ship, {best:.4f} by the true ones (no learner sees them)."
        ),
        "",
        "## Does learning help?",
        "",
        "| organisations | lists each | η true | η found | learned | without regard to position | of the possible gain |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for organisations, lists, eta in (
        (10, 3, 0.9),
        (20, 3, 0.9),
        (60, 3, 0.9),
        (200, 3, 0.9),
        (60, 3, 0.3),
        (60, 3, 1.5),
    ):
        found = measure(World(organisations=organisations, lists=lists, eta=eta), seeds)
        gain = (found["learned"].mean() - shipped) / (best - shipped)
        lines.append(
            f"| {organisations} | {lists} | {eta} | {found['eta'].mean():.2f} | **{found['learned'].mean():.4f}** "
            f"(least {found['learned'].min():.4f}) | {found['blind'].mean():.4f} | {gain:.0%} |"
        )
    lines += [
        "",
        "## Can hostile organisations take over?",
        "",
        (
            f"60 organisations; the hostile push the region's stone (ships with {SHIPPED[5]}, true {TRUE[5]}, bound "
            f"{SHIPPED[5] + RULES.most_change}) and answer ten times as often. “Every list counts” is the same learner "
            "without votes, trimming and regard to position."
        ),
        "",
        "| hostile | learned | its region stone, mean and most | every list counts | its region stone |",
        "|--:|--:|--:|--:|--:|",
    ]
    for share in (0.0, 0.1, 0.2, 0.3, 0.45):
        found = measure(World(hostile=share), seeds)
        lines.append(
            f"| {share:.0%} | **{found['learned'].mean():.4f}** (least {found['learned'].min():.4f}) "
            f"| {found['pushed'].mean():.1f}, {found['pushed'].max():.0f} "
            f"| {found['naive'].mean():.4f} | {found['naive_pushed'].mean():.1f} |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path)
    arguments.add_argument("--seeds", type=int, default=5)
    given = arguments.parse_args()
    text = report(given.seeds)
    print(text)
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
