"""Marks of some organisations that are made up: drawn here from a few shapes, so that the demo's pages show logos."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

SIDE = 192
AZURITE, MALACHITE, GAMBOGE, CINNABAR, INK, PAPER = "#1f5fa8", "#14736b", "#d39b1e", "#b8402f", "#25333b", "#ffffff"


def png(key: str) -> bytes:
    """The mark of one organisation, by its key in the data files."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (SIDE, SIDE), PAPER)
    LOGOS[key](ImageDraw.Draw(picture))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _bridge(d: Any) -> None:
    """A university on a river: an arch over two waves."""
    d.rectangle((0, 0, SIDE, SIDE), fill=AZURITE)
    d.arc((36, 44, 156, 184), 180, 360, fill=PAPER, width=16)
    for y in (128, 150):
        d.line([(28, y), (64, y - 10), (96, y), (128, y - 10), (164, y)], fill=PAPER, width=8, joint="curve")


def _drop(d: Any) -> None:
    """A water company: a drop with a bright side."""
    d.ellipse((52, 76, 140, 164), fill=MALACHITE)
    d.polygon([(96, 20), (57, 98), (135, 98)], fill=MALACHITE)
    d.arc((66, 90, 126, 150), 90, 180, fill=PAPER, width=9)


def _cross(d: Any) -> None:
    """A hospital: a cross of five squares with an open middle."""
    for x, y in ((72, 24), (24, 72), (120, 72), (72, 120)):
        d.rectangle((x, y, x + 47, y + 47), fill=CINNABAR)
    d.ellipse((80, 80, 112, 112), fill=CINNABAR)


def _cell(d: Any) -> None:
    """A battery maker: three rising bars in a frame."""
    d.rounded_rectangle((24, 40, 160, 152), 18, outline=INK, width=12)
    d.rectangle((164, 78, 176, 114), fill=INK)
    for n, colour in enumerate((GAMBOGE, GAMBOGE, MALACHITE)):
        d.rectangle((48 + n * 34, 110 - n * 20, 70 + n * 34, 130), fill=colour)


def _lattice(d: Any) -> None:
    """An institute of materials: nodes of a lattice."""
    points = [(48, 48), (144, 48), (96, 96), (48, 144), (144, 144)]
    for point in points:
        d.line([point, (96, 96)], fill=INK, width=8)
    for number, (x, y) in enumerate(points):
        d.ellipse((x - 20, y - 20, x + 20, y + 20), fill=GAMBOGE if number == 2 else AZURITE)


LOGOS: dict[str, Callable[[Any], None]] = {
    "lut": _bridge,
    "chengyuan": _drop,
    "lch": _cross,
    "lanyuan": _cell,
    "lmi": _lattice,
}
