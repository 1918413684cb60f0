"""Commands: what operators enter into the register."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from keqiao.kernel import codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.users import open_user
from keqiao.parties import reading
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.services._shared import _give_post, _known_role
from keqiao.parties.types import Actor


@command
def register_organisation(*, actor: Actor, code: str = "", **fields: Any) -> Organisation:
    """Enter an organisation into the register. Operators only; self-registration has its own command."""
    if not actor.is_operator:
        raise NotAllowed
    if fields.get("credit_code"):
        fields["credit_code"] = reading.credit_code(fields["credit_code"])
    organisation = Organisation.objects.create(code=code or codes.fresh(Organisation, "DW"), **fields)
    record("parties.organisation_registered", organisation, actor=actor)
    return organisation


@command
def register_person(*, actor: Actor, email: str = "", password: str = "", **fields: Any) -> Person:
    """Enter a person; with an e-mail address and a password they can sign in."""
    if not actor.is_operator:
        raise NotAllowed
    if bool(email) != bool(password):
        raise BadInput(field="password")
    user = open_user(username=email, email=email, password=password) if email else None
    person = Person.objects.create(user=user, **fields)
    record("parties.person_registered", person, actor=actor)
    return person


@command
def rewrite_person(*, actor: Actor, person_id: int, **names: str) -> Person:
    """Correct the name of somebody without an account. Who has one writes their own entry."""
    if not actor.is_operator:
        raise NotAllowed
    person = Person.objects.select_for_update(of=("self",), no_key=True).filter(pk=person_id).first()
    if person is None:
        raise NotFound
    if person.user_id is not None:
        raise NotAllowed(_("这个人有账号，姓名由本人修改。"))
    new = {name: reading.plain(names[name], 80, name) for name in ("name_zh", "name_en") if name in names}
    changed = sorted(name for name, value in new.items() if getattr(person, name) != value)
    if changed:
        for name in changed:
            setattr(person, name, new[name])
        person.save(update_fields=changed)
        record("parties.person_rewritten", person, actor=actor, fields=changed)
    return person


@command
def appoint(
    *, actor: Actor, person_id: int, organisation_id: int, role: str, title_zh: str = "", title_en: str = ""
) -> Post:
    """Give a person a role that makes sense in that organisation."""
    if not actor.is_operator:
        raise NotAllowed
    organisation = Organisation.objects.get(pk=organisation_id)
    known = _known_role(organisation, role, actor=actor)
    post = _give_post(person_id, organisation_id, known, title_zh=title_zh, title_en=title_en)
    record("parties.person_appointed", post, actor=actor, role=role)
    return post
