"""What may be seen of the catalogue. A hidden thing looks like a missing one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from keqiao.catalogue.models import (
    Achievement,
    AchievementText,
    Attachment,
    Code,
    ContributorShare,
    IPAsset,
    NamedContributor,
    Need,
    NeedText,
    OwnershipFraction,
    PrivateBudget,
    ShareVersion,
    TeamMember,
    TrueLink,
)
from keqiao.catalogue.types import AttachmentLevel, BudgetShown, ItemState, Shown
from keqiao.kernel.errors import NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

if TYPE_CHECKING:
    from keqiao.parties.models import Organisation

T = TypeVar("T", Achievement, Need)
PRICE = ("price_kind", "price_low", "price_high", "currency")
PUBLIC_STATES = (ItemState.PUBLISHED, ItemState.CLOSED)


def achievements_visible_to(actor: Actor) -> QuerySet[Achievement]:
    """Public ones, and those of the actor's own organisations in any state."""
    if actor.is_operator:
        return Achievement.objects.all()
    return Achievement.objects.filter(Q(state__in=PUBLIC_STATES) | Q(owner_id__in=actor.organisation_ids))


def needs_visible_to(actor: Actor) -> QuerySet[Need]:
    if actor.is_operator:
        return Need.objects.all()
    return Need.objects.filter(Q(state__in=PUBLIC_STATES) | Q(publisher_id__in=actor.organisation_ids))


def get_achievement(code: str, *, actor: Actor, lock: bool = False) -> Achievement:
    """The achievement with all that its page shows, or NotFound: the same answer for missing and for hidden."""
    achievements = achievements_visible_to(actor).select_related("owner")
    if lock:
        achievements = achievements.select_for_update(of=("self",), no_key=True)
    else:
        achievements = achievements.prefetch_related("texts", "indicators", "team", "assets")
    try:
        return achievements.get(code=code)
    except Achievement.DoesNotExist:
        raise NotFound from None


def get_need(code: str, *, actor: Actor, lock: bool = False) -> Need:
    needs = needs_visible_to(actor).select_related("publisher")
    if lock:
        needs = needs.select_for_update(of=("self",), no_key=True)
    else:
        needs = needs.prefetch_related("texts", "indicators")
    try:
        return needs.get(code=code)
    except Need.DoesNotExist:
        raise NotFound from None


def publisher_seen_by(actor: Actor, need: Need, *, is_matched: bool = False) -> Organisation | None:
    """The need's publisher as this actor may know it; None means anonymous.

    `is_matched`: one of the actor's organisations owns an achievement that matches the need (matching knows).
    The publisher of a need must be read through this function only.
    """
    if need.publisher_shown == Shown.SHOWN or actor.is_operator or actor.works_for(need.publisher_id):
        return need.publisher
    if need.publisher_shown == Shown.MATCHED and is_matched:
        return need.publisher
    return None


def private_budgets(
    needs: Iterable[Need], *, actor: Actor, told: Callable[[list[int]], set[int]] = lambda _ids: set()
) -> dict[int, PrivateBudget]:
    """Budgets that are not for everybody and that this actor may see, by their need's id.

    `told` picks, of needs that show theirs to teams they match or talk with, those of the actor (layers above know).
    It is asked of every need alike, so that time and queries say nothing of who keeps a budget.
    """
    ids = [need.pk for need in needs]
    if not ids or not actor.is_known:
        return {}
    rows = PrivateBudget.objects.filter(need_id__in=ids)
    if not actor.is_operator:
        own = Q(need__publisher_id__in=actor.organisation_ids)
        rows = rows.filter(own | Q(shown=BudgetShown.MATCHED, need_id__in=told(ids)))
    return {row.need_id: row for row in rows}


def whole_price(need: Need) -> dict[str, Any]:
    """The need's price fields with who sees them, whoever that is: for its own people and those who review it."""
    kept = PrivateBudget.objects.filter(need_id=need.pk).first()
    shown = kept.shown if kept else BudgetShown.SHOWN
    return {"budget_shown": shown, **{name: getattr(kept or need, name) for name in PRICE}}


