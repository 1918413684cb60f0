"""Takes one person out of texts that stay: every text column of the given rows, found by the database first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.functions import Cast

from keqiao.kernel.models import NEVER_CHANGED
from keqiao.kernel.personal import Identity

TEXT = (models.CharField, models.TextField, models.JSONField, ArrayField)
NEVER = {"code", "digest", "token_hash", "url"}  # public ids and keys hold no words


def is_final(model: type[models.Model]) -> bool:
    """Rows of the table are never written again: the trail, consents, books, what was divided. They are kept by id."""
    return any(
        trigger.func == NEVER_CHANGED and "UPDATE" in str(trigger.operation)
        for trigger in getattr(model._meta, "triggers", ())  # noqa: SLF001 -- as below
    )


def scrub(rows: QuerySet[Any, Any], identity: Identity, *, also_never: Iterable[str] = ()) -> list[Any]:
    """Rewrite what names the person, in place. The rows that changed. Inside a command."""
    skipped = {*NEVER, *also_never}
    columns = [
        field.name
        for field in rows.model._meta.concrete_fields  # noqa: SLF001 -- Django's documented model API
        if isinstance(field, TEXT) and not (field.choices or field.is_relation or field.primary_key)
        if field.name not in skipped
    ]
    if not identity.needles or not columns:
        return []
    found = Q()
    for column in columns:
        rows = rows.annotate(**{f"{column}_as_text": Cast(column, models.TextField())})
        for needle in identity.needles:
            found |= Q(**{f"{column}_as_text__icontains": needle})
    return [row for row in rows.filter(found).order_by("pk") if _rewritten(row, columns, identity)]


def _rewritten(row: Any, columns: list[str], identity: Identity) -> bool:
    changed = []
    for column in columns:
        before = getattr(row, column)
        after = identity.scrubbed_json(before)
        if after != before:
            setattr(row, column, after)
            changed.append(column)
    if changed:
        row.save(update_fields=changed)
    return bool(changed)
