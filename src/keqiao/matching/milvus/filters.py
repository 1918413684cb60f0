"""The filters of the seam in Milvus' language."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

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

TRUE, FALSE = 'id != ""', 'id == ""'


def compile_filter(where: Filter, attributes: Mapping[str, Attribute], *, is_not: bool = False) -> str:  # noqa: PLR0911 -- one case, one line
    """The filter in Milvus' language; `is_not`: its negation. Names are checked and values quoted, so nothing leaks in."""
    match where:
        case Not(part):
            return compile_filter(part, attributes, is_not=not is_not)
        case And(parts):
            return _joined(parts, attributes, is_or=is_not, is_not=is_not)
        case Or(parts):
            return _joined(parts, attributes, is_or=not is_not, is_not=is_not)
        case Has(name, values):
            known_attribute(name, attributes, lists=True)
            wanted = f"array_contains_any({name}, [{listed(values)}])" if values else FALSE
            return _negated(name, wanted) if is_not else wanted
        case Eq(name, value):
            known_attribute(name, attributes)
            written = _literal(name, value, attributes)
            return _missing(name, f"{name} != {written}") if is_not else f"{name} == {written}"
        case In(name, values):
            known_attribute(name, attributes)
            wanted = ", ".join(_literal(name, value, attributes) for value in values)
            if not values:
                return TRUE if is_not else FALSE
            return _missing(name, f"{name} not in [{wanted}]") if is_not else f"{name} in [{wanted}]"
        case Range(name, low, high):
            known_attribute(name, attributes)
            signs = ((low, "<"), (high, ">=")) if is_not else ((low, ">="), (high, "<"))
            limits = [f"({name} {sign} {_literal(name, v, attributes)})" for v, sign in signs if v is not None]
            if is_not:
                return " or ".join([f"({name} is null)", *limits])
            return " and ".join(limits) if limits else f"{name} is not null"
    raise BadFilter(f"{where!r} is not a filter")


def _joined(parts: Sequence[Filter], attributes: Mapping[str, Attribute], *, is_or: bool, is_not: bool) -> str:
    written = [f"({compile_filter(part, attributes, is_not=is_not)})" for part in parts]
    return (" or " if is_or else " and ").join(written) if written else (FALSE if is_or else TRUE)


def _missing(name: str, otherwise: str) -> str:
    return otherwise if name == "id" else f"({name} is null) or ({otherwise})"


def _negated(name: str, wanted: str) -> str:
    return TRUE if wanted == FALSE else f"({name} is null) or (not ({wanted}))"


def _literal(name: str, value: object, attributes: Mapping[str, Attribute]) -> str:
    checked = check_comparison(name, value, attributes)
    if isinstance(checked, str):
        return quoted(checked)
    return repr(checked) if isinstance(checked, int) or math.isfinite(checked) else "0.0"


ESCAPED = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))  # the backslash first


def listed(values: Iterable[str]) -> str:
    return ", ".join(map(quoted, values))


def quoted(text: str) -> str:
    """Escaped in the few ways that Milvus and its small server both read; a lone surrogate cannot be in the index."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    for sign, written in ESCAPED:
        clean = clean.replace(sign, written)
    return f'"{clean}"'
