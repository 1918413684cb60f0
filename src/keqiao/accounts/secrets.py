"""What the site's own key protects: addresses on their way to a job, TOTP keys at rest."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet
from django.utils.crypto import salted_hmac

from keqiao.accounts.models import OneTimeCode
from keqiao.accounts.types import CODE_DIGITS


def seal(text: str) -> str:
    """Readable only with the site's key: job rows and tables never hold the text itself."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    return _box().decrypt(sealed.encode()).decode()


def hashed(text: str, *, use: str) -> str:
    """Finds or proves a text without keeping it."""
    return salted_hmac(f"keqiao.accounts.{use}", text, algorithm="sha256").hexdigest()


def code_of(row: OneTimeCode) -> str:
    """Derived from the row's salt with the site's key: the database alone does not tell it."""
    number = int(hashed(f"{row.pk}|{row.code_hash}|{row.purpose}", use="code"), 16)
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(salted_hmac("keqiao.accounts.box", "", algorithm="sha256").digest()))