def achievements_by_code(codes: Sequence[str], *, actor: Actor) -> list[Achievement]:
    """The visible ones among `codes`, in the order of `codes`, ready for a list."""
    found = (
        achievements_visible_to(actor)
        .filter(code__in=codes)
        .select_related("owner")
        .prefetch_related("texts", "indicators", "assets")
    )
    return _in_order(codes, found)


def needs_by_code(codes: Sequence[str], *, actor: Actor) -> list[Need]:
    found = (
        needs_visible_to(actor)
        .filter(code__in=codes)
        .select_related("publisher")
        .prefetch_related("texts", "indicators")
    )
    return _in_order(codes, found)


def items_to_list(kind: str, codes: Sequence[str], *, actor: Actor) -> list[Any]:
    """The same with no more than a line of a list shows: no figures, and of the texts what stands there."""
    if kind == "achievement":
        texts = AchievementText.objects.defer("problem", "how", "stage", "incumbent", "advantage")
        achievements = achievements_visible_to(actor).filter(code__in=codes).select_related("owner")
        return _in_order(
            codes,
            achievements.prefetch_related(Prefetch("texts", texts), Prefetch("assets", IPAsset.objects.only("pk"))),
        )
    needs = needs_visible_to(actor).filter(code__in=codes).select_related("publisher")
    problems = NeedText.objects.defer("background", "tried", "wanted", "offers")
    return _in_order(codes, needs.prefetch_related(Prefetch("texts", problems)))


def _in_order(codes: Sequence[str], found: Iterable[T]) -> list[T]:
    by_code = {item.code: item for item in found}
    return [by_code[code] for code in codes if code in by_code]


def needs_of_organisation(organisation_id: int, *, actor: Actor) -> QuerySet[Need]:
    """The needs that show this organisation as their publisher to this actor: anonymous ones are not among them."""
    needs = needs_visible_to(actor).filter(publisher_id=organisation_id)
    if not (actor.is_operator or actor.works_for(organisation_id)):
        needs = needs.filter(publisher_shown=Shown.SHOWN)
    return needs.order_by("-published_at", "-id").prefetch_related("texts")


def achievements_of_organisation(organisation_id: int, *, actor: Actor) -> QuerySet[Achievement]:
    return (
        achievements_visible_to(actor)
        .filter(owner_id=organisation_id)
        .order_by("-published_at", "-id")
        .prefetch_related("texts")
    )


def assets_of_organisation(organisation_id: int) -> QuerySet[IPAsset]:
    """Registered and published rights; pending and secret ones are not listed."""
    return granted_assets().filter(owner_id=organisation_id).order_by("-filed_on", "-id")


def newest_achievements(actor: Actor) -> QuerySet[Achievement]:
    return (
        achievements_visible_to(actor)
        .filter(state=ItemState.PUBLISHED)
        .order_by("-published_at", "-id")
        .select_related("owner")
        .prefetch_related("texts")
    )


def newest_needs(actor: Actor) -> QuerySet[Need]:
    return (
        needs_visible_to(actor)
        .filter(state=ItemState.PUBLISHED)
        .order_by("-published_at", "-id")
        .select_related("publisher")
        .prefetch_related("texts")
    )


def open_counts_by_field() -> dict[str, tuple[int, int]]:
    """Field → (needs, achievements), both in state published."""
    needs = dict(Need.objects.filter(state=ItemState.PUBLISHED).values_list("field").annotate(n=Count("id")).order_by())
    achievements = dict(
        Achievement.objects.filter(state=ItemState.PUBLISHED).values_list("field").annotate(n=Count("id")).order_by()
    )
    return {field: (needs.get(field, 0), achievements.get(field, 0)) for field in needs.keys() | achievements.keys()}


def codes_of(scheme: str, wanted: Iterable[str]) -> dict[str, Code]:
    """Code → entry of the newest edition of a scheme."""
    kept, asked = _remembered.get(), set(wanted)
    if kept is None:
        return _codes(scheme, asked)
    known = kept.setdefault(scheme, {})
    if unknown := asked - known.keys():
        known.update(dict.fromkeys(unknown) | _codes(scheme, unknown))
    return {code: entry for code in asked if (entry := known[code]) is not None}


