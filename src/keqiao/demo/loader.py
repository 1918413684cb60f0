"""Loads the demo city through the ordinary commands, in one go, once per database.

Nothing is invented for a real text: its fields are those the data file states, with their passages.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from keqiao.accounts import services as consents
from keqiao.accounts.types import REQUIRED, ConsentWay
from keqiao.catalogue import codes
from keqiao.catalogue import services as catalogue
from keqiao.catalogue.models import Achievement
from keqiao.catalogue.services import AchievementDraft, NeedDraft
from keqiao.catalogue.types import ItemState
from keqiao.demo import contacts as demo_contacts
from keqiao.demo import deals as demo_deals
from keqiao.demo import experts as demo_experts
from keqiao.demo import feedback as demo_feedback
from keqiao.demo import ledger as demo_ledger
from keqiao.demo import parties as demo_parties
from keqiao.demo import review as demo_review
from keqiao.demo import watching
from keqiao.kernel import parameters
from keqiao.kernel.identifiers import make_credit_code, make_patent_number
from keqiao.parties import selectors as parties
from keqiao.parties import services as people

DATA = Path(__file__).parent / "data"
PASSWORD = "lanjiang-2026-demo"  # noqa: S105 -- shown to everybody who starts the demo
BATCH = 200
CURRENCY = {"万元": ("CNY", 10_000), "元": ("CNY", 1), "EUR": ("EUR", 1), "USD": ("USD", 1)}

ACCOUNTS = [
    # role, e-mail, organisation key, name zh, name en, title zh, title en
    ("rd_manager", "xu@chengyuan.example", "chengyuan", "许砚秋", "Xu Yanqiu", "研发负责人", "Head of R&D"),
    ("researcher", "lin@lut.example", "lut", "林若川", "Lin Ruochuan", "教授", "Professor"),
    ("conversion_officer", "shen@lut.example", "lut", "沈知微", "Shen Zhiwei", "成果专员", "Transfer officer"),
    ("technology_manager", "gu@ltt.example", "ltt", "顾明澈", "Gu Mingche", "技术经理人", "Broker"),
    ("finance_officer", "cai@lut.example", "lut", "蔡谨言", "Cai Jinyan", "财务处会计", "Accountant"),
    ("auditor", "tan@lut.example", "lut", "谭审之", "Tan Shenzhi", "审计处", "Internal auditor"),
    ("administrator", "admin@ltt.example", "ltt", "平台管理员", "Platform administrator", "管理员", "Administrator"),
]

Progress = Callable[[str], None]


def is_loaded() -> bool:
    return Achievement.objects.filter(is_fictional=True).exists()


def accounts() -> list[dict[str, str]]:
    """The accounts that the sign-in page of a demo site shows."""
    from keqiao.parties.types import Role

    return [
        {
            "role": role,
            "role_zh": str(Role(role).label),
            "email": email,
            "password": PASSWORD,
            "name_zh": zh,
            "name_en": en,
        }
        for role, email, _, zh, en, _, _ in ACCOUNTS
    ]


def load(progress: Progress = print, *, most: int | None = None) -> None:
    """Load everything in one transaction: a demo that was interrupted while loading starts again from nothing.

    `most`: only so many items of each data file, for a quick try and for tests.
    """
    if is_loaded():
        return
    with transaction.atomic():
        system = parties.system()
        parameters.load_packs(actor=system)
        progress("code tables")
        codes.load(actor=system)
        consents.load_agreements(actor=system)
        catalogue.load_codes(actor=system, rows=site_regions())
        progress("organisations and people")
        organisations = _organisations()
        _people(organisations)
        demo_parties.load(system, organisations, password=PASSWORD)
        demo_ledger.load(organisations)
        progress("needs and achievements")
        achievements, needs = _fictional(organisations, most)
        more_achievements, more_needs, links = _open(most)
        # All achievements first: then each need's matches are computed once, over all of them.
        _load([*achievements, *more_achievements], [*needs, *more_needs])
        catalogue.link_truly(actor=parties.system(), pairs=links)
        demo_deals.load(organisations, password=PASSWORD)
        progress("drafts, reviews and contacts")
        demo_review.load()
        demo_contacts.load(progress)
        watching.load()
        demo_feedback.load()
        demo_experts.load(organisations, password=PASSWORD, progress=progress)
    _tell_sign_in_page()


def _tell_sign_in_page() -> None:
    file = settings.DATA_DIR / "demo.json"
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(accounts(), ensure_ascii=False))
    draft.replace(file)


def _json(pattern: str, most: int | None = None) -> Iterator[Any]:
    for file in sorted((DATA / "lanjiang").glob(pattern)):
        yield from json.loads(file.read_text(encoding="utf-8"))[:most]


def _lines(name: str, most: int | None) -> list[dict[str, Any]]:
    with gzip.open(DATA / "open" / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in itertools.islice(file, most)]


def site_regions() -> Iterator[dict[str, Any]]:
    rows = tomllib.loads((DATA / "regions.toml").read_text(encoding="utf-8"))["region"]
    for position, row in enumerate(rows):
        yield {
            "scheme": "region",
            "edition": "site",
            "code": row["code"],
            "parent": row["parent"] or "CN",
            "level": row["level"],
            "title_zh": row["title_zh"],
            "title_en": row["title_en"],
            "position": position,
        }


def _organisations() -> dict[str, int]:
    """Key of the data files → id."""
    ids = {}
    for number, row in enumerate(_json("organisations*.json"), start=1):
        fields = {
            name: row[name]
            for name in ("kind", "name_zh", "name_en", "short_zh", "short_en", "region", "about_zh", "about_en")
        }
        organisation = people.register_organisation(
            actor=parties.system(),
            code=f"DW-{number:05d}",
            credit_code=make_credit_code(row["key"]),
            qualifications=row.get("qualifications", []),
            is_fictional=True,
            **fields,
        )
        ids[row["key"]] = organisation.pk
    return ids


def _people(organisations: Mapping[str, int]) -> None:
    for role, email, key, name_zh, name_en, title_zh, title_en in ACCOUNTS:
        person = people.register_person(
            actor=parties.system(), email=email, password=PASSWORD, name_zh=name_zh, name_en=name_en, is_fictional=True
        )
        people.appoint(
            actor=parties.system(),
            person_id=person.pk,
            organisation_id=organisations[key],
            role=role,
            title_zh=title_zh,
            title_en=title_en,
        )
        consents.give_consents(actor=parties.system(), person_id=person.pk, documents=REQUIRED, how=ConsentWay.DEMO)


def _fictional(organisations: Mapping[str, int], most: int | None) -> tuple[list[AchievementDraft], list[NeedDraft]]:
    achievements, needs = [], []
    for pair in _json("pairs-*.json", most):
        achievements.append(_achievement(pair["achievement"], organisations))
        needs.append(_need(pair["need"], organisations))
    needs += [_need(row, organisations) for row in _json("needs-*.json", most)]
    return achievements, needs


def _load(achievements: list[AchievementDraft], needs: list[NeedDraft]) -> None:
    for batch in _batches(achievements):
        catalogue.load_items(actor=parties.system(), achievements=batch)
    for batch in _batches(needs):
        catalogue.load_items(actor=parties.system(), needs=batch)


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def _achievement(row: Mapping[str, Any], organisations: Mapping[str, int]) -> AchievementDraft:
    owner_id = organisations[row["owner"]]
    return AchievementDraft(
        fields={
            **_common(row, "CG"),
            **_price(row["price"]),
            "owner_id": owner_id,
            "unit_zh": row.get("unit_zh", ""),
            "unit_en": row.get("unit_en", ""),
            "trl": row["trl"],
            "trl_evidence_zh": row.get("trl_evidence_zh", []),
            "trl_evidence_en": row.get("trl_evidence_en", []),
            "ownership": row["ownership"],
            "price_for": row["price"].get("for", "") or "",
            "disclosed_on": _day(row.get("disclosed_on")),
        },
        texts={lang: row[lang] for lang in ("zh", "en") if row.get(lang)},
        indicators=[_offered(indicator) for indicator in row["indicators"]],
        team=row["team"],
        asset_ids=[_asset(asset, owner_id, f"{row['key']}-{n}") for n, asset in enumerate(row["ip"])],
    )


def _need(row: Mapping[str, Any], organisations: Mapping[str, int]) -> NeedDraft:
    return NeedDraft(
        fields={
            **_common(row, "XQ"),
            **_price(row["budget"]),
            "publisher_id": organisations[row["publisher"]],
            "publisher_shown": row["publisher_shown"],
            "trl_min": row["trl_min"],
            "deadline": _day(row["deadline"]),
            "region_wish": row["region_wish"],
        },
        texts={lang: row[lang] for lang in ("zh", "en") if row.get(lang)},
        indicators=[_wanted(indicator) for indicator in row["indicators"]],
    )


# The mockups' own items keep the numbers that the mockups show.
KNOWN_CODES = {"XQ": "XQ-2026-01873", "CG": "CG-2026-00642"}
KNOWN_TITLES = {"耐酸高通量纳滤膜的规模化涂覆工艺", "界面聚合耐酸纳滤膜及卷对卷连续制备技术"}


def _common(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Columns that needs and achievements share. The code comes from the key: every demo has the same addresses."""
    published = _day(row["published_on"]) or date(2026, 1, 1)
    known = bool(row.get("zh")) and row["zh"]["title"] in KNOWN_TITLES
    return {
        "code": KNOWN_CODES[prefix] if known else f"{prefix}-{published.year}-{_digits(row['key'])}",
        "state": ItemState.PUBLISHED,
        "field": row["field"],
        "ipc": row.get("ipc", []),
        "industry": row.get("industry", []),
        "discipline": row.get("discipline", []),
        "keywords_zh": row.get("keywords_zh", []),
        "keywords_en": row.get("keywords_en", []),
        "modes": row.get("modes", []),
        "region": row.get("region", ""),
        "is_fictional": True,
        "external_id": f"lanjiang:{row['key']}",
        "published_at": _instant(published),
        "updated_at": _instant(_day(row.get("updated_on")) or published),
    }


