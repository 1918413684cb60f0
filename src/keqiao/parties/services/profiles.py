"""Commands: what a person says about themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext as _

from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import reading
from keqiao.parties.models import Person
from keqiao.parties.types import Actor, ShownPart

MOST_FIELDS = 12


@command
def rewrite_profile(
    *,
    actor: Actor,
    name_zh: str,
    name_en: str,
    title_zh: str = "",
    title_en: str = "",
    orcid: str = "",
    expertise: str = "",
    language: str = "",
    shown: Sequence[str] = (),
) -> Person:
    """One's own entry. Nothing is public but the parts in `shown`; an address or a number never is."""
    if actor.person_id is None:
        raise NotAllowed
    person = Person.objects.select_for_update(of=("self",), no_key=True).get(pk=actor.person_id)
    new = {
        "name_zh": reading.plain(name_zh, 80, "name_zh"),
        "name_en": reading.plain(name_en, 80, "name_en"),
        "title_zh": reading.plain(title_zh, 80, "title_zh"),
        "title_en": reading.plain(title_en, 80, "title_en"),
        "orcid": reading.orcid(orcid) if orcid.strip() else None,
        "expertise": _expertise(expertise),
        "language": language,
        "shown": [part for part in ShownPart.values if part in set(shown)],
    }
    if not (new["name_zh"] or new["name_en"]):
        raise BadInput(_("填姓名，中文或英文至少一种，例如：林若川。"), field="name_zh")
    if language and language not in dict(settings.LANGUAGES):
        raise BadInput(_("没有这种语言。可选：中文、English。"), field="language")
    if set(shown) - set(ShownPart.values):
        raise BadInput(_("只能公开姓名、职务、专长和 ORCID。"), field="shown")
    changed = sorted(name for name, value in new.items() if getattr(person, name) != value)
    if changed:
        for name in changed:
            setattr(person, name, new[name])
        person.save(update_fields=changed)
        record("parties.profile_rewritten", person, actor=actor, fields=changed)
    return person


def _expertise(text: str) -> list[str]:
    """Words or short phrases, one a line or between commas."""
    words = [reading.plain(word, 200, "expertise") for word in re.split(r"[\n,，、;；]+", text)]
    kept = list(dict.fromkeys(word for word in words if word))
    if len(kept) > MOST_FIELDS or any(len(word) > 40 for word in kept):
        raise BadInput(_("专长最多 12 项，每项最多 40 个字，例如：膜分离，湿法冶金。"), field="expertise")
    return kept
