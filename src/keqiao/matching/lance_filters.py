"""The filters of searches in Lance's SQL."""

from __future__ import annotations

from collections.abc import Mapping

from keqiao.matching.engine import (
    And,
    Attribute,
    BadFilter,
    Eq,
    Filter,
    Has,
    In,
    Not,
    Or,
    Range,
    check_comparison,
    known_attribute,
)


def compile_filter(where: Filter, attributes: Mapping[str, Attribute]) -> str:  # noqa: PLR0911 -- one case, one line
    """The filter in Lance's SQL. Names are checked against the schema and values are quoted, so nothing can leak in."""
    match where:
        case And(parts):
            return _joined(" AND ", [compile_filter(part, attributes) for part in parts], "true")
        case Or(parts):
            return _joined(" OR ", [compile_filter(part, attributes) for part in parts], "false")
        case Not(part):
            return f"({compile_filter(part, attributes)}) IS NOT TRUE"
        case Has(name, values):
            known_attribute(name, attributes, lists=True)
            return _joined(" OR ", [f"array_has({name}, {quoted(value)})" for value in values], "false")
        case Eq(name, value):
            return f"{known_attribute(name, attributes)} = {_literal(name, value, attributes)}"
        case In(name, values):
            known_attribute(name, attributes)
            return f"{name} IN ({', '.join(_literal(name, v, attributes) for v in values)})" if values else "false"
        case Range(name, low, high):
            known_attribute(name, attributes)
            sides = [(">=", low), ("<", high)]
            limits = [f"{name} {sign} {_literal(name, v, attributes)}" for sign, v in sides if v is not None]
            return _joined(" AND ", limits, f"{name} IS NOT NULL")
    raise BadFilter(f"{where!r} is not a filter")


def _joined(word: str, parts: list[str], when_empty: str) -> str:
    return word.join(f"({part})" for part in parts) if parts else when_empty


def _literal(name: str, value: object, attributes: Mapping[str, Attribute]) -> str:
    checked = check_comparison(name, value, attributes)
    return quoted(checked) if isinstance(checked, str) else repr(checked)


def quoted(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be in the index either
    return "'" + clean.replace("'", "''") + "'"
