"""The one reader of figures in running text: search chips, forms, drafts from files and matching all use it.

    readings("试验测得脱盐率不低于 98.5 %（25 ℃）") → 98.5 %, ≥, name 脱盐率, measured, and 25 ℃ as its condition

Each figure comes with its place, so that it can be shown where it stands. Nothing is made up: what has no number, or a
number without a unit or a named measure, is not read. How well it reads is measured on labelled sentences from real texts
(`matching/reading/labelled`).
"""

from keqiao.matching.reading.figures import readings
from keqiao.matching.reading.numbers import even_form
from keqiao.matching.reading.types import Reading, Role, Status

__all__ = ["Reading", "Role", "Status", "even_form", "readings"]
