"""The token of an invitation: made from its code and the site's secret, so that no table holds it."""

import hashlib

from django.utils.crypto import salted_hmac


def token_of(code: str) -> str:
    """The mail job makes it again from the row; who reads the table alone cannot."""
    return salted_hmac("keqiao.parties.invitation", code, algorithm="sha256").hexdigest()


def hash_of(token: str) -> str:
    return hashlib.sha256(token[:200].encode()).hexdigest()
