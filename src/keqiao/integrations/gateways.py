"""Outside systems: the addresses of organisations' webhooks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from keqiao.kernel import outgoing
from keqiao.kernel.outgoing import Answered

SIGNATURE = "Keqiao-Signature"


def signature(secrets: Sequence[str], body: str, at: int) -> str:
    """`t=…,v1=…`, one v1 for each secret that is good now: the receiver takes the message if one of them fits."""
    signed = f"{at}.{body}".encode()
    proofs = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={at}", *(f"v1={proof}" for proof in proofs)])


def post(url: str, body: str, *, secrets: Sequence[str], at: int, code: str, kind: str) -> Answered:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        SIGNATURE: signature(secrets, body, at),
        "Keqiao-Delivery": code,
        "Keqiao-Kind": kind,
    }
    return outgoing.post(url, body.encode(), headers)
