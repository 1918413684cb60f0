"""Which law an organisation's place is under: the first two digits of its region (GB/T 2260) name the province."""

from __future__ import annotations

import re

# ISO 3166-2:CN, by the province's digits.
PROVINCES = {
    "11": "BJ", "12": "TJ", "13": "HE", "14": "SX", "15": "NM", "21": "LN", "22": "JL", "23": "HL", "31": "SH", "32": "JS",
    "33": "ZJ", "34": "AH", "35": "FJ", "36": "JX", "37": "SD", "41": "HA", "42": "HB", "43": "HN", "44": "GD", "45": "GX",
    "46": "HI", "50": "CQ", "51": "SC", "52": "GZ", "53": "YN", "54": "XZ", "61": "SN", "62": "GS", "63": "QH", "64": "NX",
    "65": "XJ", "71": "TW", "81": "HK", "82": "MO",
}  # fmt: skip
REGION = re.compile(r"(?:CN-?)?(\d\d)(?:\d{4})?")


def jurisdiction_of(region: str) -> str:
    """CN-ZJ of 330000 or 330106; empty where the code is a site's own."""
    found = REGION.fullmatch(region.strip())
    province = PROVINCES.get(found[1]) if found else None
    return f"CN-{province}" if province else ""
