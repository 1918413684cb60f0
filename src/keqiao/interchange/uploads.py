"""An upload is measured while it comes in: what is beyond the limit is read past, never stored."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from keqiao.kernel.files import LARGEST

CHUNK = 1 << 16


class Measured(FileUploadHandler):
    """Stands before the handlers that store: stops them at the first byte too many."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.size = 0
        request.is_upload_too_large = False  # type: ignore[attr-defined]  # read by the view

    def new_file(self, *given: Any, **named: Any) -> None:
        super().new_file(*given, **named)
        self.size = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002 -- Django's signature
        self.size += len(raw_data)
        if self.size > LARGEST:
            self.request.is_upload_too_large = True  # type: ignore[union-attr]
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> None:  # noqa: ARG002 -- Django's signature
        return None


def measure(request: HttpRequest) -> None:
    """Call before anything reads the form."""
    request.upload_handlers.insert(0, Measured(request))


def is_too_large(request: HttpRequest) -> bool:
    return bool(getattr(request, "is_upload_too_large", False))
