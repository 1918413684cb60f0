"""The signed link that stops one watch from a mail: it works without signing in, for that watch alone."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.core import signing

from keqiao.kernel.errors import NotFound

SALT = "keqiao.alerts.stop"


def link(code: str) -> str:
    return f"{settings.SITE_URL}/alerts/stop?{urlencode({'t': signing.dumps(code, salt=SALT)})}"


def read(token: str) -> str:
    """The code of the watch. NotFound for a link that was not made here."""
    try:
        return str(signing.loads(token, salt=SALT))
    except signing.BadSignature:
        raise NotFound from None
