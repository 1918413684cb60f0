"""schema.org data of the pages, as plain dictionaries. Only what the page itself shows: an anonymous publisher stays so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from keqiao.catalogue.types import PriceKind
from keqiao.kernel import site
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.web.presentation import TAGS, Said, Version, day, named

KINDS = {
    "university": "CollegeOrUniversity",
    "hospital": "Hospital",
    "enterprise": "Corporation",
    "institute": "ResearchOrganization",
    "administration": "GovernmentOrganization",
    "library": "Library",
}
CONTEXT = "https://schema.org"


def website() -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@type": "WebSite",
        "name": f"{site.site().name_zh} {site.site().name_en}",
        "url": f"{settings.SITE_URL}/",
        "inLanguage": list(TAGS.values()),
        "potentialAction": {
            "@type": "SearchAction",
            "target": f"{settings.SITE_URL}/search?q={{q}}",
            "query-input": "required name=q",
        },
    }


def organisation(organisation: Any) -> dict[str, Any]:
    return {"@context": CONTEXT, **_organisation(organisation)}


def _organisation(organisation: Any) -> dict[str, Any]:
    return _without_empty(
        {
            "@type": KINDS.get(organisation.kind, "Organization"),
            "name": organisation.name_zh or organisation.name_en,
            "alternateName": organisation.name_en if organisation.name_zh else "",
            "url": f"{settings.SITE_URL}/organisations/{organisation.code}",
            "description": named(organisation, "about").text,
        }
    )


def achievement(achievement: Any, version: Version) -> dict[str, Any]:
    text = version.text
    source = achievement.source or {}
    return _without_empty(
        {
            "@context": CONTEXT,
            "@type": "CreativeWork",
            "identifier": achievement.code,
            "name": text.title,
            "abstract": text.summary,
            "inLanguage": version.tag,
            "url": f"{settings.SITE_URL}/achievements/{achievement.code}",
            "creator": _organisation(achievement.owner),
            "keywords": achievement.keywords_zh or achievement.keywords_en,
            "datePublished": day(achievement.published_at),
            "dateModified": day(achievement.updated_at),
            "license": source.get("licence_url", ""),
            "isBasedOn": source.get("url", ""),
            "creditText": source.get("attribution", ""),
        }
    )


def need(need: Any, version: Version, publisher: Any | None) -> dict[str, Any]:
    """A demand; when its publisher is shown, the organisation that seeks it."""
    demand = _demand(need, version)
    if publisher:
        return {"@context": CONTEXT, **_organisation(publisher), "seeks": demand}
    return {"@context": CONTEXT, **demand}


def _demand(need: Any, version: Version) -> dict[str, Any]:
    text = version.text
    return _without_empty(
        {
            "@type": "Demand",
            "identifier": need.code,
            "name": text.title,
            "description": text.problem,
            "url": f"{settings.SITE_URL}/needs/{need.code}",
            "availabilityStarts": day(need.published_at),
            "validThrough": day(need.deadline),
            "priceSpecification": _price(need),
        }
    )


def _price(item: Any) -> dict[str, Any] | None:
    if item.price_kind != PriceKind.AMOUNT:
        return None
    digits = MINOR_DIGITS[item.currency]
    low, high = (end / 10**digits for end in (item.price_low, item.price_high))
    return {"@type": "PriceSpecification", "minPrice": low, "maxPrice": high, "priceCurrency": item.currency}


def crumbs(steps: Sequence[tuple[Said | str, str]]) -> dict[str, Any]:
    """Name and path of each step."""
    return {
        "@context": CONTEXT,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": n, "name": str(name), "item": f"{settings.SITE_URL}{path}"}
            for n, (name, path) in enumerate(steps, start=1)
        ],
    }


def _without_empty(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value not in (None, "", [], {})}
