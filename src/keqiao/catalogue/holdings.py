"""The catalogue's part of what the platform holds about a person: the teams they are named in, and words about them."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Model, Q, QuerySet

from keqiao.accounts import selectors as accounts
from keqiao.catalogue.models import (
    Achievement,
    AchievementIndicator,
    AchievementText,
    Attachment,
    ContributorShare,
    NamedContributor,
    Need,
    NeedIndicator,
    NeedText,
    TeamMember,
)
from keqiao.kernel import clock, personal
from keqiao.kernel.events import record
from keqiao.kernel.personal import BLANK, ERASED_EN, ERASED_ZH, Identity
from keqiao.kernel.scrubbing import scrub
from keqiao.parties import selectors as parties

# Table → where its item's organisation stands.
OF_ACHIEVEMENTS: list[tuple[type[Model], str]] = [
    (AchievementText, "achievement__"),
    (AchievementIndicator, "achievement__"),
    (TeamMember, "achievement__"),
    (Attachment, "achievement__"),
    (Achievement, ""),
]
OF_NEEDS: list[tuple[type[Model], str]] = [
    (NeedText, "need__"),
    (NeedIndicator, "need__"),
    (Attachment, "need__"),
    (Need, ""),
]


def export(person_id: int) -> dict[str, Any]:
    rows = TeamMember.objects.filter(person_id=person_id).select_related("achievement").order_by("pk")
    named = (
        NamedContributor.objects.filter(joined_as_id=person_id).select_related("achievement", "person").order_by("pk")
    )
    shares = ContributorShare.objects.filter(person_id=person_id).select_related("version__achievement").order_by("pk")
    return {
        "shares": [
            {
                "achievement": row.version.achievement.code,
                "share_bp": row.share_bp,
                "signed_at": row.signed_at and row.signed_at.isoformat(),
                "refused_at": row.refused_at and row.refused_at.isoformat(),
                "refusal": row.refusal,
            }
            for row in shares
        ],
        "named_as": [
            {"achievement": row.achievement.code, "name": str(row.person), "joined_at": row.joined_at.isoformat()}
            for row in named
            if row.joined_at
        ],
        "teams": [
            {
                "achievement": row.achievement.code,
                "name_zh": row.name_zh,
                "name_en": row.name_en,
                "title_zh": row.title_zh,
                "title_en": row.title_en,
                "role_zh": row.role_zh,
                "role_en": row.role_en,
            }
            for row in rows
        ],
    }


def erase(person_id: int) -> None:
    """Addresses go from every item; the name goes where the person worked, since elsewhere it may be another's."""
    for named in NamedContributor.objects.filter(Q(joined_as_id=person_id) | Q(person_id=person_id)):
        named.email = ""
        named.save(update_fields=["email"])
        if named.person_id != person_id:  # who they were named as before they joined
            personal.erase(named.person_id)
    ContributorShare.objects.filter(person_id=person_id).exclude(refusal="").update(refusal=BLANK)
    identity = accounts.identity_of(person_id)
    changed: dict[type[Model], set[int]] = {Achievement: set(), Need: set()}
    for member in TeamMember.objects.filter(person_id=person_id):
        member.person_id, member.name_zh, member.name_en = None, ERASED_ZH, ERASED_EN
        member.title_zh = member.title_en = member.role_zh = member.role_en = ""
        member.save()
        changed[Achievement].add(member.achievement_id)
    own = parties.organisations_of_person(person_id)
    for item, tables, owner in ((Achievement, OF_ACHIEVEMENTS, "owner"), (Need, OF_NEEDS, "publisher")):
        for table, path in tables:
            rows: QuerySet[Any, Any] = table._base_manager.all()  # noqa: SLF001 -- any of our tables
            everywhere = scrub(rows.filter(**_has(path)), Identity((), identity.addresses))
            at_home = scrub(rows.filter(**{f"{path}{owner}_id__in": own}), identity)
            name = f"{path.removesuffix('__')}_id" if path else "pk"
            changed[item] |= {getattr(row, name) for row in (*everywhere, *at_home)}
    for table, ids in changed.items():
        _tell_index(table, ids)


def _has(path: str) -> dict[str, Any]:
    return {f"{path.removesuffix('__')}__isnull": False} if path else {}


def _tell_index(item: type[Any], ids: set[int]) -> None:
    """A new revision, so that the search index takes the new text in the place of the old one."""
    item.objects.filter(pk__in=ids).update(revision=F("revision") + 1, updated_at=clock.now())
    names = {Achievement: "catalogue.achievement_rewritten", Need: "catalogue.need_rewritten"}
    for row in item.objects.filter(pk__in=ids).order_by("pk"):
        record(names[item], row, actor=parties.system())