def _codes(scheme: str, wanted: set[str]) -> dict[str, Code]:
    return {entry.code: entry for entry in Code.objects.filter(scheme=scheme, code__in=wanted).order_by("edition")}


_remembered: ContextVar[dict[str, dict[str, Code | None]] | None] = ContextVar("remembered_codes", default=None)


@contextmanager
def remembering_codes() -> Iterator[None]:
    """For a run over many rows: an entry is looked up once. Code tables do not change under a run."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def table(scheme: str) -> list[Code]:
    """A whole small table (fields, regions): not for IPC."""
    return list(Code.objects.filter(scheme=scheme))


def codes_under(scheme: str, parent: str | None = None) -> QuerySet[Code]:
    """Entries of a scheme in its own order, all of them or those directly below one."""
    rows = Code.objects.filter(scheme=scheme)
    return rows if parent is None else rows.filter(parent=parent)


def granted_assets() -> QuerySet[IPAsset]:
    """Rights in force: granted or registered."""
    return IPAsset.objects.filter(status__in=["granted", "registered"])


def assets_owned_by(organisation_id: int) -> QuerySet[IPAsset]:
    """All rights of an organisation, pending and secret ones too: for its own people only."""
    return IPAsset.objects.filter(owner_id=organisation_id).order_by("kind", "number", "pk")


def count_with_granted_assets() -> int:
    """Published achievements with a right in force."""
    return (
        Achievement.objects.filter(state=ItemState.PUBLISHED)
        .filter(Exists(granted_assets().filter(achievements=OuterRef("pk"))))
        .count()
    )


def revisions(kind: str, codes: Sequence[str]) -> dict[str, int]:
    """Code → revision of those that are published."""
    model = Achievement if kind == "achievement" else Need
    rows = model.objects.filter(code__in=codes, state=ItemState.PUBLISHED)
    return dict(rows.values_list("code", "revision"))


def items_to_index(kind: str, ids: Sequence[int] | None = None) -> QuerySet[Any]:
    """Items with what the index holds of them, in any state; all of a kind, or those of the ids. For matching's jobs."""
    if kind == "achievement":
        granted = Exists(granted_assets().filter(achievements=OuterRef("pk")))
        rows: QuerySet[Any] = Achievement.objects.annotate(granted=granted)
    else:
        rows = Need.objects.all()
    rows = rows.order_by("pk").prefetch_related("texts")
    return rows if ids is None else rows.filter(pk__in=ids)


def item_revisions(kind: str) -> QuerySet[Any]:
    """Id, code, revision and state of every item, in any state. For matching's jobs."""
    model = Achievement if kind == "achievement" else Need
    return model.objects.order_by("pk").values_list("pk", "code", "revision", "state")


def published_ids(kind: str) -> QuerySet[Any]:
    model = Achievement if kind == "achievement" else Need
    return model.objects.filter(state=ItemState.PUBLISHED).order_by("pk")


def items_to_compare(kind: str, codes: Sequence[str]) -> QuerySet[Any]:
    """Published items with what matching reads of them, in no order."""
    return published_ids(kind).order_by().filter(code__in=codes).prefetch_related("texts", "indicators")


def item_by_id(kind: str, item_id: int) -> Any:
    """A published item with its texts and indicators, or None. For matching's jobs."""
    return published_ids(kind).filter(pk=item_id).prefetch_related("texts", "indicators").first()


def ids_by_code(kind: str, codes: Sequence[str]) -> dict[str, int]:
    return dict(published_ids(kind).filter(code__in=codes).values_list("code", "pk"))


