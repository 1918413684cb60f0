"""Uploads that stop at the largest size that is taken, and files that are sent to a browser."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import FileResponse, HttpRequest

from keqiao.kernel import files

SLACK = 64 * 1024


class StopsWhenTooLarge(FileUploadHandler):
    """Counts the bytes that arrive. Beyond the limit nothing more is kept, in memory or on disk."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.size = 0
        self.is_too_large = False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002 -- Django's signature
        self.size += len(raw_data)
        if self.size > files.LARGEST + SLACK:
            self.is_too_large = True
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> Any:  # noqa: ARG002 -- Django's signature
        return None


def sent(file: Any) -> FileResponse:
    """A stored file, to be saved and never shown in the page's own name."""
    response = FileResponse(
        files.open_file(file), as_attachment=True, filename=file.name, content_type=file.media_type or None
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
