"""What makes this site this city's: one row that administrators change on a page; the environment is the default.

Every process keeps the row for a few seconds, so that asking for the zone or the jurisdiction costs no query of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.models import Parameter, SiteSettings, StoredFile

FRESH_FOR = 5.0  # seconds that a process may go on with what it read
LARGEST_LOGO = 200 * 1024
LONGEST_SIDE = 2_000  # pixels
TEXTS = {"name_zh": 60, "name_en": 60, "icp_line": 120, "region_root": 12}
FIELDS = (*TEXTS, "contact_email", "jurisdiction", "time_zone", "languages")
PLATFORM = "KQ"  # what the platform itself decides: every jurisdiction inherits it, none is it
UNSEEN = re.compile(r"[\x00-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069\ufeff]")
REGION = re.compile(r"[A-Za-z0-9-]*")

_kept: tuple[float, SiteSettings] | None = None


# --- reading ----------------------------------------------------------------------------------------------------------


def site() -> SiteSettings:
    """The row, or the defaults while there is none. While the database is away: what was known last."""
    if _kept is not None and time.monotonic() < _kept[0]:
        return _kept[1]
    try:
        row = SiteSettings.objects.filter(pk=1).select_related("logo").first() or SiteSettings()
    except (DatabaseError, InterfaceError):
        return _kept[1] if _kept is not None else SiteSettings()
    keep(row)
    return row


def keep(row: SiteSettings, seconds: float = FRESH_FOR) -> None:
    global _kept  # noqa: PLW0603 -- one row per process
    _kept = (time.monotonic() + seconds, row)


def forget() -> None:
    """The next question is put to the database."""
    global _kept  # noqa: PLW0603 -- one row per process
    _kept = None


def jurisdiction() -> str:
    """Which rule packs apply when nobody says otherwise."""
    return site().jurisdiction or settings.JURISDICTION


def zone() -> ZoneInfo:
    """The zone in which the site's dates and deadlines are meant."""
    return ZoneInfo(site().time_zone or settings.SITE_TIME_ZONE)


def languages() -> list[str]:
    """The languages that pages are offered in; the first one is the site's own."""
    known = [code for code, _name in settings.LANGUAGES]
    return [code for code in known if code in site().languages] or known


def known_jurisdictions() -> list[str]:
    """Those that have rule packs and can be a site's own."""
    rows = Parameter.objects.exclude(jurisdiction=PLATFORM).order_by("jurisdiction")
    return list(rows.values_list("jurisdiction", flat=True).distinct())


# --- changing ---------------------------------------------------------------------------------------------------------


@command
def change_site_settings(
    *, actor: Any, changes: Mapping[str, Any], logo: bytes | None = None, drops_logo: bool = False
) -> SiteSettings:
    """Change what is given and leave the rest. Operators only. The trail names the fields, not what they say."""
    from keqiao.kernel import files
    from keqiao.kernel.events import record

    if not actor.is_operator:
        raise NotAllowed
    clean = {name: _read(name, value) for name, value in changes.items()}
    media_type = _logo_type(logo) if logo else ""
    SiteSettings.objects.get_or_create(pk=1)
    row = SiteSettings.objects.select_for_update(no_key=True).get(pk=1)
    changed = sorted(name for name, value in clean.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, clean[name])
    if logo:
        name = f"logo.{media_type.removeprefix('image/')}"
        row.logo = files.store(actor=actor, name=name, media_type=media_type, chunks=[logo])
    elif drops_logo:
        row.logo = None
    if logo or drops_logo:
        changed.append("logo")
    row.changed_at = Now()
    row.save(update_fields=[*changed, "changed_at"])
    if changed:
        record("kernel.site_settings_changed", row, actor=actor, fields=changed)
    forget()
    transaction.on_commit(forget)
    return row


def logo_file() -> StoredFile | None:
    return site().logo