def hold_published(kind: str, *, codes: Sequence[str] = (), ids: Sequence[int] = ()) -> list[tuple[int, str, int]]:
    """Id, code and revision of those that are published. They stay so until the transaction ends: who withdraws or
    rewrites one waits, and the jobs of that change find what the transaction wrote.
    """
    table = (Achievement if kind == "achievement" else Need)._meta.db_table  # noqa: SLF001 -- Django's documented model API
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, code, revision FROM {table} WHERE (code = ANY(%s) OR id = ANY(%s)) AND state = %s "  # noqa: S608 -- one of two names
            "ORDER BY id FOR SHARE",
            [list(codes), list(ids), ItemState.PUBLISHED],
        )
        return list(cursor.fetchall())


def own_needs(actor: Actor) -> QuerySet[Need]:
    rows = Need.objects.filter(publisher_id__in=actor.organisation_ids).order_by("-updated_at", "-id")
    return rows.prefetch_related("texts")


def own_achievements(actor: Actor) -> QuerySet[Achievement]:
    rows = Achievement.objects.filter(owner_id__in=actor.organisation_ids).order_by("-updated_at", "-id")
    return rows.prefetch_related("texts")


def counts_of_organisation(organisation_id: int, *, actor: Actor) -> dict[str, int]:
    """How many needs, achievements and rights the organisation's page may show to this actor."""
    return {
        "needs": needs_of_organisation(organisation_id, actor=actor).count(),
        "achievements": achievements_of_organisation(organisation_id, actor=actor).count(),
        "assets": assets_of_organisation(organisation_id).count(),
    }


def attachments_of(item: Achievement | Need, *, actor: Actor) -> QuerySet[Attachment]:
    """The files of a visible item that this actor may open. Under NDA: the owner's people only, until NDAs exist."""
    here = {"achievement": item} if isinstance(item, Achievement) else {"need": item}
    owner_id = item.owner_id if isinstance(item, Achievement) else item.publisher_id
    rows = Attachment.objects.filter(**here).select_related("file")
    if actor.works_for(owner_id):
        return rows
    levels = [AttachmentLevel.PUBLIC, *([AttachmentLevel.SIGNED_IN] if actor.is_known else [])]
    return rows.filter(level__in=levels)


def get_attachment(item: Achievement | Need, attachment_id: int, *, actor: Actor) -> Attachment:
    found = attachments_of(item, actor=actor).filter(pk=attachment_id).first()
    if found is None:
        raise NotFound
    return found


def expired_on(kind: str, day: date) -> QuerySet[Any]:
    """Published items whose last day was before `day`, oldest first. For the nightly job."""
    return published_ids(kind).filter(expires_on__lt=day).order_by("expires_on", "pk")


def expiring_between(kind: str, first: date, last: date) -> QuerySet[Any]:
    """Published items whose last day lies between two days, both included. For the reminders."""
    return published_ids(kind).filter(expires_on__range=(first, last)).order_by("expires_on", "pk")


def achievements_with_member(
    owner_ids: Iterable[int], names: Iterable[str], *, person_id: int
) -> QuerySet[Achievement]:
    """Public ones of these organisations whose team names somebody so, and those that name this very person."""
    wanted = [name for name in names if name]
    member = TeamMember.objects.filter(achievement=OuterRef("pk"))
    here = Q(owner_id__in=list(owner_ids)) & Q(Exists(member.filter(Q(name_zh__in=wanted) | Q(name_en__in=wanted))))
    rows = Achievement.objects.filter(state__in=PUBLIC_STATES)
    return rows.filter(here | Q(Exists(member.filter(person_id=person_id)))).order_by("-published_at", "-id")


def stated_links(publisher_ids: Iterable[int], achievement_ids: Iterable[int]) -> set[tuple[int, int]]:
    """(publisher, achievement) where the source itself says that a need of the one led to the other: an award, a contract."""
    rows = TrueLink.objects.filter(need__publisher_id__in=list(publisher_ids), achievement_id__in=list(achievement_ids))
    return set(rows.values_list("need__publisher_id", "achievement_id"))


def public_achievements(ids: Iterable[int]) -> QuerySet[Achievement]:
    """With their texts and teams."""
    rows = Achievement.objects.filter(pk__in=list(ids), state__in=PUBLIC_STATES)
    return rows.select_related("owner").prefetch_related("texts", "team")


