"""Commands: what an organisation says about itself. Every change leaves a row with what was before and after."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from keqiao.kernel import clock, files, images
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import reading
from keqiao.parties.models import (
    Organisation,
    OrganisationAlias,
    OrganisationChange,
    OrganisationIdentifier,
    OrganisationQualification,
)
from keqiao.parties.selectors import operators
from keqiao.parties.services._shared import _own_organisation, _tell
from keqiao.parties.types import Actor, Qualification

LONGEST = {"name_zh": 200, "name_en": 200, "short_zh": 60, "short_en": 60, "about_zh": 4_000, "about_en": 4_000}
MOST_ALIASES = 30
LOGO_SIDE = 256  # pixels, the longer side


@command
def rewrite_organisation(*, actor: Actor, code: str, **fields: str) -> Organisation:
    """Names, short names, texts and region; what is not given stays."""
    organisation = _own_organisation(actor, code)
    unknown = set(fields) - {*LONGEST, "region"}
    if unknown:
        raise BadInput(field=min(unknown))
    new = {
        name: reading.region(text)
        if name == "region"
        else reading.plain(text, LONGEST[name], name, lines="about" in name)
        for name, text in fields.items()
    }
    if not (new.get("name_zh", organisation.name_zh) or new.get("name_en", organisation.name_en)):
        raise BadInput(_("填单位全称，中文或英文至少一种，例如：澜江理工大学。"), field="name_zh")
    changed = {
        name: [getattr(organisation, name), text] for name, text in new.items() if getattr(organisation, name) != text
    }
    if not changed:
        return organisation
    for name, (_before, after) in changed.items():
        setattr(organisation, name, after)
    organisation.save(update_fields=list(changed))
    _changed(actor, organisation, changed)
    if organisation.is_verified and {"name_zh", "name_en"} & set(changed) and not actor.is_operator:
        _let_operators_look(actor, organisation)
    return organisation


@command
def add_alias(*, actor: Actor, code: str, name: str) -> OrganisationAlias:
    """Another name under which the register finds it."""
    organisation = _own_organisation(actor, code)
    name = reading.plain(name, 200, "name")
    if len(name) < 2:
        raise BadInput(_("填一个别名或曾用名，至少两个字，例如：澜江工学院。"), field="name")
    if name in {organisation.name_zh, organisation.name_en} or organisation.aliases.filter(name=name).exists():
        raise BadInput(_("这个名称已经有了。"), field="name")
    if organisation.aliases.count() >= MOST_ALIASES:
        raise BadInput(_("别名最多 30 个。请先删去不用的。"), field="name")
    alias = OrganisationAlias.objects.create(organisation=organisation, name=name)
    _changed(actor, organisation, {"alias": ["", name]})
    return alias


@command
def remove_alias(*, actor: Actor, code: str, name: str) -> None:
    organisation = _own_organisation(actor, code)
    if not organisation.aliases.filter(name=reading.plain(name, 200, "name")).delete()[0]:
        raise NotFound
    _changed(actor, organisation, {"alias": [name, ""]})


@command
def add_identifier(*, actor: Actor, code: str, scheme: str, value: str) -> OrganisationIdentifier:
    """LEI, ROR, ISNI, GRID or a foreign registration number; check digits are verified."""
    organisation = _own_organisation(actor, code)
    value = reading.identifier(scheme, value)
    try:
        with transaction.atomic():
            row = OrganisationIdentifier.objects.create(organisation=organisation, scheme=scheme, value=value)
    except IntegrityError as error:
        message = _("%(value)s 已经属于名录里的一家单位。如果那也是贵单位，请告诉平台合并。")
        raise BadInput(message % {"value": value}, field="value") from error
    _changed(actor, organisation, {f"identifier.{scheme}": ["", value]})
    return row


@command
def remove_identifier(*, actor: Actor, code: str, scheme: str, value: str) -> None:
    organisation = _own_organisation(actor, code)
    scheme, value = reading.plain(scheme, 12, "scheme"), reading.plain(value, 60, "value")
    if not organisation.identifiers.filter(scheme=scheme, value=value).delete()[0]:
        raise NotFound
    _changed(actor, organisation, {f"identifier.{scheme}": [value, ""]})


@command
def put_qualification(
    *, actor: Actor, code: str, kind: str, number: str = "", valid_until: date | None = None, evidence: Any = None
) -> OrganisationQualification:
    """Say that the organisation holds a title; again for the same title replaces what was said."""
    organisation = _own_organisation(actor, code)
    if kind not in Qualification.values:
        raise BadInput(_("请选择一种资质，例如：高新技术企业。"), field="kind")
    number = reading.plain(number, 60, "number")
    today = clock.today()
    if valid_until is not None and valid_until < today:
        raise BadInput(_("有效期已经过了：%(day)s。请填新证书的日期。") % {"day": valid_until}, field="valid_until")
    row = organisation.qualification_rows.filter(kind=kind).first() or OrganisationQualification(
        organisation=organisation, kind=kind
    )
    before = "" if row.pk is None else _said(row)
    row.number, row.valid_until = number, valid_until
    if evidence is not None and evidence.size:
        most = parameter("parties.paper_most_mb", on=today)
        media_type = reading.paper(evidence, most_mb=most, field="evidence")
        row.evidence = files.store(actor=actor, name=evidence.name, media_type=media_type, chunks=evidence.chunks())
    row.save()
    if kind not in organisation.qualifications:
        organisation.qualifications = [*organisation.qualifications, kind]
        organisation.save(update_fields=["qualifications"])
    _changed(actor, organisation, {f"qualification.{kind}": [before, _said(row)]})
    return row


@command
def remove_qualification(*, actor: Actor, code: str, kind: str) -> None:
    organisation = _own_organisation(actor, code)
    if kind not in organisation.qualifications:
        raise NotFound
    row = organisation.qualification_rows.filter(kind=kind).first()
    before = _said(row) if row else kind
    organisation.qualification_rows.filter(kind=kind).delete()
    organisation.qualifications = [other for other in organisation.qualifications if other != kind]
    organisation.save(update_fields=["qualifications"])
    _changed(actor, organisation, {f"qualification.{kind}": [before, ""]})


@command
def put_logo(*, actor: Actor, code: str, picture: Any) -> Organisation:
    """A picture in the place of the one before. It is drawn anew: nothing but its pixels is kept."""
    organisation = _own_organisation(actor, code)
    most = parameter("parties.logo_most_kb", on=clock.today())
    content = b"" if picture is None else picture.read(most * 1024 + 1)
    if not content:
        raise BadInput(_("请选一张图片：PNG、JPEG 或 WebP，例如 512×512 像素的 PNG。"), field="logo")
    drawn = images.redrawn(content, most_kb=most, side=LOGO_SIDE, field="logo")
    before = organisation.logo
    organisation.logo = files.store(actor=actor, name="logo.png", media_type="image/png", chunks=[drawn])
    _keep_logo(actor, organisation, before)
    return organisation


@command
def remove_logo(*, actor: Actor, code: str) -> None:
    organisation = _own_organisation(actor, code)
    if organisation.logo is None:
        raise NotFound
    before, organisation.logo = organisation.logo, None
    _keep_logo(actor, organisation, before)


def _keep_logo(actor: Actor, organisation: Organisation, before: Any) -> None:
    organisation.save(update_fields=["logo"])
    shown = [file.digest[:12] if file else "" for file in (before, organisation.logo)]
    _changed(actor, organisation, {"logo": shown})
    if before is not None:
        files.discard(before)


def _let_operators_look(actor: Actor, organisation: Organisation) -> None:
    """It was verified under its old name."""
    _tell(
        actor,
        operators(),
        "to_decide",
        f"renamed:{organisation.pk}:{organisation.changes.count()}",
        gettext_noop("已核实的单位改了名称，请核对：%(organisation)s"),
        f"/organisations/{organisation.code}/changes",
        organisation=organisation,
    )


def _said(row: OrganisationQualification) -> str:
    return " · ".join(part for part in (row.kind, row.number, str(row.valid_until or "")) if part)


def _changed(actor: Actor, organisation: Organisation, fields: dict[str, list[str]]) -> None:
    OrganisationChange.objects.create(organisation=organisation, person_id=actor.person_id, fields=fields)
    record("parties.organisation_rewritten", organisation, actor=actor, fields=sorted(fields))
