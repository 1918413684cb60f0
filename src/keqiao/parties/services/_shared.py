"""What several commands of this context do inside their transaction."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import translation
from django.utils.translation import gettext as _

from keqiao.kernel import clock, notices
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.parties.models import Organisation, Post
from keqiao.parties.policies import can_give, can_manage
from keqiao.parties.selectors import get_organisation
from keqiao.parties.types import Actor, Role, roles_in


def _own_organisation(actor: Actor, code: str) -> Organisation:
    """The organisation, locked, when the actor may write its page."""
    organisation = get_organisation(code, actor=actor, lock=True)
    if can_manage(actor, organisation):
        return organisation
    if any(place.organisation_id == organisation.pk for place in actor.workplaces) and not actor.works_for(
        organisation.pk
    ):
        raise NotAllowed(_("您现在代表另一家单位办理。请先在页眉的单位菜单里切换，再办这一步。"))
    raise NotAllowed


def _known_role(organisation: Organisation, role: str, *, actor: Actor, field: str = "role") -> Role:
    """The role, when it makes sense in an organisation of this kind and the actor may give it."""
    possible = roles_in(organisation.kind, with_platform=actor.is_operator)
    if role in possible and can_give(actor, role):
        return Role(role)
    words = {
        "role": Role(role).label if role in Role.values else role[:40],
        "kind": organisation.get_kind_display(),
        "roles": "、".join(str(r.label) for r in possible) or "–",
    }
    raise BadInput(_("“%(role)s”不是%(kind)s里的角色。可选：%(roles)s。") % words, field=field)


def _give_post(person_id: int, organisation_id: int, role: str, **titles: str) -> Post:
    """A post that had ended begins again: one row per person, organisation and role."""
    post, _is_new = Post.objects.update_or_create(
        person_id=person_id, organisation_id=organisation_id, role=role, defaults={"ended_on": None, **titles}
    )
    return post


def _end_posts(posts: Iterable[Post]) -> None:
    today = clock.today()
    for post in posts:
        post.ended_on = today
        post.save(update_fields=["ended_on"])


def _tell(actor: Actor, people: Iterable[int], kind: str, key: str, title: str, link: str, **words: object) -> None:
    """Tell several people, in both languages. `title` is a source string; no name of a person goes into it."""
    titles = {}
    for lang, code in (("zh", "zh-hans"), ("en", "en")):
        with translation.override(code):
            said = {
                name: _named(value, lang) if isinstance(value, Organisation) else str(value)
                for name, value in words.items()
            }
            titles[lang] = (_(title) % said)[:200]
    for person_id in people:
        if person_id != actor.person_id:
            notices.tell(
                actor=actor,
                person_id=person_id,
                kind=f"parties.{kind}",
                key=f"parties:{key}",
                title_zh=titles["zh"],
                title_en=titles["en"],
                link=link,
            )


def _named(organisation: Organisation, lang: str) -> str:
    first, second = organisation.name_zh, organisation.name_en
    return (second or first) if lang == "en" else (first or second)
