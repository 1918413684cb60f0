"""What may be seen of joinings. Both sides see theirs; everybody else sees how many share an item, and who shows their name."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import translation

from keqiao.catalogue import selectors as catalogue
from keqiao.engagement.types import Face
from keqiao.joining.models import Joining
from keqiao.joining.types import OPEN, JoinState, Shared
from keqiao.kernel.errors import NotFound
from keqiao.kernel.pages import counted
from keqiao.kernel.picking import is_any_of
from keqiao.parties.types import Actor

NAMED_AT_MOST = 20
COUNTED_AT_MOST = 1_000


def _owned(actor: Actor) -> Q:
    """Asked for each kind by itself: with OR over two tables the database would join every row of both."""
    return Q(is_any_of(_ids_of_owned(actor)))


def _ids_of_owned(actor: Actor) -> QuerySet[Joining, Any]:
    homes = actor.organisation_ids
    of_needs = Joining.objects.filter(need__publisher_id__in=homes).values("pk")
    return of_needs.union(Joining.objects.filter(achievement__owner_id__in=homes).values("pk"), all=True)


def joinings_visible_to(actor: Actor) -> QuerySet[Joining]:
    """Those of the actor's organisation, and those that ask for its items."""
    if actor.person_id is None:
        return Joining.objects.none()
    asked = Joining.objects.filter(organisation_id__in=actor.organisation_ids).values("pk")
    rows = Joining.objects.filter(is_any_of(_ids_of_owned(actor).union(asked)))
    return _shown(rows)


def _shown(rows: QuerySet[Joining]) -> QuerySet[Joining]:
    rows = rows.select_related("need__publisher", "achievement__owner", "organisation")
    return rows.prefetch_related("need__texts", "achievement__texts").order_by("-asked_at", "-id")


def asked_of(actor: Actor) -> QuerySet[Joining]:
    """What others ask of the actor's organisation, what waits for an answer first."""
    rows = _shown(Joining.objects.filter(_owned(actor))).exclude(state=JoinState.LEFT)
    return rows.order_by(F("decided_at").desc(nulls_first=True), "-asked_at", "-id")


def asked_by(actor: Actor) -> QuerySet[Joining]:
    return _shown(Joining.objects.filter(organisation_id__in=actor.organisation_ids))


def waiting_count(actor: Actor) -> int:
    return counted(asked_of(actor).filter(state=JoinState.ASKED)) if actor.organisation_ids else 0


def get_joining(code: str, *, actor: Actor, lock: bool = False) -> Joining:
    rows = joinings_visible_to(actor).filter(code=code)
    found = (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def own_joining(item: Any, *, actor: Actor) -> Joining | None:
    """The open one of the actor's organisation on an item."""
    if not actor.organisation_ids:
        return None
    rows = Joining.objects.filter(**_about(item), organisation_id__in=actor.organisation_ids, state__in=OPEN)
    return rows.first()


def shared_by(item: Any) -> Shared:
    """For everybody: how many others share it, and those among them that show their name."""
    rows = Joining.objects.filter(**_about(item), state=JoinState.ACCEPTED).order_by("decided_at", "pk")
    columns = ("shows_name", "organisation__code", "organisation__name_zh", "organisation__name_en")
    found = list(rows.values_list(*columns)[:COUNTED_AT_MOST])
    named = [(code, zh, en) for shows_name, code, zh, en in found if shows_name]
    return Shared(len(found), tuple(named[:NAMED_AT_MOST]))


def face_of(joining: Joining, *, actor: Actor) -> Face:
    """Who asks, as this actor may know them: without their name, by what kind of organisation it is."""
    organisation = joining.organisation
    if joining.shows_name or actor.works_for(joining.organisation_id):
        return Face(organisation.name_zh, organisation.name_en, organisation.code)
    with translation.override("zh-hans"):
        zh = str(organisation.get_kind_display())
    with translation.override("en"):
        en = str(organisation.get_kind_display())
    return Face(f"某{zh}（不公开名称）", f"{en} (not named)", is_masked=True)


def get_item(kind: str, code: str, *, actor: Actor) -> Any:
    """A public one; what is only the actor's own is no more public than others'."""
    read: Any = catalogue.get_need if kind == "need" else catalogue.get_achievement
    item = read(code, actor=actor)
    if item.state != "published":
        raise NotFound
    return item


def _about(item: Any) -> dict[str, Any]:
    return {"need" if hasattr(item, "publisher_id") else "achievement": item}
