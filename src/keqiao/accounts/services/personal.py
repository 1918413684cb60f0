"""Commands: a copy of one's own data, erasure after a time to think it over, and records that have had their time."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from keqiao.accounts.models import DataExport, ErasureRequest, StandingIn
from keqiao.accounts.types import ExportState, NotConfirmed
from keqiao.kernel import clock, files, notices, personal
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.models import Notice
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

__all__ = [
    "ask_for_erasure",
    "ask_for_export",
    "begin_export",
    "cancel_erasure",
    "drop_old_exports",
    "erase_person",
    "fail_export",
    "finish_export",
    "forget_old_records",
    "note_export_progress",
]

JOB = "keqiao.accounts.tasks.make_export"  # by its name: tasks stand above services
OPEN = (ExportState.WAITING, ExportState.RUNNING)
READ_ME = """\
这份文件是本站保存的关于您的数据，按模块分开，JSON 格式，UTF-8 编码。
This file holds what the site keeps about you, by module, as JSON in UTF-8.
"""


# --- a copy of one's own data -------------------------------------------------------------------------------------------


@command
def ask_for_export(*, actor: Actor) -> DataExport:
    """Ask for a copy of what is held about oneself. One at a time; a job puts it together."""
    if actor.person_id is None:
        raise NotAllowed
    try:
        with transaction.atomic():
            export = DataExport.objects.create(person_id=actor.person_id)
    except IntegrityError:
        raise WrongState(_("上一份还在整理，请等它完成。")) from None
    record("accounts.export_asked", export, actor=actor, person_id=actor.person_id)
    app.configure_task(JOB, queue="kernel").defer(export_id=export.pk)
    return export


@command
def begin_export(*, actor: Actor, export_id: int, part_count: int) -> DataExport | None:
    """None when there is nothing to do: it is ready already, or its owner was erased meanwhile."""
    export = _locked_export(actor, export_id)
    if export.state not in {*OPEN, ExportState.FAILED}:
        return None
    export.state, export.part_count, export.parts_done = ExportState.RUNNING, part_count, 0
    export.save(update_fields=["state", "part_count", "parts_done"])
    return export


@command
def note_export_progress(*, actor: Actor, export_id: int, parts_done: int) -> bool:
    """False when it was stopped."""
    export = _locked_export(actor, export_id)
    if export.state != ExportState.RUNNING:
        return False
    export.parts_done = parts_done
    export.save(update_fields=["parts_done"])
    return True


@command
def finish_export(*, actor: Actor, export_id: int, parts: dict[str, Any]) -> DataExport | None:
    """Keep the file for its days and tell its owner. Nothing is kept for somebody who was erased meanwhile."""
    export = _locked_export(actor, export_id)
    if export.state != ExportState.RUNNING:
        return None
    now = clock.now()
    content = _zipped(parts, made_at=now.isoformat())
    export.file = files.store(
        actor=actor, name=f"export-{export.pk}.zip", media_type="application/zip", chunks=[content]
    )
    export.state, export.done_at = ExportState.READY, now
    export.expires_at = now + timedelta(days=parameter("accounts.export_kept_days", on=clock.today()))
    export.save(update_fields=["file", "state", "done_at", "expires_at"])
    record("accounts.export_made", export, actor=actor, person_id=export.person_id)
    notices.tell(
        actor=actor,
        person_id=export.person_id,
        kind="accounts.export_ready",
        key=f"accounts.export:{export.pk}",
        title_zh="您的个人数据已整理好，可以下载。",
        title_en="The copy of your personal data is ready.",
        link="/me/privacy",
    )
    return export


@command
def fail_export(*, actor: Actor, export_id: int) -> None:
    """The job could not go on; it tries again, and the person may ask anew."""
    export = _locked_export(actor, export_id)
    if export.state in OPEN:
        export.state = ExportState.FAILED
        export.save(update_fields=["state"])


@command
def drop_old_exports(*, actor: Actor) -> int:
    """Delete the files whose days are over."""
    _system_only(actor)
    old = DataExport.objects.filter(state=ExportState.READY, expires_at__lte=clock.now())
    return _drop_exports(old)


def _drop_exports(exports: QuerySet[DataExport]) -> int:
    count = 0
    for export in exports.select_related("file").select_for_update(of=("self",)):
        file, export.file, export.state = export.file, None, ExportState.EXPIRED
        export.save(update_fields=["file", "state"])
        if file is not None:
            files.discard(file)
        count += 1
    return count


def _locked_export(actor: Actor, export_id: int) -> DataExport:
    _system_only(actor)
    return DataExport.objects.select_for_update(no_key=True).get(pk=export_id)


def _system_only(actor: Actor) -> None:
    if not actor.is_system:
        raise NotAllowed


def _zipped(parts: dict[str, Any], *, made_at: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", READ_ME)
        archive.writestr("manifest.json", json.dumps({"made_at": made_at, "parts": sorted(parts)}, indent=2))
        for name, part in parts.items():
            archive.writestr(f"{name}.json", json.dumps(part, ensure_ascii=False, indent=2, default=str))
    return out.getvalue()


# --- erasure ------------------------------------------------------------------------------------------------------------


@command
def ask_for_erasure(*, actor: Actor, is_confirmed: bool) -> ErasureRequest:
    """Ask to be erased once the waiting time is over. `is_confirmed`: the session proved just now who it is."""
    if actor.person_id is None:
        raise NotAllowed
    if not is_confirmed:
        raise NotConfirmed
    if actor.operates_somewhere and parties.people_in_posts([Role.ADMINISTRATOR]).count() < 2:
        raise WrongState(_("您是最后一位平台管理员，不能注销。请先指定另一位管理员。"))
    now = clock.now()
    days = parameter("accounts.erasure_wait_days", on=clock.today())
    try:
        with transaction.atomic():
            request = ErasureRequest.objects.create(
                person_id=actor.person_id, asked_at=now, due_at=now + timedelta(days=days)
            )
    except IntegrityError:
        raise WrongState(_("您已经申请过注销，正在冷静期内。")) from None
    record("accounts.erasure_asked", request, actor=actor, person_id=actor.person_id)
    return request


@command
def cancel_erasure(*, actor: Actor) -> ErasureRequest:
    """Call it off while the waiting time runs."""
    requests = ErasureRequest.objects.filter(cancelled_at=None, done_at=None)
    request = requests.select_for_update(no_key=True).filter(person_id=actor.person_id or 0).first()
    if request is None:
        raise WrongState(_("没有等待中的注销申请。"))
    request.cancelled_at = clock.now()
    request.save(update_fields=["cancelled_at"])
    record("accounts.erasure_cancelled", request, actor=actor, person_id=actor.person_id)
    return request


@command
def erase_person(*, actor: Actor, request_id: int) -> bool:
    """Carry out a request whose time has come: all contexts or none. False when it was called off or done already."""
    _system_only(actor)
    request = ErasureRequest.objects.select_for_update(no_key=True).get(pk=request_id)
    if request.cancelled_at or request.done_at or request.due_at > clock.now():
        return False
    personal.erase(request.person_id)
    request.done_at = clock.now()
    request.save(update_fields=["done_at"])
    record("accounts.person_erased", request, actor=actor, person_id=request.person_id)
    return True


# --- records that have had their time -------------------------------------------------------------------------------------


@command
def forget_old_records(*, actor: Actor) -> dict[str, int]:
    """Remove sessions, notices and standing-ins older than the parameters say. How many of each."""
    _system_only(actor)
    from allauth.usersessions.models import UserSession

    now, today = clock.now(), clock.today()

    def before(name: str) -> Any:
        return now - timedelta(days=parameter(f"accounts.{name}_kept_days", on=today))

    unused = UserSession.objects.filter(last_seen_at__lt=before("sessions"))
    keys = list(unused.values_list("session_key", flat=True))
    return {
        "sessions": _deleted(Session.objects.filter(Q(expire_date__lt=now) | Q(session_key__in=keys))),
        "sign_ins": _deleted(unused),
        "notices": _deleted(Notice.objects.filter(created_at__lt=before("notices"))),
        "standing_ins": _deleted(StandingIn.objects.filter(ends_at__lt=before("standing_in"))),
    }


def _deleted(rows: QuerySet[Any, Any]) -> int:
    model: type[Model] = rows.model
    _all, by_model = rows.delete()
    return by_model.get(model._meta.label, 0)  # noqa: SLF001 -- Django's documented model API
