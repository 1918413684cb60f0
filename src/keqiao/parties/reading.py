"""Reading what people type about organisations and themselves: names, identifiers with check digits, papers."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from stdnum import isni, lei
from stdnum.exceptions import ValidationError as NumberError
from stdnum.iso7064 import mod_11_2

from keqiao.kernel.errors import BadInput
from keqiao.kernel.identifiers import CreditCodeError, read_credit_code
from keqiao.parties.types import Scheme

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
MAGIC = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
MEGABYTE = 1024 * 1024


class Upload(Protocol):
    """A file as a form or the API hands it over."""

    name: str | None
    size: int | None

    def chunks(self) -> Any: ...


def plain(text: str, longest: int, field: str, *, lines: bool = False) -> str:
    """Trimmed text without control characters; too much of it is refused, never cut."""
    kept = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    kept = "".join(c for c in kept if (c == "\n" and lines) or unicodedata.category(c) not in {"Cc", "Cs", "Co"})
    kept = kept.strip() if lines else re.sub(r"\s+", " ", kept).strip()
    if len(kept) > longest:
        message = _("写得太长：最多 %(most)s 个字，现在是 %(now)s 个。")
        raise BadInput(message % {"most": longest, "now": len(kept)}, field=field)
    return kept


def credit_code(text: str, field: str = "credit_code") -> str:
    """As it is kept: both check digits right (GB 32100-2015)."""
    try:
        return read_credit_code(text)
    except CreditCodeError as error:
        message = _("统一社会信用代码“%(text)s”不对：请核对 18 位字符，例如 %(example)s。")
        raise BadInput(message % {"text": error.text, "example": error.example}, field=field) from error


def email(text: str, field: str = "email") -> str:
    address = text.strip()
    try:
        validate_email(address)
    except ValidationError:
        raise BadInput(_("电子邮箱写得不对，例如 wang@example.org。"), field=field) from None
    return address.casefold()


def orcid(text: str, field: str = "orcid") -> str:
    """0000-0002-1825-0097; the last character is a check digit (ISO 7064 mod 11-2). Given as an address is fine too."""
    number = re.sub(r"^https?://(?:www\.)?orcid\.org/", "", text.strip(), flags=re.IGNORECASE)
    number = re.sub(r"[\s‐‑–-]", "", number).upper()
    if not re.fullmatch(r"[0-9]{15}[0-9X]", number) or not mod_11_2.is_valid(number):
        message = _("ORCID“%(text)s”不对：16 位，最后一位是校验位，例如 0000-0002-1825-0097。")
        raise BadInput(message % {"text": text.strip()[:40]}, field=field)
    return "-".join(number[i : i + 4] for i in range(0, 16, 4))


EXAMPLES = {
    Scheme.LEI: "529900T8BM49AURSDO55",
    Scheme.ROR: "https://ror.org/05a28rw58",
    Scheme.ISNI: "0000 0001 2156 2780",
    Scheme.GRID: "grid.5801.c",
    Scheme.REGISTRATION: "DE HRB 12345",
}


def identifier(scheme: str, text: str, field: str = "value") -> str:
    """The identifier in its normal form; check digits are verified where the register has them."""
    readers = {
        Scheme.LEI: _lei,
        Scheme.ROR: _ror,
        Scheme.ISNI: _isni,
        Scheme.GRID: _grid,
        Scheme.REGISTRATION: _registration,
    }
    if scheme not in Scheme.values:
        raise BadInput(_("没有这种标识。可选：LEI、ROR、ISNI、GRID、境外登记号。"), field="scheme")
    known = Scheme(scheme)
    found = readers[known](text.strip()[:80])
    if not found:
        message = _("%(scheme)s“%(text)s”不对：请核对每一位和校验位，例如 %(example)s。")
        words = {"scheme": known.label, "text": text.strip()[:60], "example": EXAMPLES[known]}
        raise BadInput(message % words, field=field)
    return found


def _lei(text: str) -> str:
    """ISO 17442: 20 characters, the last two are check digits (ISO 7064 mod 97-10)."""
    try:
        return str(lei.validate(re.sub(r"[\s-]", "", text).upper()))
    except NumberError:
        return ""


def _ror(text: str) -> str:
    """A zero, six characters of Crockford's base 32, two check digits: 98 minus (number × 100 mod 97)."""
    number = re.sub(r"^(?:https?://)?ror\.org/", "", text.lower())
    if not re.fullmatch(rf"0[{CROCKFORD}]{{6}}[0-9]{{2}}", number):
        return ""
    value = 0
    for character in number[:7]:
        value = value * 32 + CROCKFORD.index(character)
    return f"https://ror.org/{number}" if int(number[7:]) == 98 - (value * 100) % 97 else ""


def _isni(text: str) -> str:
    try:
        return str(isni.format(isni.validate(re.sub(r"^https?://(?:www\.)?isni\.org/(?:isni/)?", "", text))))
    except NumberError:
        return ""


def _grid(text: str) -> str:
    found = re.fullmatch(r"grid\.[0-9]{3,7}\.[0-9a-f]{1,2}", text.lower())
    return found[0] if found else ""


def _registration(text: str) -> str:
    """A country (ISO 3166, two letters) and the number in its register."""
    found = re.fullmatch(r"([A-Za-z]{2})[\s:-]+([\w./ -]{3,50})", text)
    return f"{found[1].upper()} {' '.join(found[2].upper().split())}" if found else ""


def region(text: str, field: str = "region") -> str:
    code = text.strip()
    if code and not re.fullmatch(r"[0-9A-Za-z-]{2,12}", code):
        raise BadInput(_("地区写成地区表里的代码，例如 999901。"), field=field)
    return code


def paper(upload: Upload | None, *, most_mb: int, field: str) -> str:
    """The media type of a licence or a piece of evidence, told by its first bytes, whatever its name says."""
    if upload is None or not upload.size:
        raise BadInput(_("请上传扫描件或照片：PDF、PNG 或 JPEG，例如 营业执照.pdf。"), field=field)
    if upload.size > most_mb * MEGABYTE:
        message = _("文件有 %(now)s MB，最多 %(most)s MB。请缩小图片或另存为 PDF 后再传。")
        raise BadInput(message % {"now": -(-upload.size // MEGABYTE), "most": most_mb}, field=field)
    first = next(iter(upload.chunks()), b"")[:16]
    found = next((kind for magic, kind in MAGIC.items() if first.startswith(magic)), "")
    if not found:
        message = _("“%(name)s”的内容不是 PDF、PNG 或 JPEG。请上传扫描件或照片，例如 营业执照.pdf。")
        raise BadInput(message % {"name": (upload.name or "")[-60:]}, field=field)
    return found
