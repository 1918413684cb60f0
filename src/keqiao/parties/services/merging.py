"""Commands: two entries of the register that are one organisation."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.parties import reading
from keqiao.parties.models import (
    Absence,
    Invitation,
    JoinRequest,
    Merge,
    Organisation,
    OrganisationAlias,
    OrganisationIdentifier,
    OrganisationQualification,
    Post,
)
from keqiao.parties.types import Actor, JoinState, roles_in


@command
def merge_organisations(*, actor: Actor, kept_code: str, gone_code: str, reason: str = "") -> Merge:
    """`gone` becomes `kept`: posts, names, identifiers, requests and invitations move; its code leads to the other.

    What other contexts keep about it follows in the worker (parties.organisations_merged).
    """
    if not actor.is_operator:
        raise NotAllowed
    kept_code, gone_code = reading.plain(kept_code, 24, "kept"), reading.plain(gone_code, 24, "gone")
    if kept_code == gone_code:
        raise BadInput(_("请选两家不同的单位。"), field="gone")
    kept, gone = _both(kept_code, gone_code)
    moved: dict[str, Any] = {
        "aliases": _names(gone, kept),
        "identifiers": _move(gone.identifiers.all(), kept),
        "qualifications": _qualifications(gone, kept),
        "invitations": _move(Invitation.objects.filter(organisation=gone), kept),
        "absences": _move(Absence.objects.filter(organisation=gone), kept),
        "join_requests": _join_requests(gone, kept),
        "credit_code": _credit_code(gone, kept),
    }
    if gone.is_verified:
        moved["posts"], moved["reopened"] = _posts(gone, kept)
    else:
        moved["asked"] = _ask_anew(gone, kept)
    gone.merged_into = kept
    gone.save(update_fields=["merged_into"])
    merge = Merge.objects.create(
        code=codes.fresh(Merge, "HB"),
        kept=kept,
        gone=gone,
        moved=moved,
        reason=reading.plain(reason, 300, "reason"),
        made_by_id=actor.person_id,
    )
    record("parties.organisations_merged", kept, actor=actor, from_id=gone.pk, to_id=kept.pk, merge_id=merge.pk)
    return merge


@command
def undo_merge(*, actor: Actor, code: str) -> Merge:
    """Put back what the merge moved and is still where it was put."""
    if not actor.is_operator:
        raise NotAllowed
    merge = Merge.objects.select_for_update(of=("self",), no_key=True).filter(code=code).first()
    if merge is None:
        raise NotFound
    rows = Organisation.objects.select_for_update(no_key=True).filter(pk__in=[merge.kept_id, merge.gone_id])
    both = {row.pk: row for row in rows.order_by("pk")}
    kept, gone = both[merge.kept_id], both[merge.gone_id]
    if merge.undone_at is not None:
        raise WrongState(_("这次合并已经撤销过。"))
    if kept.merged_into_id is not None:
        raise WrongState(_("保留的那家后来又并入了别家。请先撤销后面那次合并。"))
    moved = merge.moved
    for model, name in (
        (Post, "posts"),
        (OrganisationIdentifier, "identifiers"),
        (OrganisationQualification, "qualifications"),
        (Invitation, "invitations"),
        (Absence, "absences"),
        (JoinRequest, "join_requests"),
    ):
        model.objects.filter(pk__in=moved.get(name, []), organisation=kept).update(organisation=gone)
    OrganisationAlias.objects.filter(pk__in=moved["aliases"]["moved"], organisation=kept).update(organisation=gone)
    OrganisationAlias.objects.filter(pk__in=moved["aliases"]["made"], organisation=kept).delete()
    Post.objects.filter(pk__in=moved.get("reopened", []), organisation=kept).update(ended_on=clock.today())
    JoinRequest.objects.filter(pk__in=moved.get("asked", []), state=JoinState.OPEN).delete()
    if moved["credit_code"] and kept.credit_code == moved["credit_code"]:
        kept.credit_code = None
        kept.save(update_fields=["credit_code"])
        gone.credit_code = moved["credit_code"]
    kinds = set(OrganisationQualification.objects.filter(pk__in=moved["qualifications"]).values_list("kind", flat=True))
    kept.qualifications = [kind for kind in kept.qualifications if kind not in kinds]
    kept.save(update_fields=["qualifications"])
    gone.merged_into = None
    gone.save(update_fields=["merged_into", "credit_code"])
    merge.undone_by_id, merge.undone_at = actor.person_id, clock.now()
    merge.save(update_fields=["undone_by", "undone_at"])
    record("parties.merge_undone", kept, actor=actor, from_id=gone.pk, to_id=kept.pk, merge_id=merge.pk)
    return merge


def _both(kept_code: str, gone_code: str) -> tuple[Organisation, Organisation]:
    """Locked in the order of their ids: two merges at once wait for each other, whichever way round they go."""
    rows = Organisation.objects.filter(code__in=[kept_code, gone_code]).select_for_update(no_key=True).order_by("pk")
    found = {row.code: row for row in rows}
    for field, code in (("kept", kept_code), ("gone", gone_code)):
        if code not in found:
            raise BadInput(_("没有编号为“%(code)s”的单位，例如 DW-00001。") % {"code": code[:40]}, field=field)
        if found[code].merged_into_id is not None:
            raise BadInput(_("%(code)s 已经并入别家，不能再合并。") % {"code": code}, field=field)
    return found[kept_code], found[gone_code]


def _move(rows: QuerySet[Any], kept: Organisation) -> list[int]:
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    rows.model.objects.filter(pk__in=ids).update(organisation=kept)
    return ids


def _names(gone: Organisation, kept: Organisation) -> dict[str, list[int]]:
    """The names of the one that goes are found as other names of the one that stays."""
    known = {kept.name_zh, kept.name_en, *kept.aliases.values_list("name", flat=True)}
    moved = _move(gone.aliases.exclude(name__in=known), kept)
    known |= set(kept.aliases.values_list("name", flat=True))
    new = dict.fromkeys(name for name in (gone.name_zh, gone.name_en) if name and name not in known)
    made = OrganisationAlias.objects.bulk_create([OrganisationAlias(organisation=kept, name=name) for name in new])
    return {"moved": moved, "made": [alias.pk for alias in made]}


def _qualifications(gone: Organisation, kept: Organisation) -> list[int]:
    there = kept.qualification_rows.values_list("kind", flat=True)
    ids = _move(gone.qualification_rows.exclude(kind__in=[*there, *kept.qualifications]), kept)
    moved = OrganisationQualification.objects.filter(pk__in=ids).values_list("kind", flat=True)
    if ids:
        kept.qualifications = [*kept.qualifications, *moved]
        kept.save(update_fields=["qualifications"])
    return ids


def _join_requests(gone: Organisation, kept: Organisation) -> list[int]:
    """All but those of people who have already asked the one that stays."""
    asked = JoinRequest.objects.filter(organisation=kept, state=JoinState.OPEN).values("person_id")
    return _move(JoinRequest.objects.filter(organisation=gone).exclude(state=JoinState.OPEN, person_id__in=asked), kept)


def _posts(gone: Organisation, kept: Organisation) -> tuple[list[int], list[int]]:
    """A role that somebody held in both stays one; it goes on when it was held in either."""
    moved, reopened = [], []
    there = {(post.person_id, post.role): post for post in Post.objects.filter(organisation=kept)}
    for post in Post.objects.filter(organisation=gone).order_by("pk"):
        same = there.get((post.person_id, post.role))
        if same is None:
            moved.append(post.pk)
        elif same.ended_on is not None and post.ended_on is None:
            reopened.append(same.pk)
    Post.objects.filter(pk__in=moved).update(organisation=kept)
    Post.objects.filter(pk__in=reopened).update(ended_on=None)
    return moved, reopened


def _ask_anew(gone: Organisation, kept: Organisation) -> list[int]:
    """Nobody has checked the people of an unverified entry: they ask the one that stays to let them in."""
    asked = set(JoinRequest.objects.filter(organisation=kept, state=JoinState.OPEN).values_list("person_id", flat=True))
    inside = set(Post.objects.filter(organisation=kept, ended_on=None).values_list("person_id", flat=True))
    made = []
    for post in Post.objects.filter(organisation=gone, ended_on=None).order_by("pk"):
        if post.person_id in asked | inside or post.role not in roles_in(kept.kind):
            continue
        asked.add(post.person_id)
        request = JoinRequest.objects.create(
            code=codes.fresh(JoinRequest, "JR"), organisation=kept, person_id=post.person_id, role=post.role
        )
        made.append(request.pk)
    return made


def _credit_code(gone: Organisation, kept: Organisation) -> str:
    """The one that stays takes the code when it has none."""
    if kept.credit_code is not None or gone.credit_code is None:
        return ""
    code = gone.credit_code
    gone.credit_code = None
    gone.save(update_fields=["credit_code"])
    kept.credit_code = code
    kept.save(update_fields=["credit_code"])
    return code
