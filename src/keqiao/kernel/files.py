"""Files lie in the data folder under their sha256; a row says what each is. Who may open one is the owner's business."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.models import StoredFile

LARGEST = 50 * 1024 * 1024


class FileTooLarge(BadInput):
    """More bytes than the platform takes."""

    message = _("文件超过 50 MB。请压缩或拆分后再传，例如只传测试报告的正文。")


def folder() -> Path:
    return Path(settings.DATA_DIR) / "files"


def path_of(digest: str) -> Path:
    return folder() / digest[:2] / digest


@command
def store(*, actor: Any, name: str, media_type: str, chunks: Iterable[bytes]) -> StoredFile:
    """Keep a file. The bytes are on disk before the row exists: a crash leaves an unused file, never a broken row."""
    if not actor.is_known:
        raise NotAllowed
    digest, size = _write(chunks)
    return StoredFile.objects.create(
        digest=digest, name=Path(name).name[:255], media_type=media_type[:120], size=size, stored_by_id=actor.person_id
    )


def open_file(file: StoredFile) -> BinaryIO:
    return path_of(file.digest).open("rb")


def _write(chunks: Iterable[bytes]) -> tuple[str, int]:
    folder().mkdir(parents=True, exist_ok=True)
    sha, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=folder(), delete=False) as draft:
        try:
            for chunk in chunks:
                size += len(chunk)
                if size > LARGEST:
                    raise FileTooLarge  # noqa: TRY301 -- the draft is removed below, whatever went wrong
                sha.update(chunk)
                draft.write(chunk)
            draft.flush()
            os.fsync(draft.fileno())
        except BaseException:
            Path(draft.name).unlink()
            raise
    target = path_of(sha.hexdigest())
    target.parent.mkdir(exist_ok=True)
    Path(draft.name).replace(target)
    return sha.hexdigest(), size


def discard(file: StoredFile) -> None:
    """Inside a command: the row goes now, the bytes after the commit unless another row needs the same ones."""
    digest = file.digest
    file.delete()

    def remove_bytes() -> None:
        if not StoredFile.objects.filter(digest=digest).exists():
            path_of(digest).unlink(missing_ok=True)

    transaction.on_commit(remove_bytes)
