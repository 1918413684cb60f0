"""What applying shares: what keys became before, savepoints, and the outcome of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from keqiao.interchange.columns import column_of_field
from keqiao.interchange.models import Import, ImportedThing, ImportRow
from keqiao.interchange.types import RowState
from keqiao.kernel.errors import Busy, DomainError
from keqiao.parties.types import Actor

Apply = Callable[["Run", ImportRow], None]


class Run:
    """One chunk being applied."""

    def __init__(self, actor: Actor, job: Import) -> None:
        self.actor = actor
        self.job = job
        self.became = ""
        self._known: dict[tuple[int | None, str], ImportedThing] = {}
        self._new: dict[tuple[int | None, str], ImportedThing] = {}

    def remember(self, rows: Iterable[ImportRow], became: str, *others: str) -> None:
        """Look up what the keys of these rows became before: mostly one sort of thing."""
        self.became = became
        keys = {row.key for row in rows}
        found = ImportedThing.objects.filter(kind=self.job.kind, became__in=[became, *others], key__in=keys)
        self._known = {(thing.organisation_id, thing.key): thing for thing in found}

    def known(self, row: ImportRow) -> ImportedThing | None:
        return self._known.get((row.organisation_id, row.key))

    def is_unchanged(self, row: ImportRow) -> bool:
        thing = self.known(row)
        return thing is not None and thing.fingerprint == row.fingerprint

    def has_column(self, name: str) -> bool:
        """Does the file say anything of this? What it has no column for stays as it is."""
        return name in self.job.mapping.values()

    def done(self, row: ImportRow, state: RowState, code: str, became_id: int | None, became: str = "") -> None:
        row.state, row.made, row.problems = state, code[:24], []
        if became_id is not None:
            self._new[row.organisation_id, row.key] = ImportedThing(
                organisation_id=row.organisation_id,
                kind=self.job.kind,
                key=row.key,
                fingerprint=row.fingerprint,
                became=became or self.became,
                became_id=became_id,
            )

    def safely(self, row: ImportRow, apply: Apply) -> bool:
        """One row in a savepoint. What refuses it is said in both languages; a lock not had is for the whole chunk."""
        said: dict[str, str] = {}
        field = ""
        for lang in ("zh-hans", "en"):
            try:
                with translation.override(lang), transaction.atomic():
                    apply(self, row)
            except Busy:
                raise
            except DomainError as error:
                with translation.override(lang):
                    said[lang[:2]], field = str(error), error.field
            except IntegrityError:
                with translation.override(lang):
                    said[lang[:2]] = _("编号与已有的条目重复，没有导入。请换一个编号。")
            except DatabaseError:
                with translation.override(lang):
                    said[lang[:2]] = _("这一行不能保存，没有导入。")
            else:
                return True
        self.failed(row, said, column_of_field(self.job.kind, field) if field else "")
        return False

    def failed(self, row: ImportRow, said: Mapping[str, str], column: str = "") -> None:
        row.state = RowState.FAILED
        row.problems = [{"column": column, **said, "example_zh": "", "example_en": ""}]
        self._new.pop((row.organisation_id, row.key), None)

    def keep(self) -> None:
        """Write what the rows became, once for the chunk."""
        ImportedThing.objects.bulk_create(
            self._new.values(),
            update_conflicts=True,
            unique_fields=["organisation_id", "kind", "became", "key"],
            update_fields=["fingerprint", "became_id"],
        )


def merged(before: Mapping[str, Any], row: Mapping[str, Any], columns: Sequence[Any]) -> dict[str, Any]:
    """Content with the row's values in it: columns that the file has and the row leaves empty are emptied, others stay."""
    content = {**before, "texts": {lang: dict(text) for lang, text in (before.get("texts") or {}).items()}}
    given = {name: value for name, value in row.items() if name != "code"}
    for column in columns:
        place = column.place.split(".")
        if place[0] == "texts":
            _put_text(content["texts"], place[1], place[2], given.get("texts", {}).get(place[1], {}).get(place[2], ""))
        elif column.name not in {"code", "organisation"} and place[0] not in given:
            for name in ("price_kind", "price_low", "price_high", "currency") if column.shape == "price" else place[:1]:
                content.pop(name, None)
        elif column.shape == "price":
            for name in ("price_low", "price_high", "currency"):
                content.pop(name, None)
    content.update({name: value for name, value in given.items() if name != "texts"})
    content["texts"] = {
        lang: text for lang, text in content["texts"].items() if any(v for name, v in text.items() if name != "origin")
    }
    return content


def _put_text(texts: dict[str, dict[str, str]], lang: str, part: str, value: str) -> None:
    if value:
        texts.setdefault(lang, {})[part] = value
    elif part != "origin":
        texts.get(lang, {}).pop(part, None)


DEFAULTS = {"price_kind": "unknown", "ownership": "unknown", "region_wish": "any", "publisher_shown": "shown",
            "budget_shown": "shown"}  # fmt: skip
NOT_COMPARED = {"attachments", "confirmed", "price_unit"}  # a file says nothing of these


def canonical(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a content says, without what goes without saying: for comparing."""
    found = {
        name: value
        for name, value in content.items()
        if value not in (None, "", [], {}) and DEFAULTS.get(name) != value and name not in NOT_COMPARED
    }
    if found.get("price_kind") != "amount":
        found.pop("currency", None)
    for name in ("indicators", "team"):
        if name in found:
            found[name] = [_canonical_row(row) for row in found[name]]
    found["texts"] = {
        lang: {"origin": "author", **{part: value for part, value in text.items() if value}}
        for lang, text in (content.get("texts") or {}).items()
        if any(value for part, value in text.items() if part != "origin")
    }
    return found


def _canonical_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and value not in ("", [])}
