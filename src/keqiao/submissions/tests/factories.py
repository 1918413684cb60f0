"""Plain functions that build submissions."""

import io
import zipfile

from keqiao.catalogue.models import Code
from keqiao.catalogue.tests.factories import make_code
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.submissions import services

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)

NEED = {
    "texts": {"zh": {"title": "耐酸高通量纳滤膜的规模化涂覆", "problem": "现用膜在 pH 1 下三个月失效，通量不足。"}},
    "field": "materials",
    "indicators": [{"name_zh": "水通量", "comparator": ">=", "value": "15", "unit": "LMH/bar", "is_must": True}],
    "modes": ["license_nonexclusive", "development"],
    "price_kind": "amount",
    "price_low": 300_000_000,
    "price_high": 500_000_000,
    "trl_min": 6,
}
ACHIEVEMENT = {
    "texts": {"zh": {"title": "界面聚合耐酸纳滤膜", "summary": "在 pH 1 下稳定的纳滤膜，通量 18.2 LMH/bar。"}},
    "field": "materials",
    "indicators": [
        {"name_zh": "水通量", "comparator": "=", "value": "18.2", "unit": "LMH/bar", "evidence": "third_party"}
    ],
    "trl": 6,
    "modes": ["license_nonexclusive"],
    "price_kind": "negotiable",
}
CONTENT = {"need": NEED, "achievement": ACHIEVEMENT}


def make_field():
    """The field that the contents here name."""
    return Code.objects.filter(scheme="field", code="materials").first() or make_code()


def make_author(kind="need"):
    """Somebody who works for an organisation of the fitting kind, with that organisation."""
    organisation = make_organisation(kind="enterprise" if kind == "need" else "university")
    return make_actor(organisation=organisation), organisation


def make_draft(kind="need", *, actor=None, organisation=None, content=None):
    """A complete draft, unless another content is given."""
    make_field()
    if actor is None:
        actor, organisation = make_author(kind)
    return services.start_draft(
        actor=actor,
        kind=kind,
        organisation_id=organisation.pk if organisation else min(actor.organisation_ids),
        content=CONTENT[kind] if content is None else content,
    )


def office_file(member="word/document.xml", *, extra=(), types="<Types/>"):
    """A small office file; `extra`: further members of its archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr(member, "<x/>")
        for name in extra:
            archive.writestr(name, b"x")
    return made.getvalue()
