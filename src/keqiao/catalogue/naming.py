"""Commands: contributors who have no account. They are named, told how to join, and join as themselves."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from keqiao.catalogue import selectors
from keqiao.catalogue.models import Achievement, NamedContributor
from keqiao.catalogue.policies import can_write_shares
from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.types import Actor

MOST_NAMED = 100
LONGEST_NAME = 80
LONGEST_EMAIL = 254


@command
def name_contributor(
    *, actor: Actor, achievement_code: str, name_zh: str = "", name_en: str = "", email: str = ""
) -> NamedContributor:
    """Enter a contributor who has no account: external, or gone before the platform came. By e-mail they are asked to join."""
    achievement = selectors.get_achievement(achievement_code, actor=actor)
    if not can_write_shares(actor, achievement):
        raise NotAllowed
    achievement = Achievement.objects.select_for_update(of=("self",), no_key=True).get(pk=achievement.pk)
    if achievement.named_contributors.count() >= MOST_NAMED:
        raise BadInput(_("一项成果最多登记 %(most)s 位没有账号的贡献人。") % {"most": MOST_NAMED}, field="name_zh")
    names = {"name_zh": _name(name_zh, "name_zh"), "name_en": _name(name_en, "name_en")}
    if not any(names.values()):
        raise BadInput(_("请写贡献人的姓名，例如 许砚秋。"), field="name_zh")
    row = NamedContributor.objects.create(
        code=codes.fresh(NamedContributor, "GX"),
        achievement=achievement,
        person=people.register_person(actor=parties.system(), **names),
        email=_email(email),
        made_at=clock.now(),
        made_by_id=actor.person_id,
    )
    record("catalogue.contributor_named", row, actor=actor, achievement_id=achievement.pk)
    if row.email and settings.SENDS_EMAIL:
        app.configure_task("keqiao.catalogue.tasks.mail_naming", queue="mail").defer(naming_id=row.pk)
    return row


@command
def join_as_contributor(*, actor: Actor, code: str, token: str) -> NamedContributor:
    """Whoever holds the link, and the e-mail address where one is named, is the contributor from now on. Twice is once."""
    row = selectors.get_naming(code, token, actor=actor, lock=True)
    if row.joined_as_id is not None:
        return row
    homes = {row.achievement.owner_id, *selectors.owner_ids(row.achievement_id)}
    if any(actor.has_role(home, *selectors.SHARE_ROLES) for home in homes):
        raise NotAllowed(_("您在权属单位经办成果转化或财务，不能用这个链接加入，请本人使用自己的账号。"))
    row.joined_as_id, row.joined_at = actor.person_id, clock.now()
    row.save(update_fields=["joined_as", "joined_at"])
    record("catalogue.contributor_joined", row, actor=actor, person_id=row.person_id)
    return row


@command
def note_naming_mailed(*, actor: Actor, naming_id: int) -> None:
    """Called by the job after the mail went out: it is sent once."""
    if not actor.is_system:
        raise NotAllowed
    NamedContributor.objects.filter(pk=naming_id, mailed_at=None).update(mailed_at=clock.now())


def _name(text: str, field: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_NAME or "\0" in text:
        raise BadInput(_("姓名最长 %(most)s 个字，例如 许砚秋。") % {"most": LONGEST_NAME}, field=field)
    return text


def _email(text: str) -> str:
    text = text.strip()
    try:
        if text:
            validate_email(text)
    except ValidationError:
        raise BadInput(
            _("“%(text)s”不是电子邮箱，例如 xu@lut.example。") % {"text": text[:40]}, field="email"
        ) from None
    if len(text) > LONGEST_EMAIL:
        raise BadInput(_("电子邮箱太长。"), field="email")
    return text