def team_people(achievement_ids: Iterable[int]) -> set[tuple[int, int]]:
    """(achievement, person) of the members that are known as people here."""
    rows = TeamMember.objects.filter(achievement_id__in=list(achievement_ids), person__isnull=False)
    return set(rows.values_list("achievement_id", "person_id"))


def proofs_older_than(moment: datetime, kind: str) -> QuerySet[Attachment]:
    """Files that prove an indicator or the maturity of the outer query's item, and were stored before. For jobs."""
    return Attachment.objects.filter(file__stored_at__lt=moment, **{kind: OuterRef("pk")}).exclude(proves="")


# --- shares and fractions ----------------------------------------------------------------------------------------------

SHARE_ROLES = frozenset({Role.CONVERSION_OFFICER, Role.FINANCE_OFFICER, Role.AUDITOR})  # in an owner's organisation


def share_versions_visible_to(actor: Actor) -> QuerySet[ShareVersion]:
    """Whole versions: for the officers of the organisations that own the achievement. A contributor has `own_shares`."""
    rows = ShareVersion.objects.select_related("achievement").order_by("-achievement_id", "-number")
    if actor.is_system:
        return rows
    homes = parties.merged_into({place for place, role in actor.posts if role in SHARE_ROLES})
    fraction = OwnershipFraction.objects.filter(version=OuterRef("pk"), organisation_id__in=homes)
    return rows.filter(Q(achievement__owner_id__in=homes) | Q(Exists(fraction))) if homes else rows.none()


def own_shares(actor: Actor) -> QuerySet[ContributorShare]:
    """The actor's own lines in versions of any achievement, newest first."""
    rows = ContributorShare.objects.select_related("version__achievement").order_by("-version_id")
    return rows.filter(person_id__in=selves(actor.person_id)) if actor.person_id is not None else rows.none()


# --- contributors who have no account ---


def selves(person_id: int) -> list[int]:
    """The person, and whom they were named as before they joined."""
    return [person_id, *NamedContributor.objects.filter(joined_as_id=person_id).values_list("person_id", flat=True)]


def reached_as(ids: Iterable[int]) -> set[int]:
    """Whom to tell: somebody who was named and has joined is told as themselves."""
    ids = set(ids)
    joined = dict(
        NamedContributor.objects.filter(person_id__in=ids, joined_as__isnull=False).values_list(
            "person_id", "joined_as_id"
        )
    )
    return {joined.get(pk, pk) for pk in ids}


def out_of_reach(ids: Iterable[int]) -> set[int]:
    """Who has no account, nor has joined with one: an officer answers for them, with a document."""
    found = parties.without_account(ids)
    rows = NamedContributor.objects.filter(person_id__in=found, joined_as__isnull=False)
    return found - set(rows.values_list("person_id", flat=True))


def named_contributors(achievement: Achievement) -> QuerySet[NamedContributor]:
    return NamedContributor.objects.filter(achievement=achievement).select_related("person").order_by("id")


def get_naming(code: str, token: str, *, actor: Actor, lock: bool = False) -> NamedContributor:
    """What the holder of a link may join as. With an e-mail address, only whose it is; to others it looks like none."""
    if actor.person_id is None or not constant_time_compare(joining_token(code), token):
        raise NotFound
    rows = NamedContributor.objects.select_related("person", "achievement").filter(code=code)
    rows = rows.filter(Q(email="") | Q(email__iexact=parties.email_of(actor.person_id)))
    found = rows.select_for_update(of=("self",), no_key=True).first() if lock else rows.first()
    if found is None or found.joined_as_id not in {None, actor.person_id}:
        raise NotFound
    return found


def get_signature_evidence(code: str, number: int, key: str, *, actor: Actor) -> Any:
    """The stored file, for who sees the whole version."""
    version = share_versions_visible_to(actor).filter(achievement__code=code, number=number).first()
    for row in version.contributors.select_related("evidence__file") if version else ():
        if contributor_key(code, row.person_id) == key and hasattr(row, "evidence"):
            return row.evidence.file
    raise NotFound


