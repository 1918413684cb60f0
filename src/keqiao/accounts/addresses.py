"""E-mail addresses and mobile numbers as people write them, and as they are kept. Pure."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from keqiao.accounts.types import Channel
from keqiao.kernel.errors import BadInput

LONGEST_EMAIL = 150  # Django's user name, which holds it too
MAINLAND = re.compile(r"1[3-9][0-9]{9}")
ABROAD = re.compile(r"\+[1-9][0-9]{6,14}")
FILLERS = re.compile(r"[\s\-().]")


def read_address(text: str) -> tuple[Channel, str]:
    """Which channel an address belongs to, and the address as it is kept. Raises BadInput."""
    if "@" in unicodedata.normalize("NFKC", text):
        return Channel.EMAIL, read_email(text)
    return Channel.SMS, read_mobile(text)


def read_email(text: str) -> str:
    email = unicodedata.normalize("NFKC", text).strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        email = ""
    if not email or len(email) > LONGEST_EMAIL:
        raise BadInput(_("电子邮箱不对：请核对“@”前后，例如 xu@chengyuan.example。"), field="address")
    return email


def read_mobile(text: str) -> str:
    """E.164: eleven digits are a number of mainland China, others begin with + and the country's code."""
    number = FILLERS.sub("", unicodedata.normalize("NFKC", text))
    number = f"+{number[2:]}" if number.startswith("00") else number
    number = f"+86{number}" if MAINLAND.fullmatch(number) else number
    is_right = MAINLAND.fullmatch(number[3:]) if number.startswith("+86") else ABROAD.fullmatch(number)
    if not is_right:
        raise BadInput(
            _("手机号或邮箱不对：手机号为 11 位，境外号码以“+”和国家代码开头，例如 13800138000、+4915112345678。"),
            field="address",
        )
    return number


def masked(address: str) -> str:
    """Enough to recognise one's own address, too little to learn another's."""
    name, at, domain = address.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return f"{address[:-8]}****{address[-4:]}" if len(address) > 9 else "****"
