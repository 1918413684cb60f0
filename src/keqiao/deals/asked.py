"""What several commands of deals ask of what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals.policies import can_open_deal
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

WHOLE = 10_000
MOST_RESULTS = 50
EARLIEST = date(1990, 1, 1)


def results(actor: Actor, given: Sequence[tuple[str, int]], *, whole: int | None = WHOLE) -> list[tuple[Any, int]]:
    """Achievements by code, each with its part of the price; the parts make the whole, where there is one."""
    if not 1 <= len(given) <= MOST_RESULTS:
        raise BadInput(_("请写 1 到 %(most)s 项成果，例如 CG-2026-00642。") % {"most": MOST_RESULTS}, field="results")
    if len({code for code, _weight in given}) != len(given):
        raise BadInput(_("同一项成果写了两次。"), field="results")
    total = sum(weight for _code, weight in given)
    if whole is not None and (total != whole or any(weight < 1 for _code, weight in given)):
        said = {"total": f"{total / 100:.2f}"}
        raise BadInput(_("各项成果占价款的比例合计 %(total)s%%，应正好是 100%%。") % said, field="results")
    found = []
    for code, weight in given:
        try:
            found.append((catalogue.get_achievement(code, actor=actor), weight))
        except NotFound:
            raise BadInput(_("没有成果“%(code)s”。") % {"code": code[:24]}, field="results") from None
    return found


def owners(actor: Actor, achievements: Sequence[Any]) -> list[int]:
    """All owners of the results, the actor's own first. Whoever enters the deal works for an owner of each."""
    shares = catalogue.shares_of([row.pk for row in achievements])
    found: dict[int, None] = {}
    for row in achievements:
        version = shares.get(row.pk)
        homes = [f.organisation_id for f in version.owners.all()] if version else [row.owner_id]
        if not any(can_open_deal(actor, home) for home in homes):
            raise NotAllowed(_("您所在的单位不是成果 %(code)s 的权属单位。") % {"code": row.code})
        found |= dict.fromkeys(parties.final_organisations(homes)[home] for home in homes)
    return sorted(found, key=lambda pk: pk != actor.acting_for)


def organisation(code: str, actor: Actor, name: str) -> Any:
    try:
        return parties.get_organisation(code.strip(), actor=actor)
    except NotFound:
        said = {"code": code[:24]}
        raise BadInput(_("没有单位“%(code)s”。请写平台上的单位编号，例如 DW-7K2M9QX4。") % said, field=name) from None


def known_day(day: date, name: str) -> None:
    if not EARLIEST <= day <= clock.today():
        said = {"first": EARLIEST.isoformat()}
        raise BadInput(_("日期应在 %(first)s 与今天之间，例如 2026-08-14。") % said, field=name)


def words(text: str, name: str, most: int, example: str) -> str:
    text = text.strip()
    if not text or len(text) > most or "\0" in text:
        said = {"most": most, "example": example}
        raise BadInput(_("请填写，最多 %(most)s 个字，%(example)s。") % said, field=name)
    return text


def maybe(text: str, name: str, most: int) -> str:
    """What may be left out; refused, not cut, when it is too long or cannot be kept."""
    text = text.strip()
    if len(text) > most or "\0" in text:
        raise BadInput(_("太长或有不能保存的字符：最多 %(most)s 个字。") % {"most": most}, field=name)
    return text
