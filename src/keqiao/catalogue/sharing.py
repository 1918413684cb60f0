"""Commands: who made an achievement in which parts, and whose it is. An edit makes a new version, signed by each contributor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors
from keqiao.catalogue.models import (
    Achievement,
    AssignedFraction,
    ContributorShare,
    OwnershipFraction,
    ShareVersion,
    SignatureEvidence,
)
from keqiao.catalogue.policies import can_write_shares
from keqiao.catalogue.types import WHOLE_BP, AlreadyAnswered, Assigned, Choice, Part
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.types import Actor

MOST_CONTRIBUTORS = 500
LONGEST_REFUSAL = 1_000


@command
def propose_shares(
    *,
    actor: Actor,
    achievement_code: str,
    contributors: Sequence[Part],
    owners: Sequence[Part] = (),
    assigned: Sequence[Assigned] | None = None,
    based_on: int = 0,
) -> ShareVersion:
    """A new version, which every contributor is asked to sign. Without owners: those of the last version, else the owner alone.

    `assigned`: what owners assigned to completers; not said: as in the last version.
    `based_on`: the number of the version that the writer saw; somebody else's newer one is not overwritten unseen.
    """
    achievement = selectors.get_achievement(achievement_code, actor=actor)
    if not can_write_shares(actor, achievement):
        raise NotAllowed
    achievement = Achievement.objects.select_for_update(of=("self",), no_key=True).get(pk=achievement.pk)
    last = selectors.newest_shares(achievement.pk)
    if (last.number if last else 0) != based_on:
        raise AlreadyAnswered(
            _("别人刚刚提交了第 %(number)s 版，请先看过再改。") % {"number": last.number if last else 0}
        )
    owners = owners or _owners_of(achievement, last)
    _check(contributors, "contributors", _("贡献人"))
    _check(owners, "owners", _("权属单位"))
    assigned = _assigned_of(last) if assigned is None else assigned
    _check_people(achievement, contributors, owners)
    _check_assigned(achievement, assigned, owners)
    now = clock.now()
    number = (ShareVersion.objects.filter(achievement=achievement).aggregate(last=Max("number"))["last"] or 0) + 1
    version = ShareVersion.objects.create(
        achievement=achievement, number=number, made_at=now, made_by_id=actor.person_id
    )
    ContributorShare.objects.bulk_create(
        ContributorShare(
            version=version,
            person_id=part.id,
            position=place,
            share_bp=part.share_bp,
            is_main=part.is_main,
            is_head=part.is_head,
        )
        for place, part in enumerate(contributors, start=1)
    )
    OwnershipFraction.objects.bulk_create(
        OwnershipFraction(version=version, organisation_id=part.id, position=place, share_bp=part.share_bp)
        for place, part in enumerate(owners, start=1)
    )
    AssignedFraction.objects.bulk_create(
        AssignedFraction(
            version=version, person_id=each.person, organisation_id=each.organisation, position=place,
            share_bp=each.share_bp, choice=each.choice,
        )
        for place, each in enumerate(assigned, start=1)
    )  # fmt: skip
    record("catalogue.shares_proposed", version, actor=actor, achievement_id=achievement.pk, number=number)
    return version


@command
def sign_shares(*, actor: Actor, achievement_code: str, number: int) -> ContributorShare:
    """A contributor agrees to their part. With the last signature the version comes into force. Twice is once."""
    version, own = _own(actor, achievement_code, number)
    if own.signed_at is not None:
        return own
    if own.refused_at is not None:
        raise AlreadyAnswered
    _still_newest(version)
    _sign(actor, version, own, "catalogue.shares_signed")
    return own


@command
def sign_shares_for(*, actor: Actor, achievement_code: str, number: int, key: str, evidence: Any) -> ContributorShare:
    """An officer signs for a contributor who has no account, with the document that says they agree. Twice is once.

    `key`: who, as in the list to choose from.
    """
    achievement = selectors.get_achievement(achievement_code, actor=actor)
    if not can_write_shares(actor, achievement):
        raise NotAllowed
    Achievement.objects.select_for_update(of=("self",), no_key=True).get(pk=achievement.pk)
    version = ShareVersion.objects.filter(achievement=achievement, number=number).first()
    shares = list(version.contributors.all()) if version else []
    own = next((row for row in shares if selectors.contributor_key(achievement_code, row.person_id) == key), None)
    if version is None or own is None:
        raise NotFound
    if own.signed_at is not None:
        return own
    if not selectors.out_of_reach([own.person_id]):
        raise NotAllowed(_("这位贡献人有账号，请本人签署。"))
    _still_newest(version)
    file = people.keep_paper(actor=actor, upload=evidence, field="evidence")
    SignatureEvidence.objects.create(share=own, file=file, made_at=clock.now(), made_by_id=actor.person_id)
    _sign(actor, version, own, "catalogue.shares_signed_for")
    return own


def _sign(actor: Actor, version: ShareVersion, own: ContributorShare, event: str) -> None:
    own.signed_at = clock.now()
    own.save(update_fields=["signed_at"])
    record(event, version, actor=actor, number=version.number)
    if not version.contributors.filter(signed_at=None).exists():
        version.signed_at = own.signed_at
        version.save(update_fields=["signed_at"])
        record("catalogue.shares_in_force", version, actor=actor, achievement_id=version.achievement_id)


@command
def refuse_shares(*, actor: Actor, achievement_code: str, number: int, reason: str) -> ContributorShare:
    """A contributor does not agree: the version never comes into force; the officers write another."""
    version, own = _own(actor, achievement_code, number)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REFUSAL or "\0" in reason:
        words = {"most": LONGEST_REFUSAL}
        raise BadInput(_("请写理由，最多 %(most)s 个字，例如“实验部分由我完成，应为 30%%”。") % words, field="reason")
    if own.signed_at is not None or own.refused_at is not None:
        raise AlreadyAnswered
    _still_newest(version)
    own.refused_at, own.refusal = clock.now(), reason
    own.save(update_fields=["refused_at", "refusal"])
    record("catalogue.shares_refused", version, actor=actor, number=version.number)
    return own


def _own(actor: Actor, achievement_code: str, number: int) -> tuple[ShareVersion, ContributorShare]:
    """The version and the actor's own line in it; for others it is not there. An edit and a signature wait for each other."""
    if actor.person_id is None:
        raise NotFound
    rows = ContributorShare.objects.filter(
        person_id__in=selectors.selves(actor.person_id),
        version__achievement__code=achievement_code,
        version__number=number,
    )
    achievement_id = rows.values_list("version__achievement_id", flat=True).first()
    if achievement_id is None:
        raise NotFound
    Achievement.objects.select_for_update(of=("self",), no_key=True).get(pk=achievement_id)
    found = rows.select_related("version").order_by("signed_at", "id")[0]
    return found.version, found