def _digits(key: str) -> str:
    """Five digits from a key, in the range below the running numbers of new items."""
    return f"{int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) % 10**7:07d}"


def _offered(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_indicator(row),
        "value": Decimal(row["value"]),
        "evidence": row.get("evidence") or "",
        "evidence_zh": row.get("evidence_zh") or "",
        "evidence_en": row.get("evidence_en") or "",
        "baseline": row.get("baseline") or [],
    }


def _wanted(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_indicator(row),
        "target": Decimal(row["target"]),
        "current": _decimal(row.get("current")),
        "is_must": row["kind"] == "must",
    }


def _indicator(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name_zh": row.get("name_zh") or "",
        "name_en": row.get("name_en") or "",
        "comparator": row["comparator"],
        "high": _decimal(row.get("high")),
        "unit": row.get("unit") or "",
        "condition_zh": row.get("condition_zh") or "",
        "condition_en": row.get("condition_en") or "",
    }


def _asset(row: Mapping[str, Any], owner_id: int, seed: str) -> int:
    filed_on = _day(row.get("filed_on"))
    is_patent = row["kind"] in {"invention", "utility", "design"}
    number = make_patent_number(seed, row["kind"], filed_on.year) if is_patent and filed_on else ""
    asset = catalogue.register_asset(
        actor=parties.system(),
        kind=row["kind"],
        number=number,
        title_zh=row.get("title_zh") or "",
        title_en=row.get("title_en") or "",
        status=row["status"],
        owner_id=owner_id,
        filed_on=filed_on,
        expires_on=_day(row.get("expires_on")),
        is_fictional=True,
    )
    return asset.pk


