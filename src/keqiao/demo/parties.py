"""People and organisations on their way in: what the demo's queues and forms have to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.base import ContentFile

from keqiao.accounts import services as consents
from keqiao.accounts.types import REQUIRED, ConsentWay
from keqiao.demo.logos import LOGOS, png
from keqiao.kernel.identifiers import make_credit_code
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.types import Actor

# A page of a PDF that says nothing: the licence of an organisation that is made up.
PAPER = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)

# name zh, name en, organisation key, role, what they say
ASKING = (
    ("陶以宁", "Tao Yining", "lut", "researcher", "材料学院膜分离团队，今年入职，请沈老师核对。"),
    ("周慕白", "Zhou Mubai", "chengyuan", "researcher", "研发中心水处理组，许总知道我。"),
)
ALIASES = (("lut", "澜江工学院"), ("lut", "LUT"), ("chengyuan", "澄源水务"))


def load(actor_system: Actor, organisations: Mapping[str, int], *, password: str) -> None:
    """Two requests to join, an organisation that waits to be verified, and names under which others are found.

    `organisations`: key of the data files → id. Inside the loader's transaction, after the accounts.
    """
    codes = parties.codes_by_id(organisations.values())
    code_of = {key: codes[pk] for key, pk in organisations.items() if pk in codes}
    for number, (name_zh, name_en, key, role, text) in enumerate(ASKING, start=1):
        newcomer = _person(actor_system, f"newcomer{number}@lanjiang.example", password, name_zh, name_en)
        people.request_to_join(actor=newcomer, code=code_of[key], role=role, text=text)
    founder = _person(actor_system, "qin@xinmo.example", password, "秦知远", "Qin Zhiyuan")
    people.found_organisation(
        actor=founder,
        kind="enterprise",
        name_zh="澜江新陌膜材料有限公司",
        name_en="Lanjiang Xinmo Membrane Materials Co., Ltd.",
        credit_code=make_credit_code("xinmo"),
        licence=ContentFile(PAPER, name="营业执照.pdf"),
    )
    for key in set(LOGOS) & set(code_of):
        people.put_logo(actor=actor_system, code=code_of[key], picture=ContentFile(png(key)))
    for key, name in ALIASES:
        people.add_alias(actor=actor_system, code=code_of[key], name=name)


def _person(system: Actor, email: str, password: str, name_zh: str, name_en: str) -> Any:
    person = people.register_person(
        actor=system, email=email, password=password, name_zh=name_zh, name_en=name_en, is_fictional=True
    )
    consents.give_consents(actor=system, person_id=person.pk, documents=REQUIRED, how=ConsentWay.DEMO)
    return parties.actor_for(person.user)
