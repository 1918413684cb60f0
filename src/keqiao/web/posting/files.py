"""Files of public items: who may open which, the catalogue says."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel.errors import NotFound
from keqiao.kernel.pages import actor_of, page
from keqiao.submissions import selectors as submissions
from keqiao.web.posting.uploads import sent


@page
def need_file(request: HttpRequest, code: str, file_id: int) -> FileResponse:
    actor = actor_of(request)
    need = catalogue.get_need(code, actor=actor)
    return sent(catalogue.get_attachment(need, file_id, actor=actor).file)


@page
def achievement_file(request: HttpRequest, code: str, file_id: int) -> FileResponse:
    actor = actor_of(request)
    achievement = catalogue.get_achievement(code, actor=actor)
    return sent(catalogue.get_attachment(achievement, file_id, actor=actor).file)


@page
def draft_file(request: HttpRequest, code: str, file_id: int) -> FileResponse:
    """A file of a draft, for those who may see the draft."""
    actor = actor_of(request)
    draft = submissions.get_submission(code, actor=actor)
    found = submissions.files_seen_by(draft, draft.content, actor=actor).get(file_id)
    if found is None:
        raise NotFound
    return sent(found)
