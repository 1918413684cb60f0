"""A model's card as pages and the API show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keqiao.learning.models import LearnedModel
from keqiao.learning.types import ModelState, Step
from keqiao.matching.types import Stone

UNSURE = "unsure"
STEPS: list[Step] = [step for step in Step if step != Step.WAITING]


@dataclass(frozen=True)
class StoneRow:
    """One stone's points: those that ship, those before, those that were learned."""

    stone: str
    shipped: int
    before: int
    after: int

    @property
    def change(self) -> int:
        return self.after - self.before


def stone_rows(model: LearnedModel) -> list[StoneRow]:
    card = model.card
    if not model.points:
        return []
    return [StoneRow(s.value, card["shipped"][s.value], card["before"][s.value], model.points[s.value]) for s in Stone]


def points_rows(points: Mapping[Stone, int], shipped: Mapping[Stone, int]) -> list[StoneRow]:
    """What holds, beside what ships."""
    return [StoneRow(stone.value, shipped[stone], shipped[stone], points[stone]) for stone in Stone]


def verdict(model: LearnedModel) -> str:
    """What the estimate says: better, worse or unsure, as its interval lies."""
    estimate = model.card.get("estimate")
    if not estimate:
        return ""
    return "better" if estimate["low"] > 0 else "worse" if estimate["high"] < 0 else UNSURE


def stages(model: LearnedModel) -> list[dict[str, str]]:
    """The stage tracker of a training."""
    here = STEPS.index(Step(model.step)) if model.step in STEPS else -1
    is_over = model.state != ModelState.TRAINING
    return [
        {
            "label": str(step.label),
            "status": "done" if is_over or place < here else "current" if place == here else "ahead",
        }
        for place, step in enumerate(STEPS)
    ]


def percent(value: float) -> str:
    """0.7312 is 73.1."""
    return f"{100 * value:.1f}"


def estimate_seen(model: LearnedModel) -> dict[str, Any]:
    """In percent and points of a percent, signs written out."""
    found = model.card.get("estimate")
    if not found:
        return {}
    return {
        "before": percent(found["before"]),
        "after": percent(found["after"]),
        "difference": signed(100 * (found["after"] - found["before"])),
        "low": signed(100 * found["low"]),
        "high": signed(100 * found["high"]),
        "organisations": found["organisations"],
        "choices": found["choices"],
    }


def signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\u2212")
