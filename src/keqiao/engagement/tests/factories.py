"""Plain functions that build engagement rows, through the commands."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.engagement import services
from keqiao.matching.tests.factories import make_match
from keqiao.parties.selectors import actor_for
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

_number = count(1)
PDF = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def a_key():
    return f"key-{next(_number):08d}"


@dataclass
class World:
    """An enterprise with a need, a university with a result that matches it, and their people."""

    need: Any
    achievement: Any
    match: Any
    manager: Any  # people
    officer: Any
    colleague: Any

    @property
    def asker(self):
        return actor_for(self.manager.user)

    @property
    def owner(self):
        return actor_for(self.officer.user)


def make_world(**fields):
    enterprise = make_organisation(
        kind="enterprise",
        name_zh="澄源试验膜业",
        name_en="Chengyuan Trial Membranes",
        short_zh="澄源",
        code=f"DW-{next(_number):05d}",
    )
    university = make_organisation(kind="university", name_zh="澜江试验大学", name_en="Lanjiang Trial University")
    fields.setdefault("publisher", enterprise)
    need = make_need(**fields)
    achievement = make_achievement(owner=university)
    return World(
        need,
        achievement,
        make_match(need, achievement),
        make_person(organisation=enterprise, role=Role.RD_MANAGER, name_zh="许测试", name_en="Xu Ceshi"),
        make_person(organisation=university, role=Role.CONVERSION_OFFICER, name_zh="沈测试", name_en="Shen Ceshi"),
        make_person(organisation=university, role=Role.RESEARCHER, name_zh="林测试", name_en="Lin Ceshi"),
    )


def make_contact(world=None, *, by="need", **fields):
    """Sent from one side of the pair to the other."""
    world = world or make_world()
    fields.setdefault("text", "贵方的水通量是在什么条件下测得的？")
    fields.setdefault("key", a_key())
    return services.send_contact(
        actor=world.asker if by == "need" else world.owner,
        need_code=world.need.code,
        achievement_code=world.achievement.code,
        **fields,
    )


def make_broker():
    return make_person(
        organisation=make_organisation(kind="agency", name_zh="澜江试验经理"),
        role=Role.TECHNOLOGY_MANAGER,
        name_zh="顾测试",
    )
