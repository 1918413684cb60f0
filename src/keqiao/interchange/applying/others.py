"""Rows become organisations, people and IP assets."""

from __future__ import annotations

import secrets
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

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
NOT_FIELDS = {"external_id", "code"}
REWRITABLE = {"name_zh", "name_en", "short_zh", "short_en", "about_zh", "about_en", "region"}


def organisation(run: Run, row: ImportRow) -> None:
    """By its code, its credit code, or what its external id became; else entered into the register."""
    if not run.actor.is_operator:
        raise NotAllowed
    fields = {name: value for name, value in row.content.items() if name not in NOT_FIELDS}
    found = _organisation(run, row)
    if found is None:
        code = "DW-" + "".join(secrets.choice(LETTERS) for _place in range(8))
        made = people.register_organisation(actor=run.actor, code=code, **fields)
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


def person(run: Run, row: ImportRow) -> None:
    """With an address: an invitation to that address. Without: a person in a post, who has no account."""
    thing = run.known(row)
    if thing is not None:
        if not run.is_unchanged(row):
            raise BadInput(_("这个人已经登记，内容不同；请在单位页面修改。"))
        run.done(row, RowState.UNCHANGED, row.made, thing.became_id)
        return
    content, organisation_id = row.content, row.organisation_id
    if organisation_id is None or not (run.actor.works_for(organisation_id) or run.actor.is_operator):
        raise NotFound
    if address := content.get("email"):
        place = parties.organisations_visible_to(run.actor).filter(pk=organisation_id).first()
        if place is None:
            raise NotFound
        invited = people.invite(actor=run.actor, code=place.code, role=content["role"], email=address)
        run.done(row, RowState.ADDED, invited.invitation.code, invited.invitation.pk)
        return
    if not run.actor.is_operator:
        raise NotAllowed(_("没有电子邮箱的人员只能由平台登记。请填写邮箱，由本人接受邀请加入。"))
    names = {name: content.get(name, "") for name in ("name_zh", "name_en")}
    made = people.register_person(actor=run.actor, **names)
    people.appoint(
        actor=run.actor,
        person_id=made.pk,
        organisation_id=organisation_id,
        role=content["role"],
        title_zh=content.get("title_zh", ""),
        title_en=content.get("title_en", ""),
    )
    run.done(row, RowState.ADDED, "", made.pk)


def asset(run: Run, row: ImportRow) -> None:
    """By its number, or what its external id became; else registered."""
    fields = {name: value for name, value in row.content.items() if name not in NOT_FIELDS}
    owned = catalogue.assets_owned_by(row.organisation_id) if row.organisation_id else None
    if owned is None or not (run.actor.works_for(row.organisation_id) or run.actor.is_operator):
        raise NotFound
    thing, found = run.known(row), None
    if fields.get("number"):
        found = owned.filter(kind=fields["kind"], number=fields["number"]).first()
    elif thing:
        found = owned.filter(pk=thing.became_id).first()
    if found is None:
        made = rights.register_asset(actor=run.actor, owner_id=row.organisation_id, **fields)
        run.done(row, RowState.ADDED, made.number, made.pk)
        return
    for name, value in fields.items():
        if str(getattr(found, name) or "") != value:
            raise BadInput(_("这项知识产权已经登记，这一项与登记的不同；请联系平台更正。"), field=name)
    run.done(row, RowState.UNCHANGED, found.number, found.pk)