def _still_newest(version: ShareVersion) -> None:
    last = selectors.newest_shares(version.achievement_id)
    if last is not None and last.pk != version.pk:
        raise AlreadyAnswered(_("已有更新的第 %(number)s 版，请看那一版。") % {"number": last.number})


def _owners_of(achievement: Achievement, last: ShareVersion | None) -> list[Part]:
    if last is None:
        return [Part(achievement.owner_id, WHOLE_BP)]
    return [Part(row.organisation_id, row.share_bp) for row in last.owners.all()]


def _assigned_of(last: ShareVersion | None) -> list[Assigned]:
    rows = last.assigned.all() if last else ()
    return [Assigned(row.person_id, row.organisation_id, row.share_bp, row.choice) for row in rows]


def _check_assigned(achievement: Achievement, assigned: Sequence[Assigned], owners: Sequence[Part]) -> None:
    """Completers only, each once, and no owner assigns more than it has."""
    if len({each.person for each in assigned}) != len(assigned):
        raise BadInput(_("同一位完成人的所有权份额写了两次。"), field="assigned")
    known = selectors.possible_contributors(achievement, [part.id for part in owners]) if assigned else set()
    left = {part.id: part.share_bp for part in owners}
    for place, each in enumerate(assigned, start=1):
        words = {"place": place}
        if each.person not in known or each.choice not in Choice.values:
            raise BadInput(_("第 %(place)s 行：请选择被赋权的完成人和收益方式。") % words, field="assigned")
        left[each.organisation] = left.get(each.organisation, 0) - each.share_bp
        if each.share_bp < 1 or left[each.organisation] < 0:
            raise BadInput(
                _("第 %(place)s 行：赋予的所有权份额不能超过赋权单位的权属份额，例如 70。") % words, field="assigned"
            )


def _check(parts: Sequence[Part], field: str, what: str) -> None:
    if not 1 <= len(parts) <= MOST_CONTRIBUTORS:
        words = {"what": what, "most": MOST_CONTRIBUTORS}
        raise BadInput(_("%(what)s应有 1 到 %(most)s 位。") % words, field=field)
    twice = [pk for pk, count in Counter(part.id for part in parts).items() if count > 1]
    if twice:
        place = 1 + max(place for place, part in enumerate(parts) if part.id == twice[0])
        raise BadInput(_("第 %(place)s 行：%(what)s重复。") % {"place": place, "what": what}, field=field)
    for place, part in enumerate(parts, start=1):
        if not 1 <= part.share_bp <= WHOLE_BP:
            words = {"place": place}
            raise BadInput(_("第 %(place)s 行：比例应在 0.01%% 与 100%% 之间，例如 33.34。") % words, field=field)
    total = sum(part.share_bp for part in parts)
    if total != WHOLE_BP:
        words = {"what": what, "total": f"{total / 100:.2f}"}
        raise BadInput(_("%(what)s的比例合计 %(total)s%%，应正好是 100%%，例如 50、30、20。") % words, field=field)


def _check_people(achievement: Achievement, contributors: Iterable[Part], owners: Sequence[Part]) -> None:
    """Contributors are of the team, or work or worked for an owner: nobody learns here who else is on the platform."""
    known = selectors.possible_contributors(achievement, [part.id for part in owners])
    strangers = [place for place, part in enumerate(contributors, start=1) if part.id not in known]
    if strangers:
        words = {"place": strangers[0]}
        raise BadInput(
            _("第 %(place)s 行：贡献人应在成果团队中，或在权属单位任职（含已离职）。") % words, field="contributors"
        )
    ids = {part.id for part in owners}
    if len(parties.codes_by_id(ids)) != len(ids):
        raise BadInput(_("没有这个权属单位。请写平台上的单位编号，例如 DW-7K2M9QX4。"), field="owners")
