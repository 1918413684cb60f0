"""Codes such as XQ-2026-7K2M9P, and keys of rows that people see: drawn at random. They tell neither count nor order."""

from __future__ import annotations

import secrets
from typing import Any

from django.db.models import BigIntegerField, Model, Value
from django.db.models.functions import Cast, Floor, Random
from django.utils.crypto import salted_hmac

from keqiao.kernel import clock

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is read as another: no 0 O, 1 I L, U V


def fresh(model: type[Model], prefix: str, *, places: int = 8) -> str:
    """DW-7K2M9QX4, which no row of `model` bears yet."""
    return fresh_many(model, prefix, 1, places=places)[0]


def fresh_of_year(model: type[Model], prefix: str) -> str:
    """XQ-2026-7K2M9P: with the year in the site's zone, as people file them."""
    return fresh_many_of_year(model, prefix, 1)[0]


def fresh_many_of_year(model: type[Model], prefix: str, count: int) -> list[str]:
    return fresh_many(model, f"{prefix}-{clock.today().year}", count, places=6)


def fresh_many(model: type[Model], prefix: str, count: int, *, places: int = 8) -> list[str]:
    """Drawn again while taken. Two that draw the same at the same moment meet the unique constraint of the table."""
    found: dict[str, None] = {}
    while len(found) < count:
        drawn = {draw(prefix, places) for _n in range(count - len(found))}
        rows = model._default_manager.filter(code__in=drawn)  # noqa: SLF001 -- Django's documented model API
        taken = set(rows.values_list("code", flat=True))
        found.update(dict.fromkeys(drawn - taken))
    return list(found)


def draw(prefix: str, places: int) -> str:
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _place in range(places))


def key() -> int:
    """Above what a sequence gave before; within the whole numbers that every reader of JSON keeps exactly."""
    return 2**40 + secrets.randbelow(2**52)


def short_key(model: type[Model]) -> int:
    """For tables of others whose key has 32 bits: drawn again while taken, and above what their sequence gives.

    The caller inserts the row, and never saves over one: two that draw the same at the same moment meet the primary key.
    """
    while True:
        drawn = 2**24 + secrets.randbelow(2**31 - 2**24)
        if not model._default_manager.filter(pk=drawn).exists():  # noqa: SLF001 -- as above
            return drawn


def reference(kind: str, key: int) -> str:
    """Names a row of a numbered table in addresses, and tells nobody how many others there are.

    For tables whose key cannot be drawn. Found again among the few rows that one may name: no table holds it.
    """
    return salted_hmac(f"keqiao.{kind}", str(key), algorithm="sha256").hexdigest()[:16]


def draw_key(instance: Model, **_rest: Any) -> None:
    """Before a row of somebody else's model is saved: a drawn key for it, where it has none."""
    if instance.pk is None:
        instance.pk = key()


class DrawnNumber(BigIntegerField):
    """What names a row in addresses where its key says which came first, and rows are put in that order.

    Looked for among the rows of one owner. Drawn by the database for rows of before and for processes of the release before.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "default": key, "db_default": drawn_there(), "editable": False})

    def deconstruct(self) -> Any:
        name, _path, _args, _given = super().deconstruct()
        return name, "django.db.models.BigIntegerField", [], {"db_default": drawn_there(), "editable": False}


def drawn_there() -> Any:
    return Cast(Value(2**40) + Floor(Random() * Value(2.0**52)), BigIntegerField())


class DrawnKey(BigIntegerField):
    """The key of a table whose rows have their number in addresses. Two alike meet the primary key.

    The table keeps its own sequence, for processes of the release before.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "primary_key": True, "default": key, "editable": False})

    def deconstruct(self) -> Any:
        """Migrations know a plain number: they never import our code."""
        name, _path, _args, _given = super().deconstruct()
        return name, "django.db.models.BigIntegerField", [], {"primary_key": True, "serialize": False}
