"""Commands of the parties context."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.kernel.identifiers import CreditCodeError, read_credit_code
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.types import Actor


@command
def register_organisation(*, actor: Actor, code: str, **fields: Any) -> Organisation:
    """Enter an organisation into the register. Operators only; self-registration has its own command."""
    if not actor.is_operator:
        raise NotAllowed
    if fields.get("credit_code"):
        fields["credit_code"] = _credit_code(fields["credit_code"])
    organisation = Organisation.objects.create(code=code, **fields)
    record("parties.organisation_registered", organisation, actor=actor)
    return organisation


def _credit_code(text: str) -> str:
    """As it is kept: both check digits right (GB 32100-2015)."""
    try:
        return read_credit_code(text)
    except CreditCodeError as error:
        message = _("统一社会信用代码“%(text)s”不对：请核对 18 位字符，例如 %(example)s。")
        raise BadInput(message % {"text": error.text, "example": error.example}, field="credit_code") from error


@command
def register_person(*, actor: Actor, email: str = "", password: str = "", **fields: Any) -> Person:
    """Enter a person; with an e-mail address and a password they can sign in."""
    if not actor.is_operator:
        raise NotAllowed
    if bool(email) != bool(password):
        raise BadInput(field="password")
    user = get_user_model().objects.create_user(username=email, email=email, password=password) if email else None
    person = Person.objects.create(user=user, **fields)
    record("parties.person_registered", person, actor=actor)
    return person


@command
def appoint(
    *, actor: Actor, person_id: int, organisation_id: int, role: str, title_zh: str = "", title_en: str = ""
) -> Post:
    """Give a person a role in an organisation."""
    if not actor.is_operator:
        raise NotAllowed
    post = Post.objects.create(
        person_id=person_id, organisation_id=organisation_id, role=role, title_zh=title_zh, title_en=title_en
    )
    record("parties.person_appointed", post, actor=actor, role=role)
    return post
