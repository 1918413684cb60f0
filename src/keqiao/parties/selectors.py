"""Who is who. The actor of a request is worked out here, once."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from keqiao.kernel.errors import NotFound
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.types import Actor

_SYSTEM = Actor(is_system=True, name="system")
_VISITOR = Actor(name="visitor")


def system() -> Actor:
    """The actor of a job that acts for nobody."""
    return _SYSTEM


def visitor() -> Actor:
    """Somebody who has not signed in."""
    return _VISITOR


def actor_for(user: Any) -> Actor:
    """The actor behind a signed-in account; a visitor when there is none."""
    if not getattr(user, "is_authenticated", False):
        return _VISITOR
    person = Person.objects.filter(user=user, user__is_active=True).prefetch_related("posts").first()
    if person is None:
        return _VISITOR
    posts = [post for post in person.posts.all() if post.ended_on is None]
    return Actor(
        person_id=person.pk,
        organisation_ids=frozenset(post.organisation_id for post in posts),
        roles=frozenset(post.role for post in posts),
        name=str(person),
    )


def email_of(person_id: int) -> str:
    """Where to write to a person; empty without an active account."""
    account = Person.objects.filter(pk=person_id, user__is_active=True).values_list("user__email", flat=True)
    return account.first() or ""


def organisations_visible_to(actor: Actor) -> QuerySet[Organisation]:  # noqa: ARG001 -- the register is public
    """The register of organisations is public; what they publish is decided by the catalogue."""
    return Organisation.objects.all()


def get_organisation(code: str, *, actor: Actor) -> Organisation:
    try:
        return organisations_visible_to(actor).get(code=code)
    except Organisation.DoesNotExist:
        raise NotFound from None


def find_organisations(actor: Actor, *, kind: str = "", name: str = "") -> QuerySet[Organisation]:
    """The register, of one kind or with a name that contains `name`."""
    rows = organisations_visible_to(actor).order_by("id")
    if kind:
        rows = rows.filter(kind=kind)
    if name:
        rows = rows.filter(Q(name_zh__icontains=name) | Q(name_en__icontains=name) | Q(short_en__iexact=name))
    return rows


def posts_of(actor: Actor) -> QuerySet[Post]:
    """The posts that a person holds now."""
    if actor.person_id is None:
        return Post.objects.none()
    return Post.objects.filter(person_id=actor.person_id, ended_on=None).select_related("organisation").order_by("id")