def _read(name: str, value: Any) -> Any:
    if name not in FIELDS:
        raise BadInput(_("没有“%(name)s”这一项设置。") % {"name": name[:40]}, field=name)
    if name == "languages":
        return _languages(value)
    text = str(value or "").strip()
    if UNSEEN.search(text):
        raise BadInput(_("含有看不见的控制字符，请重新输入。"), field=name)
    return {
        "contact_email": _email,
        "jurisdiction": _jurisdiction,
        "time_zone": _time_zone,
    }.get(name, lambda given: _text(name, given))(text)


def _text(name: str, text: str) -> str:
    if name in {"name_zh", "name_en"} and not text:
        raise BadInput(_("站点名称不能为空，例如 %(example)s。") % {"example": "澜江科桥"}, field=name)
    if len(text) > TEXTS[name]:
        raise BadInput(
            _("最多 %(most)s 个字，现在有 %(count)s 个。") % {"most": TEXTS[name], "count": len(text)}, field=name
        )
    if name == "region_root" and not REGION.fullmatch(text):
        raise BadInput(_("地区代码只含字母、数字和短横线，例如 310000。"), field=name)
    return text


def _email(text: str) -> str:
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise BadInput(_("联系邮箱写成 service@example.org 的样子。"), field="contact_email") from None
    return text


def _jurisdiction(text: str) -> str:
    known = known_jurisdictions()
    if text and text not in known:
        message = _("没有“%(code)s”的规则包。可用的有：%(known)s。")
        raise BadInput(message % {"code": text[:20], "known": ", ".join(known)}, field="jurisdiction")
    return text


def _time_zone(text: str) -> str:
    if text and text not in available_timezones():
        message = _("没有“%(zone)s”这个时区，例如 Asia/Shanghai。")
        raise BadInput(message % {"zone": text[:40]}, field="time_zone")
    return text


def _languages(given: Any) -> list[str]:
    known = [code for code, _name in settings.LANGUAGES]
    wanted = [str(code) for code in given] if isinstance(given, list | tuple) else [str(given)]
    if unknown := [code for code in wanted if code not in known]:
        message = _("没有“%(code)s”这种语言。可用的有：%(known)s。")
        raise BadInput(message % {"code": unknown[0][:20], "known": ", ".join(known)}, field="languages")
    return [code for code in known if code in wanted]


# --- the logo: what it is, by its content -------------------------------------------------------------------------------


def _logo_type(content: bytes) -> str:
    """image/png or image/jpeg. SVG is refused: it can carry scripts and calls to other sites."""
    if len(content) > LARGEST_LOGO:
        raise BadInput(_("标志图片超过 200 KB，请缩小后再传，例如 512×512 像素的 PNG。"), field="logo")
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml", b"<!doctype", b"<html", b"<!--")):
        raise BadInput(_("不接受 SVG：它可以夹带脚本。请转成 PNG 或 JPEG 再传。"), field="logo")
    size = _png_size(content) or _jpeg_size(content)
    if size is None:
        raise BadInput(_("文件内容不是 PNG 或 JPEG 图片（与扩展名无关）。请另存为 PNG 再传。"), field="logo")
    if not all(1 <= side <= LONGEST_SIDE for side in size):
        message = _("图片为 %(width)s×%(height)s 像素，每边须在 1 到 2000 之间，例如 512×512。")
        raise BadInput(message % {"width": size[0], "height": size[1]}, field="logo")
    return "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"


def _png_size(content: bytes) -> tuple[int, int] | None:
    """From the header; the picture must also end as a PNG does, so that nothing is carried behind it."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR") or not content.endswith(b"IEND\xaeB`\x82"):
        return None
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """From the frame header, found by walking the segments."""
    if not content.startswith(b"\xff\xd8\xff") or not content.rstrip(b"\x00").endswith(b"\xff\xd9"):
        return None
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(content[at + 7 : at + 9], "big"), int.from_bytes(content[at + 5 : at + 7], "big")
        at += 2 + max(length, 2)
    return None
