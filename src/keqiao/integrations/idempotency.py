"""A changing request with an Idempotency-Key is carried out once.

Request and stored answer share one transaction: a crash in between leaves neither, so the client's next attempt does the
work; after the commit, the next attempt gets the stored answer. A second request that comes while the first one runs
does not wait: it is told to come back. Refusals are not stored, since they changed nothing.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from keqiao.integrations.models import StoredAnswer, Token
from keqiao.integrations.types import IdempotencyConflict, IdempotencyRunning
from keqiao.kernel import clock
from keqiao.kernel.commands import LOCK_WAIT
from keqiao.kernel.errors import BadInput
from keqiao.kernel.parameters import parameter

KEY = re.compile(r"[\x21-\x7e]{1,200}")
KEPT_HEADERS = ("Content-Type", "Location", "ETag")


def once(token: Token, key: str, request: HttpRequest, carry_out: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of `carry_out`, or the one that was stored when the same request was carried out before."""
    if not KEY.fullmatch(key):
        raise BadInput(
            _("Idempotency-Key 由 1 至 200 个可见的 ASCII 字符组成，例如一个 UUID。"), field="Idempotency-Key"
        )
    asked = hash_of(request)
    with transaction.atomic():
        _claim(token, key)
        kept = StoredAnswer.objects.filter(token=token, key=key).first()
        if kept is not None:
            return _again(kept, asked)
        with connection.cursor() as cursor:  # commands inside join this transaction, and wait no longer than alone
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        answer = carry_out()
        if answer.status_code >= 500:  # a bug or a lost database: as if nothing had been asked
            transaction.set_rollback(True)
        elif answer.status_code < 400:
            _keep(token, key, request, asked, answer)
        return answer


def hash_of(request: HttpRequest) -> str:
    """What makes two requests the same: method, path, query, organisation and body, without a form's boundary."""
    digest = hashlib.sha256(
        f"{request.method} {request.get_full_path()} {request.headers.get('Keqiao-Organisation', '')}\n".encode()
    )
    if request.content_type == "multipart/form-data":
        for name, values in sorted(request.POST.lists()):
            digest.update(repr((name, values)).encode())
        for name, files in sorted(request.FILES.lists()):
            for file in files:
                digest.update(repr((name, getattr(file, "name", ""))).encode())
                for chunk in file.chunks():
                    digest.update(chunk)
                file.seek(0)
    else:
        digest.update(request.body)
    return digest.hexdigest()


def _claim(token: Token, key: str) -> None:
    """One at a time, until the end of this transaction; a second one is told at once."""
    (number,) = struct.unpack("q", hashlib.sha256(f"{token.pk}\n{key}".encode()).digest()[:8])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise IdempotencyRunning


def _again(kept: StoredAnswer, asked: str) -> HttpResponse:
    if kept.request_hash != asked:
        raise IdempotencyConflict
    answer = HttpResponse(bytes(kept.body), status=kept.status, headers=kept.headers)
    answer["Idempotency-Replayed"] = "true"
    return answer


def _keep(token: Token, key: str, request: HttpRequest, asked: str, answer: HttpResponse) -> None:
    StoredAnswer.objects.create(
        token=token,
        key=key,
        operation=f"{request.method} {request.path}"[:300],
        request_hash=asked,
        status=answer.status_code,
        headers={name: answer[name] for name in KEPT_HEADERS if name in answer},
        body=answer.content,
    )


def forget_old() -> int:
    """Called by the job: answers older than the parameter says. How many."""
    days = int(parameter("integrations.answer_kept_days", on=clock.today()))
    return StoredAnswer.objects.filter(created_at__lt=clock.now() - timedelta(days=days)).delete()[0]