def naming_to_mail(naming_id: int) -> NamedContributor | None:
    rows = NamedContributor.objects.exclude(email="")
    return rows.filter(pk=naming_id, joined_as=None, mailed_at=None).first()


def joining_token(code: str) -> str:
    """Made from the code and the site's secret, so that no table holds it."""
    return salted_hmac("keqiao.catalogue.naming", code, algorithm="sha256").hexdigest()


def joining_path(row: NamedContributor) -> str:
    return f"/contributors/join?c={row.code}&t={joining_token(row.code)}"


def shares_of(achievement_ids: Iterable[int]) -> dict[int, ShareVersion]:
    """Achievement → the newest version in force, with its lines. For commands that have asked who may."""
    rows = ShareVersion.objects.filter(achievement_id__in=list(achievement_ids), signed_at__isnull=False)
    rows = rows.prefetch_related("contributors__person", "owners__organisation", "assigned").order_by(
        "achievement_id", "number"
    )
    return {row.achievement_id: row for row in rows}


def newest_shares(achievement_id: int) -> ShareVersion | None:
    """The last version that was proposed, signed or not."""
    rows = ShareVersion.objects.filter(achievement_id=achievement_id).order_by("-number")
    return rows.prefetch_related("owners", "assigned").first()


def owner_ids(achievement_id: int) -> set[int]:
    """Who owns a part of it by any version: for commands that ask whether somebody works for an owner."""
    rows = OwnershipFraction.objects.filter(version__achievement_id=achievement_id)
    return set(rows.values_list("organisation_id", flat=True))


def hold_shares(achievement_ids: Iterable[int]) -> None:
    """Until the end of the transaction nobody proposes or signs shares of these."""
    rows = Achievement.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=list(achievement_ids))
    list(rows.order_by("pk").values_list("pk"))


def possible_contributors(achievement: Achievement, owner_ids: Iterable[int]) -> set[int]:
    """People of the team, and those who work or ever worked for the owners."""
    team = {person_id for _achievement, person_id in team_people([achievement.pk])}
    homes = parties.merged_into({achievement.owner_id, *owner_ids})
    named = set(NamedContributor.objects.filter(achievement=achievement).values_list("person_id", flat=True))
    return team | named | {person_id for person_id, _organisation in parties.people_of(homes, since=date.min)}


def proposes_shares(actor: Actor, code: str) -> bool:
    """May the actor propose shares of this result? False, too, when there is none."""
    homes = [place for place, role in actor.posts if role == Role.CONVERSION_OFFICER]
    return Achievement.objects.filter(code=code, owner_id__in=homes).exists()


def newest_version(code: str) -> ShareVersion | None:
    """The last version that was proposed, with its lines. For who may propose the next."""
    rows = ShareVersion.objects.filter(achievement__code=code).order_by("-number")
    return rows.prefetch_related("contributors__person", "owners__organisation", "assigned__person").first()


def newest_number(code: str) -> int:
    """Of the last version that was proposed; 0 before the first."""
    rows = ShareVersion.objects.filter(achievement__code=code).order_by("-number")
    return rows.values_list("number", flat=True).first() or 0


def contributors_to_choose(actor: Actor, code: str) -> dict[str, Any]:
    """Key → whom an officer may name as a contributor, the team first. Keys stay when people come and go."""
    if not proposes_shares(actor, code):
        raise NotFound
    achievement = get_achievement(code, actor=actor)
    last = newest_shares(achievement.pk)
    ids = possible_contributors(achievement, [row.organisation_id for row in last.owners.all()] if last else [])
    team = {person_id for _achievement, person_id in team_people([achievement.pk])}
    team |= set(named_contributors(achievement).values_list("person_id", flat=True))
    people = sorted(parties.people_by_id(ids).items(), key=lambda row: (row[0] not in team, row[0]))
    return {contributor_key(code, pk): person for pk, person in people}


def contributor_key(code: str, person_id: int) -> str:
    """Names a person for the shares of one achievement: ids do not leave the house."""
    return salted_hmac("keqiao.catalogue.contributor", f"{code}:{person_id}", algorithm="sha256").hexdigest()[:16]
