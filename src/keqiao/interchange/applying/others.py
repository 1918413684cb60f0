"""Rows become organisations and IP assets."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as rights
from keqiao.interchange.applying.shared import Run
from keqiao.interchange.models import ImportRow
from keqiao.interchange.types import RowState
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.parties import selectors as parties
from keqiao.parties import services as people

NOT_FIELDS = {"external_id", "code"}
DATES = {"filed_on", "expires_on"}
EMPTIABLE = ("title_zh", "title_en", "number", *sorted(DATES))
REWRITABLE = {"name_zh", "name_en", "short_zh", "short_en", "about_zh", "about_en", "region"}


def organisation(run: Run, row: ImportRow) -> None:
    """By its code, its credit code, or what its external id became; else entered into the register."""
    if not run.actor.is_operator:
        raise NotAllowed
    fields = {name: value for name, value in row.content.items() if name not in NOT_FIELDS}
    found = _organisation(run, row)
    if found is None:
        made = people.register_organisation(actor=run.actor, **fields)
        run.done(row, RowState.ADDED, made.code, made.pk)
        return
    changed = {name: value for name, value in fields.items() if getattr(found, name) != value}
    fixed = set(changed) - REWRITABLE
    if fixed:
        raise BadInput(_("这家单位已经登记，这一项与登记的不同；请在单位页面修改。"), field=min(fixed))
    if changed:
        people.rewrite_organisation(actor=run.actor, code=found.code, **changed)
    run.done(row, RowState.CHANGED if changed else RowState.UNCHANGED, found.code, found.pk)


def _organisation(run: Run, row: ImportRow) -> Any:
    rows = parties.organisations_visible_to(run.actor)
    if code := row.content.get("code"):
        return parties.get_organisation(code, actor=run.actor)
    if credit_code := row.content.get("credit_code"):
        return rows.filter(credit_code=credit_code).first()
    thing = run.known(row)
    return rows.filter(pk=thing.became_id).first() if thing else None


def asset(run: Run, row: ImportRow) -> None:
    """What its external id became, else by its number; a secret without a number by its names. Else registered."""
    if row.organisation_id is None or not (run.actor.works_for(row.organisation_id) or run.actor.is_operator):
        raise NotFound
    fields = {name: value for name, value in row.content.items() if name not in NOT_FIELDS}
    for name in DATES & fields.keys():
        fields[name] = date.fromisoformat(fields[name])
    found = _asset(run, row, fields)
    if found is None:
        made = rights.register_asset(actor=run.actor, owner_id=row.organisation_id, **fields)
        run.done(row, RowState.ADDED, made.number, made.pk)
        return
    emptied = {name: None if name in DATES else "" for name in EMPTIABLE if run.has_column(name)}
    wanted = {**emptied, **fields}
    is_same = all(getattr(found, name) == value for name, value in wanted.items())
    if not is_same:
        rights.rewrite_asset(actor=run.actor, asset_id=found.pk, **wanted)
    state = RowState.UNCHANGED if is_same else RowState.CHANGED
    run.done(row, state, fields.get("number", found.number), found.pk)


def _asset(run: Run, row: ImportRow, fields: dict[str, Any]) -> Any:
    owned = catalogue.assets_owned_by(row.organisation_id) if row.organisation_id else None
    if owned is None:
        return None
    thing = run.known(row)
    if thing is not None and (found := owned.filter(pk=thing.became_id).first()):
        return found
    if fields.get("number"):
        return owned.filter(kind=fields["kind"], number=fields["number"]).first()
    if row.content.get("external_id"):
        return None
    names = {name: fields.get(name, "") for name in ("title_zh", "title_en")}
    return owned.filter(kind=fields["kind"], number="", **names).first()
