"""Who runs the site: the first administrator is made on the command line, since nobody can yet be asked."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from keqiao.kernel import clock, site
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.parties import selectors
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.types import Actor, OrganisationKind, Role

OPERATOR_CODE = "DW-OPERATOR"  # the organisation that runs the site, when nobody named another one


def administrators() -> list[Person]:
    """Everybody who runs the site now."""
    return list(selectors.people_in_posts([Role.ADMINISTRATOR]).select_related("user"))


@command
def make_administrator(*, actor: Actor, person_id: int, organisation_code: str = "") -> Post:
    """Appoint an administrator, in the named organisation or in the one that runs the site."""
    if not actor.is_operator:
        raise NotAllowed
    organisation = _organisation(organisation_code)
    post, _is_new = Post.objects.update_or_create(
        person_id=person_id, organisation=organisation, role=Role.ADMINISTRATOR, defaults={"ended_on": None}
    )
    record("parties.person_appointed", post, actor=actor, role=str(Role.ADMINISTRATOR))
    return post


@command
def end_administrator(*, actor: Actor, person_id: int) -> None:
    """Take the role away. The last one stays: without an administrator nobody could appoint another."""
    if not actor.is_operator:
        raise NotAllowed
    posts = list(
        Post.objects.filter(role=Role.ADMINISTRATOR, ended_on=None, person__user__is_active=True).select_for_update()
    )
    own = [post for post in posts if post.person_id == person_id]
    if not own:
        raise NotFound
    if len({post.person_id for post in posts}) == 1:
        raise WrongState(_("这是最后一位平台管理员，不能移除。请先用 keqiao admin add 指定另一位。"))
    for post in own:
        post.ended_on = clock.today()
        post.save(update_fields=["ended_on"])
        record("parties.administrator_ended", post, actor=actor)


def _organisation(code: str) -> Organisation:
    if code:
        found: Any = Organisation.objects.filter(code=code).first()
        if found is None:
            raise NotFound
        return found
    row = site.site()
    return Organisation.objects.get_or_create(
        code=OPERATOR_CODE,
        defaults={
            "kind": OrganisationKind.ADMINISTRATION,
            "name_zh": f"{row.name_zh}运营方",
            "name_en": f"{row.name_en} operator",
        },
    )[0]