def _price(row: Mapping[str, Any]) -> dict[str, Any]:
    """万元 and euros of the data file → minor units."""
    if row["kind"] != "amount":
        return {"price_kind": row["kind"]}
    currency, factor = CURRENCY[row.get("unit") or row["currency"]]
    low, high = (int(Decimal(row.get(end) or row["high"]) * factor * 100) for end in ("low", "high"))
    return {"price_kind": "amount", "price_low": low, "price_high": high, "currency": currency}


def _open(most: int | None) -> tuple[list[AchievementDraft], list[NeedDraft], list[tuple[str, str]]]:
    """Real texts, and the links between them that their sources state. Owners are named as the sources name them."""
    achievements, needs = _lines("achievements.jsonl.gz", most), _lines("needs.jsonl.gz", most)
    owners = _owners([*achievements, *needs])
    return (
        [_open_achievement(row, owners) for row in achievements],
        [_open_need(row, owners) for row in needs],
        [(f"open:{row['key']}", f"open:{link}") for row in needs for link in row.get("links", [])],
    )


def _owners(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for row in rows:
        owner = row["owner"]
        if owner["key"] in ids:
            continue
        # A public body that has results is a research institute here, one that posts needs an administration.
        kind = {"agency": "institute" if "project" in row["kind"] or row["kind"] == "software" else "administration"}
        is_chinese = any("\u4e00" <= c <= "\u9fff" for c in owner["name"])
        organisation = people.register_organisation(
            actor=parties.system(),
            code=f"WB-{len(ids) + 1:05d}",
            kind=kind.get(owner["kind"], owner["kind"]),
            region=owner.get("country") or "",
            source=row["source"]["name"],
            **{"name_zh" if is_chinese else "name_en": owner["name"][:200]},
        )
        ids[owner["key"]] = organisation.pk
    return ids


def _open_common(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    published = _day(row.get("published_on")) or date(int(row["year"]) if row.get("year") else 2020, 1, 1)
    stated = {name: fact for name, fact in row.get("stated", {}).items() if fact}
    return {
        "code": f"{prefix}-{published.year}-{_digits(row['key'])}",
        "state": ItemState.PUBLISHED,
        "field": row["field"],
        "ipc": row.get("ipc", []),
        "keywords_zh": [word[:60] for word in row.get("keywords_zh", [])],
        "keywords_en": [word[:60] for word in row.get("keywords_en", [])],
        "region": row["owner"].get("country") or "",
        "source": {**row["source"], "kind": row["kind"]},
        "passages": stated,
        "external_id": f"open:{row['key']}",
        "published_at": _instant(published),
        "updated_at": _instant(published),
    }


def _open_texts(row: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The language versions, with who made each: the source's author, or a machine. A title alone is no version."""
    texts = {}
    for lang in ("zh", "en"):
        text = {part: words for part, words in (row.get(lang) or {}).items() if words}
        if len(text) > 1:
            origin = "machine" if row.get(f"{lang}_origin") == "machine" else "author"
            texts[lang] = {**text, "title": text["title"][:300], "origin": origin}
    return texts


def _open_achievement(row: Mapping[str, Any], owners: Mapping[str, int]) -> AchievementDraft:
    evidence = [row["trl_passage"][:300]] if row.get("trl_passage") else []
    return AchievementDraft(
        fields={
            **_open_common(row, "CG"),
            "owner_id": owners[row["owner"]["key"]],
            "trl": row.get("trl"),
            f"trl_evidence_{'zh' if row.get('zh') else 'en'}": evidence,
        },
        texts=_open_texts(row),
        indicators=[_stated(_offered(i), i["passage"]) for i in row.get("indicators", [])],
    )


def _stated(indicator: dict[str, Any], passage: str) -> dict[str, Any]:
    """A figure of a real text: its evidence is the sentence that states it."""
    return {**indicator, "evidence": "stated", "evidence_zh": passage[:500], "evidence_en": passage[:500]}


def _open_need(row: Mapping[str, Any], owners: Mapping[str, int]) -> NeedDraft:
    return NeedDraft(
        fields={
            **_open_common(row, "XQ"),
            **(_price(row["budget"]) if row.get("budget") else {}),
            "publisher_id": owners[row["owner"]["key"]],
            "kind": row["kind"],
            "trl_min": row.get("trl"),
            "deadline": _day(row.get("deadline")),
        },
        texts=_open_texts(row),
        indicators=[_wanted({**i, "kind": i.get("kind") or "wish"}) for i in row["indicators"]],
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


def _instant(day: date) -> datetime:
    """Nine in the morning of the site's day, in UTC."""
    return datetime.combine(day, time(1, 0), tzinfo=UTC)


def _decimal(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None
