"""Documents that somebody uploaded, as they are handed out."""

from __future__ import annotations

from typing import Any, cast

from django.http import FileResponse, HttpResponse

from keqiao.kernel import files


def paper(file: Any) -> HttpResponse:
    """Always saved, never shown inside the site: what somebody uploaded does not run here."""
    answer = FileResponse(files.open_file(file), as_attachment=True, filename=file.name, content_type=file.media_type)
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer["Cache-Control"] = "private, no-store"
    return cast("HttpResponse", answer)  # the stubs keep streamed answers apart
