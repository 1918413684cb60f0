"""States and transitions are a table; advance() is the only thing that writes `state`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.functional import Promise

from keqiao.kernel.errors import NotAllowed, WrongState
from keqiao.kernel.events import record


@dataclass(frozen=True)
class Transition:
    """One row of the table: who may take which states to which, what the button says, what is recorded."""

    name: str
    source: frozenset[str]
    target: str
    may: Callable[[Any, Any], bool]
    event: str
    label: str | Promise
    public: bool = False


@dataclass(frozen=True)
class Stage:
    """One step of the stage tracker: done, current or ahead."""

    state: str
    label: str
    status: str


class Workflow:
    """A transition table over the states of one model; `path` is the ordinary way, shown as the stage tracker."""

    def __init__(
        self, name: str, states: type[models.TextChoices], path: tuple[str, ...], *transitions: Transition
    ) -> None:
        self.name = name
        self.states = states
        self.path = path
        self.transitions = {t.name: t for t in transitions}

    def check(self, obj: Any, name: str, *, actor: Any) -> Transition:
        """May this actor do this now? Who comes before when, so a stranger learns nothing about the state."""
        step = self.transitions[name]
        if not step.may(actor, obj):
            raise NotAllowed
        if obj.state not in step.source:
            raise WrongState
        return step

    def advance(self, obj: Any, name: str, *, actor: Any, **data: Any) -> None:
        """Write the new state and record the step."""
        step = self.check(obj, name, actor=actor)
        obj.state = step.target
        obj.save(update_fields=["state"])
        record(step.event, obj, actor=actor, public=step.public, **data)

    def open_to(self, actor: Any, obj: Any) -> list[Transition]:
        """The actions that this actor has now: the buttons of the page."""
        return [t for t in self.transitions.values() if obj.state in t.source and t.may(actor, obj)]

    def stages(self, obj: Any) -> list[Stage]:
        """The stage tracker. A state off the ordinary way is shown alone at the end of what was passed."""
        labels = dict(self.states.choices)
        if obj.state not in self.path:
            return [Stage(obj.state, str(labels[obj.state]), "current")]
        here = self.path.index(obj.state)
        word = {-1: "done", 0: "current", 1: "ahead"}
        return [Stage(s, str(labels[s]), word[(i > here) - (i < here)]) for i, s in enumerate(self.path)]

    def diagram(self) -> str:
        """The state diagram for the documentation, in Mermaid."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.path[0]}"]
        lines += [
            f"    {source} --> {t.target}: {t.name}" for t in self.transitions.values() for source in sorted(t.source)
        ]
        return "\n".join(lines)
