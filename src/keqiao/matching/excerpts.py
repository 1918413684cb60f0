"""What the stones read of a published item, kept in one row beside it, so that a hit that this process has not met is
read in one look: no rows of several tables, nothing to cut.

A row is used for the revision of the item that it was made of, and by the code that made it; otherwise the item itself is
read, with the same result. Nothing lives only here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Exists, F, OuterRef

from keqiao.catalogue import selectors as catalogue
from keqiao.matching.dense import DenseModel
from keqiao.matching.gathering import Regions, achievement_facts, need_facts, regions
from keqiao.matching.known import FORMAT, Known, as_known, packed, retold, unpacked
from keqiao.matching.models import Excerpt
from keqiao.matching.types import AchievementFacts, NeedFacts

FACTS: dict[str, Callable[[Any, Regions], NeedFacts | AchievementFacts]] = {
    "achievement": achievement_facts,
    "need": need_facts,
}
CHUNK = 250  # items at a time: some 3 MB
WRITTEN = ("revision", "format", "model", "content")


def read(kind: str, codes: Sequence[str], model: DenseModel | None) -> list[Known]:
    """These published items, in no order: from their rows where those are right."""
    if not codes:
        return []
    rows = Excerpt.objects.filter(
        **{f"{kind}__code__in": codes, f"{kind}__state": "published", f"{kind}__revision": F("revision")}, format=FORMAT
    )
    found = [
        unpacked(bytes(content), revision, made_by, regions(), model)
        for revision, made_by, content in rows.values_list("revision", "model", "content")
    ]
    there = {known.facts.code for known in found}
    if others := [code for code in codes if code not in there]:
        items = catalogue.items_to_compare(kind, others)
        found += [as_known(FACTS[kind](item, regions()), item.revision, model) for item in items]
    return found


def keep(kind: str, ids: Sequence[int], model: DenseModel) -> None:
    """Bring the rows of these items up to date; again is harmless."""
    for first in range(0, len(ids), CHUNK):
        some = ids[first : first + CHUNK]
        items = list(catalogue.published_ids(kind).filter(pk__in=some).prefetch_related("texts", "indicators"))
        _write(kind, [_excerpt(kind, item, model) for item in items])
        gone = set(some) - {item.pk for item in items}
        Excerpt.objects.filter(**{f"{kind}__in": gone}).delete()


def forget(kind: str, ids: Sequence[int]) -> None:
    """Of items that changed: what an older revision said goes at once, and a row is made again by a job."""
    Excerpt.objects.filter(**{f"{kind}__in": ids}).delete()


def _excerpt(kind: str, item: Any, model: DenseModel) -> Excerpt:
    known = as_known(FACTS[kind](item, regions()), item.revision, model)
    of_item = {f"{kind}_id": item.pk}
    return Excerpt(**of_item, revision=item.revision, format=FORMAT, model=model.version, content=packed(known))


def _write(kind: str, rows: Sequence[Excerpt]) -> None:
    Excerpt.objects.bulk_create(rows, update_conflicts=True, unique_fields=[kind], update_fields=WRITTEN)


def keep_lacking(kind: str, model: DenseModel, after: int, most: int) -> int:
    """Rows for at most so many items that have no right one, from behind the id `after` on. The last id; 0 when none is
    left.
    """
    ids = lacking(kind, model, after, most)
    told = retell(kind, ids, model)
    keep(kind, [item_id for item_id in ids if item_id not in told], model)
    return ids[-1] if len(ids) == most else 0


def retell(kind: str, ids: Sequence[int], model: DenseModel) -> set[int]:
    """After a rebuild: of rows that are right but for the model, only the meanings are told anew, and no item is read. Says of
    which items.
    """
    told: set[int] = set()
    for first in range(0, len(ids), CHUNK):
        some = {
            f"{kind}__in": ids[first : first + CHUNK],
            f"{kind}__revision": F("revision"),
            f"{kind}__state": "published",
        }
        rows = list(Excerpt.objects.filter(**some, format=FORMAT))
        for row in rows:
            row.content, row.model = retold(bytes(row.content), model), model.version
            row.pk = None  # written over by its item, and not where it is gone meanwhile
        _write(kind, rows)
        told.update(getattr(row, f"{kind}_id") for row in rows)
    return told


def lacking(kind: str, model: DenseModel, after: int, most: int) -> list[int]:
    """Ids, from the one behind `after` on, of published items without a row that is right."""
    right = Excerpt.objects.filter(
        **{kind: OuterRef("pk")}, revision=OuterRef("revision"), format=FORMAT, model=model.version
    )
    ids = catalogue.published_ids(kind).filter(~Exists(right), pk__gt=after)
    return list(ids.values_list("pk", flat=True)[:most])


def forget_unpublished(kind: str) -> None:
    """What a change that no job heard of left."""
    Excerpt.objects.filter(**{f"{kind}__isnull": False}).exclude(**{f"{kind}__state": "published"}).delete()
