"""Where the money goes, drawn by the server: nodes and flows of a sheet, in whole pixels. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from keqiao.deals.types import LEAVES, Step

WIDE, NARROW, HEIGHT = 760, 380, 300
BAR, GAP, LEAST = 10, 16, 2
LABEL = 14  # pixels from the name to the amount below it
ROOM = 150  # for the labels of the last column
SIGN, WIDE_SIGN = 7.2, 13.0  # pixels of a letter and of a Chinese character
COLOURS = {
    Step.GROSS: "in", Step.NET: "in", Step.REWARD: "people", Step.CONTRIBUTOR: "people", Step.STAFF: "people",
    Step.OWNER: "people", Step.BROKER: "broker", Step.PART: "unit", Step.UNIT: "unit",
}  # fmt: skip


@dataclass
class Node:
    """A bar: one step, or one payee of a step, over all results of the deal."""

    key: str
    name: str
    amount: int
    depth: int
    colour: str
    is_leaf: bool
    x: float = 0
    y: float = 0
    height: float = 0
    shows_amount: bool = True
    label: str = ""  # the name, as much of it as fits before the next column
    label_x: float = 0
    label_y: float = 0
    amount_y: float = 0


@dataclass
class Flow:
    source: Node
    target: Node
    amount: int
    path: str = ""


@dataclass
class Picture:
    width: int
    height: int
    nodes: list[Node] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)


def draw(
    lines: Sequence[Any], name_of: Callable[[Any], str], *, narrow: bool = False, charges: str = ""
) -> Picture | None:
    """None when nothing flows forward: a refund is a table only. `charges`: what taxes, costs and upkeep are called together."""
    nodes, flows = _graph(lines, name_of, charges if narrow else "")
    gross = sum(node.amount for node in nodes.values() if node.depth == 0)
    if gross <= 0 or any(node.amount < 0 for node in nodes.values()):
        return None
    picture = Picture(NARROW if narrow else WIDE, HEIGHT, list(nodes.values()), flows)
    _place(picture, gross)
    return picture


def _graph(lines: Sequence[Any], name_of: Callable[[Any], str], charges: str) -> tuple[dict[str, Node], list[Flow]]:
    nodes: dict[str, Node] = {}
    flows: dict[tuple[str, str], Flow] = {}
    place: dict[str, str] = {}  # line key → node key
    for line in lines:
        if line.step == Step.BORNE or (line.amount == 0 and line.step in LEAVES):
            continue
        if line.step == Step.UNIT:  # its parts stand for it
            place[line.key] = place.get(line.source, "")
            continue
        key = _key(line, is_joined=bool(charges))
        place[line.key] = key
        source = nodes.get(place.get(line.source, ""))
        if key not in nodes:
            name = charges if key == "charges" else name_of(line)
            depth = source.depth + 1 if source else 0
            colour = COLOURS.get(Step(line.step), "cost")
            nodes[key] = Node(key, name, 0, depth, colour, line.step in LEAVES)
        nodes[key].amount += line.amount
        if source is not None:
            flow = flows.setdefault((source.key, key), Flow(source, nodes[key], 0))
            flow.amount += line.amount
    return nodes, list(flows.values())


def _key(line: Any, *, is_joined: bool) -> str:
    if is_joined and line.step in {Step.TAX, Step.COST, Step.UPKEEP}:
        return "charges"
    return f"{line.step}|{line.label}|{line.person_id}|{line.organisation_id}|{line.name}"


def _place(picture: Picture, gross: int) -> None:
    columns: dict[int, list[Node]] = {}
    for node in picture.nodes:
        columns.setdefault(node.depth, []).append(node)
    most = max(len(column) for column in columns.values())
    scale = (picture.height - 20 - GAP * (most - 1)) / gross
    step = (picture.width - BAR - ROOM) / max(1, *columns)
    for depth, column in columns.items():
        column.sort(key=lambda node: (node.colour == "cost", node.is_leaf and node.colour != "people"))
        y = 10.0
        for node in column:
            node.x, node.y, node.height = round(depth * step, 1), round(y, 1), round(max(LEAST, node.amount * scale), 1)
            _label(node, ROOM if depth == max(columns) else step, is_wide=picture.width == WIDE)
            y += max(node.height, 2 * LABEL if node.shows_amount else LABEL) + GAP - 4
            picture.height = max(picture.height, round(y))
    left: dict[str, float] = {node.key: node.y for node in picture.nodes}
    right = dict(left)
    order = {node.key: place for place, node in enumerate(sorted(picture.nodes, key=lambda n: (n.depth, n.y)))}
    for flow in sorted(picture.flows, key=lambda f: (order[f.source.key], order[f.target.key])):
        thick = max(1.0, flow.amount * scale)
        flow.path = _ribbon(flow, left[flow.source.key], right[flow.target.key], thick)
        left[flow.source.key] += flow.amount * scale
        right[flow.target.key] += flow.amount * scale


def _label(node: Node, room: float, *, is_wide: bool) -> None:
    """The name beside the bar's middle, its amount below it."""
    node.shows_amount = node.is_leaf or is_wide
    node.label = shortened(node.name, room - BAR - 10)
    node.label_x = round(node.x + BAR + 5, 1)
    middle = node.y + max(node.height / 2, LABEL if node.shows_amount else LABEL / 2)
    node.label_y = round(middle - LABEL / 2 if node.shows_amount else middle, 1)
    node.amount_y = round(node.label_y + LABEL, 1)


def shortened(name: str, room: float) -> str:
    """As much of a name as fits in so many pixels, with a sign that something was left out."""
    used = 0.0
    for place, sign in enumerate(name):
        used += WIDE_SIGN if unicodedata.east_asian_width(sign) in "WF" else SIGN
        if used > room:
            return name[: max(place - 1, 1)].rstrip() + "…"
    return name


def _ribbon(flow: Flow, y0: float, y1: float, thick: float) -> str:
    x0, x1 = flow.source.x + BAR, flow.target.x
    mid = (x0 + x1) / 2
    return (
        f"M{x0:.1f} {y0:.1f}C{mid:.1f} {y0:.1f} {mid:.1f} {y1:.1f} {x1:.1f} {y1:.1f}V{y1 + thick:.1f}"
        f"C{mid:.1f} {y1 + thick:.1f} {mid:.1f} {y0 + thick:.1f} {x0:.1f} {y0 + thick:.1f}Z"
    )
